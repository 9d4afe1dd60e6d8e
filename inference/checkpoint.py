"""Finished NUTS draws on disk, so that a run that is cut short can go on.

A checkpoint is one file that only grows. Each record is a line of JSON, which holds the length of what follows and the
SHA-256 of both, then the numbers themselves. A record that was being written when the process died is not whole: it and
whatever follows it are cut off. The first record says which run it belongs to.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from ..errors import Fault, InputError, shown
from .locked_file import open_locked
from .nuts import Segment

_MAGIC = b"#dissensus checkpoint 1\n"
_NAME = "file of finished draws"
_LINE = 1_000_000
"""Longest line of JSON in bytes."""
_SEGMENT = 1_000_000_000
"""Most bytes of numbers in a record."""


@dataclass(frozen=True)
class Finished:
    """How many draws of an area a checkpoint holds.

    Parameters
    ----------
    area
        The area.
    attempt
        Attempt of the sampler; a later one has smaller steps.
    draws
        Finished draws of each chain.
    """

    area: str
    attempt: int
    draws: tuple[int, ...]


@dataclass(frozen=True)
class Recovered:
    """What an interrupted run left.

    Parameters
    ----------
    run
        What the run is a function of: study, data, priors, seed, options, versions.
    finished
        Number of draws by area, attempt and chain.
    draws
        By area, the whitened draws that all chains of the last attempt have, (chain, draw, coordinate).
    complete
        False: these are the draws of an unfinished run.
    """

    run: dict[str, Any]
    finished: tuple[Finished, ...]
    draws: dict[str, NDArray[np.float64]]
    complete: bool = False


class Checkpoint:
    """The segments of a run, kept in a file; a :class:`~.nuts.SegmentStore`.

    The file says from the start which run it belongs to, its seed among the rest. It is removed when it is closed and
    holds no draws. Only one process may have it open.

    Parameters
    ----------
    path
        The file.
    run
        What the run is a function of, as JSON: choices, priors, seed, options, versions.
    resume
        Go on from what the file holds; without a file, begin.
    any_seed
        With ``resume``: a file that names another seed is gone on with, and ``run`` then holds that seed.

    Raises
    ------
    InputError
        If the file exists and ``resume`` is False, is not a checkpoint, belongs to another run, or is in use.
    """

    def __init__(
        self, path: str | os.PathLike[str], run: dict[str, Any], *, resume: bool, any_seed: bool = False
    ) -> None:
        self.path = Path(path)
        self.run: dict[str, Any] = json.loads(json.dumps(run))
        """What the run is a function of."""
        self._segments: dict[tuple[str, int, int, int], Segment] = {}
        self._closed = False
        self.damaged = 0
        """Bytes at the end of the file that were no whole record, and were cut off."""
        self._lock = threading.Lock()
        if not _exists(self.path):
            self._file = open_locked(self.path, "x+b", name=_NAME)
            self._begin(self._file)
            return
        self._file = open_locked(self.path, "r+b", name=_NAME)
        stored, segments, end = self._held(_read)
        if segments and not resume:
            self._file.close()
            message = "An interrupted run left its finished draws here."
            remedy = "Go on from them with --resume (resume=True), or remove the file to begin again."
            raise InputError(_fault("checkpoint-exists", self.path, message, remedy))
        self.damaged = self.path.stat().st_size - end
        if resume and any_seed and stored is not None and _is_seed(stored.get("seed")):
            self.run["seed"] = stored["seed"]
        if stored is None or not segments:
            self._begin(self._file)
            return
        self._held(lambda path: _require_same(path, stored, self.run))
        self._segments = segments
        self._file.truncate(end)
        self._file.seek(end)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def finished(self) -> tuple[Finished, ...]:
        """The draws it holds, by area and attempt."""
        return _finished(self._segments)

    def find(self, area: str, attempt: int, chain: int, number: int) -> Segment | None:
        """Return a segment, or None if it was not drawn yet."""
        return self._segments.get((area, attempt, chain, number))

    def keep(self, area: str, attempt: int, chain: int, number: int, segment: Segment) -> None:
        """Keep a segment; when this returns, it is on disk.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        with self._lock:
            if self._closed:  # an interrupted run: what its last threads still draw is not wanted
                return
            try:
                key = {"area": area, "attempt": attempt, "chain": chain, "number": number}
                head = {"kind": "segment", **key, "shape": segment.z.shape, "step": segment.step}
                self._file.write(_record(head, _pack(segment)))
                self._file.flush()
                os.fsync(self._file.fileno())
            except OSError as error:
                message = f"The finished draws cannot be written: {error.strerror or shown(error)}."
                raise InputError(
                    _fault("not-writable", self.path, message, "Check free space and permissions.")
                ) from None
            self._segments[area, attempt, chain, number] = segment

    def close(self) -> None:
        """Close the file; what is kept later is ignored."""
        with self._lock:
            self._closed = True
            self._file.close()
            if not self._segments:
                self.path.unlink(missing_ok=True)

    def _held[T](self, look: Callable[[Path], T]) -> T:
        """Return what a look at the file gives, and let go of it if that fails."""
        try:
            return look(self.path)
        except InputError:
            self._file.close()
            raise

    def _begin(self, file: BinaryIO) -> None:
        file.seek(0)
        file.truncate()
        file.write(_MAGIC + _record({"kind": "run", "run": self.run}, b""))
        file.flush()
        os.fsync(file.fileno())


