"""A file that one process at a time may write."""

from __future__ import annotations

import subprocess
import sys

import pytest
from dissensus.inference.locked_file import lock, open_locked

from dissensus.errors import InputError

fcntl = pytest.importorskip("fcntl", reason="no locks of files on this system")


def test_the_second_who_opens_a_file_is_refused_until_the_first_has_closed_it(tmp_path):
    path = tmp_path / "journal"
    first = open_locked(path, "x+b", name="journal")
    with pytest.raises(InputError, match="Another process is writing this journal") as refused:
        open_locked(path, "r+b", name="journal")
    assert [(fault.code, fault.file) for fault in refused.value.faults] == [("in-use", str(path))]
    first.close()
    with open_locked(path, "r+b", name="journal") as again:
        again.write(b"mine")
    assert path.read_bytes() == b"mine"


def test_who_waits_for_nobody_says_at_once_whether_a_file_is_free(tmp_path):
    path = tmp_path / "journal"
    path.touch()
    with open(path, "rb") as one, open(path, "rb") as other:
        assert lock(one) is True
        assert lock(one) is True
        assert lock(other) is False


def test_another_process_sees_the_lock(tmp_path):
    path = tmp_path / "journal"
    script = (
        "import fcntl, sys\n"
        "with open(sys.argv[1]) as file:\n"
        "    try: fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)\n"
        "    except OSError: print('locked')\n"
    )
    with open_locked(path, "x+b", name="journal"):
        done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert done.stdout == "locked\n"


def test_a_system_without_locks_lets_everybody_write(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    path = tmp_path / "journal"
    with open_locked(path, "x+b", name="journal") as first, open_locked(path, "r+b", name="journal"):
        assert lock(first) is None


@pytest.mark.parametrize("mode", ["x+b", "r+b"])
def test_a_file_that_cannot_be_opened_is_named(mode, tmp_path):
    path = tmp_path / "none" / "journal"
    with pytest.raises(InputError, match="The journal cannot be opened: No such file") as refused:
        open_locked(path, mode, name="journal")
    assert [(fault.code, fault.file) for fault in refused.value.faults] == [("not-writable", str(path))]


def test_a_file_that_is_there_is_not_begun_anew(tmp_path):
    path = tmp_path / "journal"
    path.write_bytes(b"draws")
    with pytest.raises(InputError, match="File exists"):
        open_locked(path, "x+b", name="journal")
    assert path.read_bytes() == b"draws"
