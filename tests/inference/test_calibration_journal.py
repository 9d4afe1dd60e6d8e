"""Finished data sets survive whatever ends the process, and never mix with others."""

import json

import numpy as np
import pytest
from dissensus.inference.calibration_journal import Journal, line, stored_header
from dissensus.inference.calibration_ranks import SetResult

from dissensus.errors import InputError

HEADER = {"study": "abc", "agents": 40, "seed": 1, "source": "def"}


def result(number):
    lost = ("", "refused") if number == 2 else ("", "")
    error = float("nan") if number == 3 else 1e-15
    return SetResult(number, (number, None, 199), ("importance", "nuts"), lost, error)


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "data_sets.jsonl"
    with Journal(file, HEADER) as journal:
        for number in range(4):
            journal.add(result(number))
    return file


def read(path, header=HEADER):
    with Journal(path, header) as journal:
        return dict(journal.results)


def test_what_was_added_is_read(path):
    found = read(path)
    assert list(found) == [0, 1, 2, 3]
    assert found[2] == result(2)
    assert np.isnan(found[3].error)
    assert stored_header(path) == HEADER


def test_a_line_is_json_behind_its_digits(path):
    for row in path.read_text().splitlines():
        digits, text = row.split(" ", 1)
        assert len(digits) == 16
        assert line(json.loads(text)).decode().strip() == row


def test_wherever_the_last_line_is_cut_the_others_stay(path):
    whole = path.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    for cut in range(start, len(whole)):
        path.write_bytes(whole[:cut])
        assert list(read(path)) == [0, 1, 2]
        assert path.read_bytes() == whole[:start]
    with Journal(path, HEADER) as journal:
        journal.add(result(3))
    assert path.read_bytes() == whole


def test_a_cut_first_line_is_written_again(path):
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first):
        path.write_bytes(whole[:cut])
        assert read(path) == {}
        assert path.read_bytes() == whole[:first]


def test_every_flipped_bit_before_the_last_line_is_refused(path):
    whole = path.read_bytes()
    last = whole.rindex(b"\n", 0, -1)
    rng = np.random.default_rng(1)
    for at, bit in zip(rng.integers(last, size=200), rng.integers(8, size=200), strict=True):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << bit
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=r"data_sets\.jsonl, line \d+: The journal of a calibration is damaged"):
            read(path)
        assert path.read_bytes() == damaged


def test_other_settings_are_refused_and_named(path):
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"agents \('40', now '50'\), seed \('1', now '2'\)"):
        read(path, HEADER | {"agents": 50, "seed": 2})
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"hello", b"id,answer\n1,2\n", b'{"a": 1}\n', line({"study": 1}) * 2])
def test_a_file_of_another_kind_is_left_alone(tmp_path, content):
    path = tmp_path / "data_sets.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged here, or this is no journal|made otherwise"):
        read(path)
    assert path.read_bytes() == content


def test_whole_lines_of_something_else_are_refused(path):
    path.write_bytes(line(HEADER) + line({"set": 1}))
    with pytest.raises(InputError, match="damaged here, or this is no journal"):
        read(path)


def test_only_one_process_writes(path):
    with Journal(path, HEADER), pytest.raises(InputError, match="Another process is writing"):
        read(path)


def test_a_journal_that_cannot_be_written_is_said(tmp_path):
    folder = tmp_path / "gone"
    with Journal(folder / "data_sets.jsonl", HEADER) as journal, pytest.raises(InputError, match="cannot be opened"):
        journal.add(result(0))
