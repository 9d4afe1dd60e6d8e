"""One mutant against its tests: a scratch copy of the package, and a process forked for every mutant.

The process that forks has imported the libraries, never the package, so a mutant is imported afresh in 1 s, not 5.
"""

from __future__ import annotations

import compileall
import contextlib
import importlib
import json
import os
import py_compile
import resource
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "dissensus"
LIBRARIES = (
    *(
        "numpy",
        "scipy.special",
        "scipy.optimize",
        "scipy.linalg",
        "scipy.stats",
        "pandas",
        "xarray",
        "h5py",
        "h5netcdf",
    ),
    *("pydantic", "duckdb", "pyarrow", "psutil", "arviz_base", "arviz_stats", "arviz_stats.base"),
)
_MEMORY = 24 << 30  # address space; a mutant may ask for any size of array


@dataclass(frozen=True)
class Outcome:
    """What the tests made of a source.

    Parameters
    ----------
    state
        ``"survived"``, ``"killed"`` or ``"time-out"``.
    test
        The test that failed; empty if none did, or if the package or a test module could not be imported.
    seconds
        Time from the fork to the end.
    """

    state: str
    test: str
    seconds: float


@dataclass
class Baseline:
    """What the unchanged source does.

    Parameters
    ----------
    seconds
        Time of each test with its fixtures, by its id.
    reached
        Tests that reach a line, by file in the package and line.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    reached: dict[str, dict[int, list[str]]] = field(default_factory=dict)


class Tree:
    """A copy of the repository in which one module at a time is changed.

    Parameters
    ----------
    folder
        An empty folder. The package is laid out under ``lib`` as it is imported; tests and the rest stand as they are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        self.places: dict[str, Path] = {}
        for package, place in sorted(settings["tool"]["setuptools"]["package-dir"].items()):
            self.places[place] = folder / "lib" / Path(*package.split("."))
            shutil.copytree(folder / place, self.places[place], dirs_exist_ok=True)
        # By hash, not by time: a change within the same second is seen, and unchanged modules are not compiled again.
        compileall.compile_dir(
            folder / "lib", quiet=2, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH, workers=1
        )

    def module(self, name: str) -> Path:
        """Return where a module, named by its path in the repository, lies in the package."""
        place, file = name.rsplit("/", 1)
        return self.places[place] / file

    def baseline(self, modules: list[str], tests: list[str], limit: float) -> Baseline:
        """Return what the unchanged source does; a test that fails stops everything."""
        watched = {str(self.module(name)): name for name in modules}
        found = self.folder / "baseline.json"
        code = _forked(lambda: _run(self.folder, tests, Watch(watched, found)), self.folder / "output.txt", limit)
        if code != 0:
            raise SystemExit((self.folder / "output.txt").read_text()[-4000:] + "\nThe tests fail without any change.")
        read = json.loads(found.read_text())
        reached = {name: {int(line): on for line, on in lines.items()} for name, lines in read["reached"].items()}
        return Baseline(read["seconds"], reached)

    def start(self, module: str, code: str, tests: list[str], order: dict[str, float], limit: float) -> Running:
        """Start the tests of a module on a changed source, those first whose ``order`` is smallest."""
        file = self.module(module)
        before = file.read_bytes()
        file.write_text(code, encoding="utf-8")
        shutil.rmtree(self.folder / ".hypothesis", ignore_errors=True)
        failed = self.folder / "failed.txt"
        failed.write_text("")
        process = _fork(lambda: _run(self.folder, tests, First(order, failed)), self.folder / "output.txt")
        return Running(self, file, before, process, time.monotonic(), limit)


@dataclass
class Running:
    """A mutant under test."""

    tree: Tree
    file: Path
    before: bytes
    process: int
    began: float
    limit: float

    def outcome(self) -> Outcome | None:
        """Return what came out, None while it runs; the source is then as it was."""
        code = _ended(self.process)
        seconds = time.monotonic() - self.began
        if code is None and seconds <= self.limit:
            return None
        if code is None:
            _end(self.process)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process, signal.SIGKILL)  # what its tests may have left running
        self.file.write_bytes(self.before)
        state = "time-out" if code is None else "killed" if code else "survived"
        return Outcome(state, (self.tree.folder / "failed.txt").read_text().strip(), round(seconds, 1))


class First:
    """Runs the tests in a given order, and notes the first that fails."""

    def __init__(self, order: dict[str, float], failed: Path) -> None:
        self.order, self.failed = order, failed

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items.sort(key=lambda item: self.order.get(item.nodeid, float("inf")))

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and not self.failed.read_text():
            self.failed.write_text(report.nodeid)


class Watch:
    """Notes how long tests take, and which of them reach which lines of some files."""

    def __init__(self, files: dict[str, str], found: Path) -> None:
        self.files, self.found = files, found
        self.seconds: dict[str, float] = {}
        self.reached: dict[str, dict[int, list[str]]] = {name: {} for name in files.values()}
        self.test = ""
        watch = sys.monitoring
        watch.use_tool_id(watch.COVERAGE_ID, "mutation")
        watch.register_callback(watch.COVERAGE_ID, watch.events.LINE, self._line)
        watch.set_events(watch.COVERAGE_ID, watch.events.LINE)

    def _line(self, code: CodeType, line: int) -> Any:
        name = self.files.get(code.co_filename)
        if name is not None and self.test:
            tests = self.reached[name].setdefault(line, [])
            if not tests or tests[-1] != self.test:
                tests.append(self.test)
        return sys.monitoring.DISABLE

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.test = nodeid
        sys.monitoring.restart_events()

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self) -> None:
        self.found.write_text(json.dumps({"seconds": self.seconds, "reached": self.reached}))


def import_libraries() -> None:
    """Import what the tests import besides the package, once for all mutants."""
    for name in LIBRARIES:
        importlib.import_module(name)
    if PACKAGE in sys.modules:
        raise RuntimeError("the package itself must not be imported before a mutant is")


def _run(folder: Path, tests: list[str], plugin: object) -> int:
    """Run tests in this process, which sees only the scratch copy."""
    os.chdir(folder)
    library = str(folder / "lib")
    sys.path.insert(0, library)
    os.environ |= {"PYTHONPATH": library, "PYTHONDONTWRITEBYTECODE": "1"}
    sys.dont_write_bytecode = True
    options = [
        "-o",
        "addopts=",
        "--import-mode=importlib",
        "-m",
        "not slow",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
    ]
    code = int(pytest.main([*options, "-x", "-q", "--no-header", f"--rootdir={folder}", *tests], plugins=[plugin]))
    where = getattr(sys.modules.get(PACKAGE), "__file__", None)
    if code == 0 and not str(where).startswith(library):
        print(f"The tests ran on {where}, not on the copy.")
        return 99
    return code


def _fork(work: Callable[[], int], output: Path) -> int:
    """Start work in a new process with its own group; its exit status is what the work returns."""
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process:
        return process
    code = 98
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with open(output, "wb") as file, open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _forked(work: Callable[[], int], output: Path, limit: float) -> int | None:
    """Return the exit status of work in a process of its own, None past the limit."""
    process, began = _fork(work, output), time.monotonic()
    while (code := _ended(process)) is None:
        if time.monotonic() - began > limit:
            _end(process)
            return None
    return code


def _ended(process: int) -> int | None:
    time.sleep(0.02)
    done, status = os.waitpid(process, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None


def _end(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
