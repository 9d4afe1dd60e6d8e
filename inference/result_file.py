"""Results on disk: netCDF that ArviZ opens, written whole or not at all, and checked before it is read.

After the HDF5 bytes stands one line of text with their SHA-256; netCDF readers do not look at it.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import secrets
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import xarray as xr

from ..errors import Fault, InputError, shown
from .locked_file import lock
from .result import SCHEMA
from .result_layout import declaration_fault, layout_fault

_MAGIC = b"\x89HDF\r\n\x1a\n"
_TRAILER = re.compile(rb"\n#dissensus sha256 ([0-9a-f]{64})\n\Z")
_TRAILER_LENGTH = 84
_LARGE = 1 << 28
_CHARACTERS = 200_000_000
"""Up to this size a variable of texts is stored as fixed-width characters, which is faster than as strings."""


def save(fit: xr.DataTree, path: str | os.PathLike[str], *, force: bool = False) -> None:
    """Write a result as netCDF, whole or not at all.

    The file is written under another name beside ``path``, read back, compared with ``fit``, and only then given its
    name: whatever interrupts it, a result that was there stays. ``az.from_netcdf`` opens it.

    Parameters
    ----------
    fit
        A result of :func:`fit`.
    path
        The file to write.
    force
        Replace a file that exists.

    Raises
    ------
    InputError
        If the file exists and ``force`` is False, or cannot be written.
    """
    target = check_target(path, force=force)
    prefix = f".dissensus-{hashlib.sha256(target.name.encode()).hexdigest()[:12]}-"
    _remove_leftovers(target.parent, prefix)
    partial = target.with_name(f"{prefix}{secrets.token_hex(8)}.partial")
    try:
        data = fit.to_netcdf(engine="h5netcdf", encoding=_encoding(fit))
        digest = hashlib.sha256(data).hexdigest()
        # an ordinary file of the user's umask; O_EXCL never follows a link laid there
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666), "wb") as file:
            lock(file)
            file.write(data)
            file.write(f"\n#dissensus sha256 {digest}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        del data
        if not fit.identical(_parsed(_checked_bytes(partial), partial)):
            message = "The result reads back differently from what was written."
            raise InputError(_fault("not-faithful", path, message, "Check the disk and the labels of the agents."))
        move_into_place(partial, target, path, force=force)
    except OSError as error:
        message = f"The result cannot be written: {error.strerror or shown(error)}."
        raise InputError(_fault("not-writable", path, message, "Check free space and permissions.")) from None
    finally:
        partial.unlink(missing_ok=True)


def _remove_leftovers(folder: Path, prefix: str) -> None:
    """Remove what processes that were killed while they wrote this result left behind."""
    for leftover in folder.glob(f"{prefix}*.partial"):
        with contextlib.suppress(OSError), open(leftover, "rb") as file:
            if lock(file):  # else another process is writing it
                leftover.unlink()


def check_target(path: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Return where a result would be written, links resolved, or refuse before any work is done.

    Parameters
    ----------
    path, force
        As for :func:`save`.

    Raises
    ------
    InputError
        If nothing can be written there, or a file exists and ``force`` is False.
    """
    if "://" in str(path):
        message = "A result is written to disk, never to an address."
        raise InputError(_fault("url", path, message, "Give the path of a file."))
    try:
        target = Path(os.path.realpath(path))
        mode = target.stat().st_mode if target.exists() else None
        folder = target.parent.is_dir()
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        message = f"The result cannot be written: {shown(error)}."
        raise InputError(_fault("not-writable", path, message, "Give another path.")) from None
    if not folder:
        message = f"There is no folder {shown(target.parent)}."
        raise InputError(_fault("no-folder", path, message, "Make it, or give another path."))
    if mode is not None and not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "not an ordinary file"
        raise InputError(_fault("not-a-file", path, f"The result path is {what}.", "Give the path of a file."))
    if mode is not None and not force:
        remedy = "Give another path, or --force (force=True) to replace it."
        raise InputError(_fault("exists", path, "The file exists.", remedy))
    if not os.access(target.parent, os.W_OK | os.X_OK):
        message = f"The folder {shown(target.parent)} cannot be written to."
        raise InputError(_fault("not-writable", path, message, "Check its permissions, or give another path."))
    return target


def load(path: str | os.PathLike[str]) -> xr.DataTree:
    """Read a result written by :func:`save` into memory; its checksum is verified before it is parsed.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    xarray.DataTree
        The result as :func:`fit` returned it. The file is closed.

    Raises
    ------
    InputError
        If it is not a whole, unchanged result of this layout.
    """
    return _parsed(_checked_bytes(path), path)


_BINARY = getattr(os, "O_BINARY", 0)


def _fault(code: str, path: str | os.PathLike[str], message: str, remedy: str) -> Fault:
    return Fault(code=code, message=message, remedy=remedy, file=str(path))