def recover(path: str | os.PathLike[str]) -> Recovered:
    """Return what an interrupted run left.

    Nothing is checked, and no score is made of such draws: ``fit(…, resume=True)`` goes on from them.

    Parameters
    ----------
    path
        The checkpoint, ``RESULT.checkpoint`` after ``dissensus fit -o RESULT``.

    Raises
    ------
    InputError
        If it is not a checkpoint.
    """
    if not _exists(Path(path)):
        raise InputError(_fault("no-file", Path(path), "There is no such file of finished draws.", "Check the path."))
    run, segments, _ = _read(Path(path))
    draws = {}
    for done in _finished(segments):  # in order of the attempts, so the last one stays
        chains = []
        nothing = next(s.z[:0] for (a, t, _, _), s in segments.items() if (a, t) == (done.area, done.attempt))
        for chain in range(len(done.draws)):
            own = [s for (a, t, c, _), s in sorted(segments.items()) if (a, t, c) == (done.area, done.attempt, chain)]
            chains.append(np.concatenate([nothing, *(s.z for s in own)])[: min(done.draws)])
        draws[done.area] = np.stack(chains)
    return Recovered(run or {}, _finished(segments), draws)


def _finished(segments: dict[tuple[str, int, int, int], Segment]) -> tuple[Finished, ...]:
    lengths: dict[tuple[str, int], dict[int, int]] = {}
    for (area, attempt, chain, _), segment in sorted(segments.items()):
        of_chain = lengths.setdefault((area, attempt), {})
        of_chain[chain] = of_chain.get(chain, 0) + len(segment.z)
    return tuple(
        Finished(area, attempt, tuple(of_chain.get(c, 0) for c in range(max(of_chain) + 1)))
        for (area, attempt), of_chain in lengths.items()
    )


def _fault(code: str, path: Path, message: str, remedy: str) -> Fault:
    return Fault(code=code, message=message, remedy=remedy, file=str(path))


def _exists(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        message = f"The file of finished draws cannot be read: {shown(error)}."
        raise InputError(_fault("unreadable", path, message, "Give another path.")) from None
    if not stat.S_ISREG(mode):
        message = "The file of finished draws is not an ordinary file."
        raise InputError(_fault("not-a-file", path, message, "Move it away, or give another path for the result."))
    return True


def _record(head: dict[str, Any], numbers: bytes) -> bytes:
    head = head | {"bytes": len(numbers)}
    digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode() + numbers).hexdigest()
    return json.dumps(head | {"sha256": digest}, sort_keys=True).encode() + b"\n" + numbers + b"\n"


def _pack(segment: Segment) -> bytes:
    flags = np.stack([segment.diverging, segment.depth_reached]).astype(np.uint8)
    return segment.z.astype("<f8").tobytes() + segment.energy.astype("<f8").tobytes() + flags.tobytes()


def _unpack(head: dict[str, Any], numbers: bytes) -> Segment:
    draws, size = head["shape"]
    values = np.frombuffer(numbers, "<f8", draws * (size + 1)).astype(float)
    flags = np.frombuffer(numbers, np.uint8, 2 * draws, values.nbytes).astype(bool)
    if values.nbytes + flags.nbytes != len(numbers):
        raise ValueError("a segment of another length")
    z, energy = values[: draws * size].reshape(draws, size), values[draws * size :]
    return Segment(z, energy, flags[:draws], flags[draws:], float(head["step"]))


def _read(path: Path) -> tuple[dict[str, Any] | None, dict[tuple[str, int, int, int], Segment], int]:
    """Return the run, the segments and the end of the last whole record."""
    segments: dict[tuple[str, int, int, int], Segment] = {}
    run: dict[str, Any] | None = None
    end = 0
    try:
        with open(path, "rb") as file:
            magic = file.read(len(_MAGIC))
            if not _MAGIC.startswith(magic):
                message = "This is not a file of finished draws."
                raise InputError(
                    _fault("not-a-checkpoint", path, message, "Move it away, or give another path for the result.")
                )
            for head, numbers, position in _records(file):
                if head["kind"] == "run":
                    run = dict(head["run"])
                else:
                    key = (str(head["area"]), int(head["attempt"]), int(head["chain"]), int(head["number"]))
                    segments[key] = _unpack(head, numbers)
                end = position
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        message = f"The file of finished draws cannot be read: {shown(error)}."
        raise InputError(_fault("unreadable", path, message, "Remove it to begin again.")) from None
    return run, segments, end


def _records(file: BinaryIO) -> Iterator[tuple[dict[str, Any], bytes, int]]:
    """Yield the whole records, each with the place where it ends."""
    while line := file.readline(_LINE):
        try:
            head = json.loads(line)
            digest, length = head.pop("sha256"), head["bytes"]
        except (ValueError, KeyError, AttributeError, TypeError):
            return
        if not (isinstance(length, int) and 0 <= length <= _SEGMENT):
            return
        numbers = file.read(length)
        whole = json.dumps(head, sort_keys=True).encode() + numbers
        if file.read(1) != b"\n" or hashlib.sha256(whole).hexdigest() != digest:
            return
        yield head, numbers, file.tell()


def _is_seed(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _require_same(path: Path, stored: dict[str, Any], run: dict[str, Any]) -> None:
    differs = [key for key in sorted(stored.keys() | run.keys()) if stored.get(key) != run.get(key)]
    if differs:
        message = f"The finished draws belong to another run: {', '.join(differs).replace('_', ' ')} differs."
        remedy = "Give the study, table and options of that run, or remove the file to begin again."
        raise InputError(_fault("another-run", path, message, remedy))
