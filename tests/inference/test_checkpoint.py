"""Saved draws: what was kept is there after any death of the process, and nothing else is taken for it."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest
from dissensus.inference.checkpoint import Checkpoint, recover
from dissensus.inference.nuts import Segment

from dissensus.errors import InputError

RUN = {"seed": 3, "data": "abc", "versions": {"dissensus": "1"}}


def segment(number=0, draws=5, size=3):
    rng = np.random.default_rng(number)
    flags = rng.random((2, draws)) < 0.3
    return Segment(rng.standard_normal((draws, size)), rng.standard_normal(draws), *flags, 0.25 + number)


def same(one, other):
    for name in ("z", "energy", "diverging", "depth_reached"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), strict=True)
    return one.step == other.step


@pytest.fixture
def path(tmp_path):
    return tmp_path / "r.nc.checkpoint"


def written(path, count=4):
    with Checkpoint(path, RUN, resume=False) as store:
        for number in range(count):
            store.keep("a", 0, number % 2, number // 2, segment(number))
    return path.read_bytes()


def test_what_is_kept_is_found_again(path):
    written(path)
    with Checkpoint(path, RUN, resume=True) as store:
        for number in range(4):
            assert same(store.find("a", 0, number % 2, number // 2), segment(number))
        assert store.find("a", 1, 0, 0) is None and store.find("b", 0, 0, 0) is None
        assert [(done.area, done.attempt, done.draws) for done in store.finished] == [("a", 0, (10, 10))]
        assert store.damaged == 0


def test_a_resumed_file_grows_on(path):
    written(path, 2)
    with Checkpoint(path, RUN, resume=True) as store:
        store.keep("a", 0, 0, 1, segment(9))
    with Checkpoint(path, RUN, resume=True) as store:
        assert same(store.find("a", 0, 0, 1), segment(9)) and same(store.find("a", 0, 1, 0), segment(1))


def test_cut_anywhere_it_holds_the_whole_records_before_the_cut(path):
    """As after a death in the middle of a write, at every byte."""
    full = written(path)
    lengths = []
    for end in range(len(full) + 1):
        path.write_bytes(full[:end])
        with Checkpoint(path, RUN, resume=True) as store:
            found = [store.find("a", 0, n % 2, n // 2) for n in range(4)]
        kept = sum(s is not None for s in found)
        assert all(same(s, segment(n)) for n, s in enumerate(found[:kept]))
        assert all(s is None for s in found[kept:])
        lengths.append(kept)
    assert lengths == sorted(lengths) and lengths[0] == 0 and lengths[-1] == 4


def test_a_flipped_bit_never_gives_other_draws(path):
    full = written(path)
    rng = np.random.default_rng(0)
    for place in rng.choice(8 * len(full), 400, replace=False):
        damaged = bytearray(full)
        damaged[place // 8] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        try:
            with Checkpoint(path, RUN, resume=True) as store:
                found = [store.find("a", 0, n % 2, n // 2) for n in range(4)]
        except InputError:
            continue
        assert all(s is None or same(s, segment(n)) for n, s in enumerate(found))


def test_what_was_cut_off_is_counted_and_overwritten(path):
    full = written(path)
    path.write_bytes(full[:-7])
    with Checkpoint(path, RUN, resume=True) as store:
        assert store.damaged > 0
        store.keep("a", 0, 1, 1, segment(3))
    assert path.read_bytes() == full


def test_draws_are_on_disk_before_keep_returns(path):
    with Checkpoint(path, RUN, resume=False) as store:
        store.keep("a", 0, 0, 0, segment())
        assert recover(path).finished[0].draws == (5,)


def test_finished_draws_are_not_written_over_unasked(path):
    written(path)
    with pytest.raises(InputError, match=r"interrupted run.*--resume"):
        Checkpoint(path, RUN, resume=False)
    assert recover(path).finished


def test_a_file_without_draws_is_begun_again_and_not_left_behind(path):
    with Checkpoint(path, RUN, resume=False):
        assert recover(path).run["seed"] == 3  # the seed is there from the start
    assert not path.exists()
    path.write_bytes(b"")
    with Checkpoint(path, RUN, resume=False) as store:
        store.keep("a", 0, 0, 0, segment())
    assert recover(path).finished[0].draws == (5,)


@pytest.mark.parametrize("key", sorted(RUN))
def test_draws_of_another_run_are_refused(path, key):
    full = written(path)
    with pytest.raises(InputError, match=f"another run: {key} differs"):
        Checkpoint(path, RUN | {key: "other"}, resume=True)
    assert path.read_bytes() == full


def test_two_processes_do_not_write_one_file(path):
    pytest.importorskip("fcntl")
    with Checkpoint(path, RUN, resume=False) as store:
        store.keep("a", 0, 0, 0, segment())
        with pytest.raises(InputError, match="Another process"):
            Checkpoint(path, RUN, resume=True)


@pytest.mark.parametrize("content", [b"PK\x03\x04 something", b"\x89HDF\r\n\x1a\n", b"#dissensus checkpoint 2\n"])
def test_other_files_are_left_alone(path, content):
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a file of finished draws"):
        Checkpoint(path, RUN, resume=True)
    assert path.read_bytes() == content


def test_folders_and_links_are_refused(path, tmp_path):
    path.mkdir()
    with pytest.raises(InputError, match="ordinary"):
        Checkpoint(path, RUN, resume=True)
    path.rmdir()
    target = tmp_path / "elsewhere"
    target.write_bytes(b"precious")
    path.symlink_to(target)
    with pytest.raises(InputError, match="ordinary"):
        Checkpoint(path, RUN, resume=False)
    assert target.read_bytes() == b"precious"


def test_a_full_disk_is_said(path, monkeypatch):
    with Checkpoint(path, RUN, resume=False) as store:
        store.keep("a", 0, 0, 0, segment())

        def full(_):
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            with pytest.raises(InputError, match="No space left"):
                store.keep("a", 0, 0, 1, segment(1))
    assert recover(path).finished[0].draws[0] >= 5


def test_late_segments_of_an_interrupted_run_are_not_kept(path):
    with Checkpoint(path, RUN, resume=False) as store:
        store.keep("a", 0, 0, 0, segment())
    store.keep("a", 0, 0, 1, segment(1))
    assert recover(path).finished[0].draws == (5,)


def test_recovered_draws_are_those_that_all_chains_have(path):
    with Checkpoint(path, RUN, resume=False) as store:
        for chain, number in ((0, 0), (0, 1), (1, 0)):
            store.keep("a", 0, chain, number, segment(10 * chain + number))
    left = recover(path)
    assert not left.complete and left.run == RUN
    np.testing.assert_array_equal(left.draws["a"], np.stack([segment(0).z, segment(10).z]))


def test_a_record_that_lies_of_its_length_is_no_record(path):
    full = written(path)
    head, _, rest = full.partition(b"\n")
    line, _, rest = rest.partition(b"\n")
    record = json.loads(line)
    path.write_bytes(head + b"\n" + json.dumps(record | {"bytes": 10**15}).encode() + b"\n" + rest)
    with Checkpoint(path, RUN, resume=True) as store:
        assert store.damaged > 0 and not store.finished


def test_a_segment_of_another_shape_is_refused(path):
    with Checkpoint(path, RUN, resume=False) as store:
        store.keep("a", 0, 0, 0, replace(segment(), energy=np.zeros(2)))
    with pytest.raises(InputError, match="cannot be read"):
        Checkpoint(path, RUN, resume=True)