def _encoding(fit: xr.DataTree) -> dict[str, dict[str, Any]]:
    """Return the encoding of every group: texts as characters, unless one long text would widen too many others."""
    encoding: dict[str, dict[str, Any]] = {}
    for node in fit.subtree:
        for name, variable in node.to_dataset(inherit=False).variables.items():
            if variable.dtype.kind not in "OU":
                continue
            longest = max(map(len, variable.values.ravel().tolist()), default=0)
            if longest * variable.size <= _CHARACTERS:
                encoding.setdefault(node.path, {})[str(name)] = {"dtype": "S1"}
    return encoding


def move_into_place(partial: Path, target: Path, path: str | os.PathLike[str], *, force: bool) -> None:
    """Give a finished file its name; without ``force`` never that of a file which has appeared since."""
    if force:
        os.replace(partial, target)
    else:
        try:
            os.link(partial, target)  # unlike replace, never onto a file that has appeared since
        except FileExistsError:
            check_target(path)
        except OSError:  # a file system without links
            check_target(path)
            os.replace(partial, target)
    with contextlib.suppress(OSError):  # some systems do not open folders
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _checked_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return the HDF5 bytes of a result, verified; what is parsed later is what was verified."""

    def refuse(code: str, message: str, remedy: str) -> InputError:
        return InputError(_fault(code, path, message, remedy))

    remedy = "Give a file written by dissensus fit."
    message = "The file has changed since it was written: its checksum does not match."
    changed = refuse("checksum", message, "Restore it from a copy, or fit again.")
    if "://" in str(path):
        raise refuse("url", "A result is read from disk, never from an address.", "Download it first.")
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "not an ordinary file"
            raise refuse("not-a-file", f"The result path is {what}.", remedy)
        with open(path, "rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise refuse("not-a-result", "The file is not a result.", remedy)
            length = file.seek(0, os.SEEK_END) - _TRAILER_LENGTH
            file.seek(max(length, 0))
            trailer = _TRAILER.search(file.read())
            if trailer is None:
                message = "The file does not end with its checksum: it was cut short, changed, or is not a result."
                raise refuse("no-checksum", message, "Restore it from a copy, or fit again.")
            file.seek(0)
            if length > _LARGE and _digest(file, length).encode() != trailer[1]:
                raise changed  # before it fills the memory
            file.seek(0)
            data = file.read(length)
    except InputError:
        raise
    except FileNotFoundError:
        raise refuse("no-file", "There is no such result file.", "Check the path.") from None
    except (OSError, ValueError) as error:
        message = f"The result cannot be read: {shown(error)}."
        raise refuse("unreadable", message, "Check its permissions.") from None
    if hashlib.sha256(data).hexdigest().encode() != trailer[1]:
        raise changed
    return data


def _digest(file: BinaryIO, length: int) -> str:
    """Return the SHA-256 of the next bytes of a file, without keeping them."""
    digest = hashlib.sha256()
    while length > 0 and (piece := file.read(min(length, 1 << 24))):
        digest.update(piece)
        length -= len(piece)
    return digest.hexdigest()


def _parsed(data: bytes, path: str | os.PathLike[str]) -> xr.DataTree:
    def refuse(code: str, message: str, remedy: str) -> InputError:
        return InputError(_fault(code, path, message, remedy))

    remedy = "Give a file written by dissensus fit."
    try:
        fault = declaration_fault(data)
        if fault is not None:
            raise refuse("not-a-result", f"The file is not a result: {fault}.", remedy)
        with _opened(data) as stored:
            attributes = {str(key): json.loads(text) for key, text in stored.attrs.items()}
            schema = attributes["schema"]
            nodes = dict(stored.subtree_with_keys) if schema == SCHEMA else {}
            groups = {key: node.to_dataset(inherit=False).load().drop_encoding() for key, node in nodes.items()}
        tree = xr.DataTree.from_dict(groups)
        fault = layout_fault(groups, attributes) if schema == SCHEMA else None
    except InputError:
        raise
    except Exception as error:  # whatever the libraries below make of a foreign file
        message = f"The file is not a result: {shown(error)}."
        raise refuse("not-a-result", message, remedy) from None
    if schema != SCHEMA:
        versions = attributes.get("versions")
        writer = shown(versions.get("dissensus")) if isinstance(versions, dict) else "unknown"
        message = (
            f"The result has layout {shown(schema)[:20]} of dissensus {writer}; this version reads layout {SCHEMA}."
        )
        raise refuse("schema", message, "Read it with that version, or fit again.")
    if fault is not None:
        raise refuse("not-a-result", f"The file is not a result: {fault}.", remedy)
    return tree


@contextlib.contextmanager
def _opened(data: bytes) -> Iterator[xr.DataTree]:
    with io.BytesIO(data) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", xr.SerializationWarning)  # of files that others have written
        with xr.open_datatree(file, engine="h5netcdf") as stored:
            yield stored
