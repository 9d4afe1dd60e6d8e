"""Saved draws: what was kept is there after any death of the process, and nothing else is taken for it."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace

import numpy as np
import pytest
from dissensus.inference import checkpoint as module
from dissensus.inference.checkpoint import Checkpoint, Finished, recover
from dissensus.inference.locked_file import open_locked
from dissensus.inference.nuts import Segment

from dissensus import datasets, inference
from dissensus.errors import InputError

from .builders import make_area, make_study

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


def test_a_run_without_a_seed_of_its_own_goes_on_with_the_seed_of_the_file(path):
    full = written(path)
    with Checkpoint(path, RUN | {"seed": 99}, resume=True, any_seed=True) as store:
        assert store.run == RUN
        assert store.finished
    assert path.read_bytes() == full
    with pytest.raises(InputError, match="another run: data differs"):
        Checkpoint(path, RUN | {"seed": 99, "data": "other"}, resume=True, any_seed=True)


@pytest.mark.parametrize("seed", [-1, True, "3", None, 2.5])
def test_what_is_no_seed_is_not_taken_for_one(path, seed):
    with Checkpoint(path, RUN | {"seed": seed}, resume=False) as store:
        store.keep("a", 0, 0, 0, segment())
    with pytest.raises(InputError, match="another run: seed differs"):
        Checkpoint(path, RUN | {"seed": 4}, resume=True, any_seed=True)


def test_the_file_is_read_once_to_go_on(path, monkeypatch):
    written(path)
    read, looks = module._read, []
    monkeypatch.setattr(module, "_read", lambda place: looks.append(place) or read(place))
    choices = datasets.simulate(make_study(make_area(*["x y"] * 3)), 20, seed=1)
    with pytest.raises(InputError, match="another run"):
        inference.fit(choices, checkpoint=path, resume=True)
    assert looks == [path]


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


def codes(caught):
    return [(fault.code, fault.file) for fault in caught.value.faults]


def records(data):
    """Return the heads of the records of a file, and the bytes of numbers of each."""
    found, rest = [], data.partition(b"\n")[2]
    while rest:
        line, _, rest = rest.partition(b"\n")
        head = json.loads(line)
        found.append((head, rest[: head["bytes"]]))
        assert rest[head["bytes"] : head["bytes"] + 1] == b"\n"
        rest = rest[head["bytes"] + 1 :]
    return found


def test_the_file_is_lines_of_json_with_the_numbers_between_them(path):
    full = written(path, 2)
    assert full.startswith(b"#dissensus checkpoint 1\n{")
    (run, nothing), (head, numbers), (second, _) = records(full)
    assert (run["kind"], run["run"], nothing) == ("run", RUN, b"")
    one = segment(0)
    assert {key: head[key] for key in head if key != "sha256"} == {
        **{"kind": "segment", "area": "a", "attempt": 0, "chain": 0, "number": 0},
        **{"shape": [5, 3], "step": 0.25, "bytes": 8 * 5 * 4 + 10},
    }
    assert second["chain"] == 1
    plain = {key: head[key] for key in head if key != "sha256"}
    assert head["sha256"] == hashlib.sha256(json.dumps(plain, sort_keys=True).encode() + numbers).hexdigest()
    np.testing.assert_array_equal(np.frombuffer(numbers, "<f8", 15).reshape(5, 3), one.z)
    np.testing.assert_array_equal(np.frombuffer(numbers, "<f8", 5, 120), one.energy)
    np.testing.assert_array_equal(np.frombuffer(numbers, "u1", 5, 160), one.diverging)
    np.testing.assert_array_equal(np.frombuffer(numbers, "u1", 5, 165), one.depth_reached)


def test_what_is_kept_is_pushed_to_the_disk_whole_each_time(path, monkeypatch):
    pushed = []
    push = os.fsync

    def seen(descriptor):
        pushed.append(path.read_bytes())
        push(descriptor)

    monkeypatch.setattr(os, "fsync", seen)
    with Checkpoint(path, RUN, resume=False) as store:
        assert len(records(pushed[-1])) == 1
        for number in range(3):
            store.keep("a", 0, 0, number, segment(number))
            assert len(pushed) == number + 2
            assert pushed[-1] == path.read_bytes()
            assert len(records(pushed[-1])) == number + 2


def test_a_segment_that_could_not_be_written_is_not_held(path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    with Checkpoint(path, RUN, resume=False) as store:
        store.keep("a", 0, 0, 0, segment())
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            with pytest.raises(InputError) as caught:
                store.keep("a", 0, 0, 1, segment(1))
        assert codes(caught) == [("not-writable", str(path))]
        assert store.find("a", 0, 0, 1) is None
        assert store.finished[0].draws == (5,)


@pytest.mark.parametrize(
    ("run", "resume", "content", "code"),
    [
        (RUN, False, None, "checkpoint-exists"),
        (RUN | {"seed": 4}, True, None, "another-run"),
        (RUN, True, b"something else", "not-a-checkpoint"),
    ],
)
def test_a_file_that_was_refused_is_let_go_of(path, run, resume, content, code):
    written(path)
    if content is not None:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(InputError) as caught:
        Checkpoint(path, run, resume=resume)
    assert codes(caught) == [(code, str(path))]
    open_locked(path, "r+b", name="file").close()
    assert path.read_bytes() == before


def test_a_closed_file_is_let_go_of_and_closing_twice_does_no_harm(path):
    store = Checkpoint(path, RUN, resume=False)
    store.keep("a", 0, 0, 0, segment())
    store.close()
    open_locked(path, "r+b", name="file").close()
    store.close()
    assert len(records(path.read_bytes())) == 2


def test_a_file_without_draws_may_be_gone_already_when_it_is_closed(path):
    store = Checkpoint(path, RUN, resume=False)
    path.unlink()
    store.close()
    assert not path.exists()


@pytest.mark.parametrize("cut", [1, 7, 40])
def test_the_bytes_that_were_cut_off_are_counted(path, cut):
    full = written(path)
    path.write_bytes(full[:-cut])
    whole = full.rfind(b'\n{"area"') + 1
    with Checkpoint(path, RUN, resume=True) as store:
        assert store.damaged == len(full) - cut - whole
    assert path.read_bytes() == full[:whole]


def test_a_file_without_a_whole_segment_is_begun_again_for_any_run(path):
    """Nothing is lost with it, so it may have been another run's; what follows is this one's."""
    full = written(path, 1)
    path.write_bytes(full[:-1])
    with Checkpoint(path, {"seed": 9}, resume=True) as store:
        assert not store.finished
        store.keep("b", 0, 0, 0, segment(5))
    assert recover(path).run == {"seed": 9}
    assert [head["kind"] for head, _ in records(path.read_bytes())] == ["run", "segment"]


def test_what_differs_is_named_in_order_with_spaces(path):
    run = {"survey_weights": True, "data": "abc", "seed": 1}
    with Checkpoint(path, run, resume=False) as store:
        store.keep("a", 0, 0, 0, segment())
    with pytest.raises(InputError, match="belong to another run: data, options, survey weights differs"):
        Checkpoint(path, {"data": "abd", "options": 1, "seed": 1}, resume=True)
    with Checkpoint(path, {"seed": 1, "data": "abc", "survey_weights": True}, resume=True) as store:
        assert store.finished


def test_a_run_is_compared_as_it_is_stored(path):
    with Checkpoint(path, {"shape": (1, 2)}, resume=False) as store:
        store.keep("a", 0, 0, 0, segment())
    with Checkpoint(path, {"shape": [1, 2]}, resume=True) as store:
        assert store.finished


def test_of_several_attempts_the_last_is_recovered_and_all_are_told(path):
    with Checkpoint(path, RUN, resume=False) as store:
        for attempt, chain, number, draws in ((1, 0, 0, 4), (1, 1, 0, 6), (0, 0, 0, 5), (0, 1, 0, 5), (1, 0, 1, 3)):
            store.keep("a", attempt, chain, number, segment(10 * attempt + chain, draws))
        store.keep("b", 0, 2, 0, segment(7, 2))
    left = recover(path)
    assert left.finished == (
        *(Finished("a", 0, (5, 5)), Finished("a", 1, (7, 6))),
        Finished("b", 0, (0, 0, 2)),
    )
    first = np.concatenate([segment(10, 4).z, segment(10, 3).z])[:6]
    np.testing.assert_array_equal(left.draws["a"], np.stack([first, segment(11, 6).z]))
    assert left.draws["b"].shape == (3, 0, 3)


def test_a_run_that_died_before_its_first_chain_had_draws_can_be_recovered(path):
    """Chains are drawn side by side, so any of them may be the first to finish a segment."""
    with Checkpoint(path, RUN, resume=False) as store:
        store.keep("a", 0, 1, 0, segment())
    left = recover(path)
    assert left.finished == (Finished("a", 0, (0, 5)),)
    assert left.draws["a"].shape == (2, 0, 3)


def test_what_is_not_there_cannot_be_recovered(path):
    with pytest.raises(InputError, match="There is no such file") as caught:
        recover(path)
    assert codes(caught) == [("no-file", str(path))]
    with pytest.raises(InputError, match="cannot be read") as caught:
        recover("a\0b")
    assert codes(caught) == [("unreadable", "a\0b")]
    path.mkdir()
    with pytest.raises(InputError, match="ordinary") as caught:
        recover(path)
    assert codes(caught) == [("not-a-file", str(path))]


def test_a_file_that_only_began_holds_no_run(path):
    path.write_bytes(b"#dissensus checkpoint 1\n")
    left = recover(path)
    assert (left.run, left.finished, left.draws, left.complete) == ({}, (), {}, False)


@pytest.mark.parametrize("limit", ["_LINE", "_SEGMENT"])
def test_no_record_is_longer_than_a_record_can_be(path, monkeypatch, limit):
    """A line without an end, or a length that no segment has, is not read into memory."""
    full = written(path)
    longest = max(len(json.dumps(head)) for head, _ in records(full)) + 1
    most = {"_LINE": longest, "_SEGMENT": len(records(full)[-1][1])}[limit]
    monkeypatch.setattr(module, limit, most)
    assert recover(path).finished == (Finished("a", 0, (10, 10)),)
    monkeypatch.setattr(module, limit, most - 1)
    assert recover(path).finished == ()


def forged(head, numbers):
    """Return a record with a right checksum, whatever it says."""
    digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode() + numbers).hexdigest()
    return json.dumps(head | {"sha256": digest}, sort_keys=True).encode() + b"\n" + numbers + b"\n"


@pytest.mark.parametrize("length", [-1, 3.0, "3", None, True])
def test_a_length_that_is_no_whole_number_ends_the_file(path, length):
    full = written(path, 1)
    path.write_bytes(full + forged({"kind": "segment", "bytes": length}, b"abc"))
    with Checkpoint(path, RUN, resume=True) as store:
        assert store.finished == (Finished("a", 0, (5,)),)
        assert store.damaged > 0


@pytest.mark.parametrize("line", [b"[1]\n", b"3\n", b"{}\n", b'{"sha256": "0"}\n', b'{"bytes": 0}\n', b"{\n", b"\n"])
def test_a_line_that_is_no_head_ends_the_file(path, line):
    full = written(path, 1)
    path.write_bytes(full + line + full.partition(b"\n")[2])
    with Checkpoint(path, RUN, resume=True) as store:
        assert store.damaged == len(line) + len(full.partition(b"\n")[2])
        assert len(store.finished) == 1


@pytest.mark.parametrize("lost", ["area", "attempt", "chain", "number", "shape", "step", "kind"])
def test_a_whole_record_that_lacks_something_is_said_to_be_unreadable(path, lost):
    full = written(path, 1)
    head, numbers = records(full)[1]
    wrong = {key: value for key, value in head.items() if key not in {lost, "sha256"}}
    path.write_bytes(full + forged(wrong, numbers))
    with pytest.raises(InputError, match="cannot be read") as caught:
        Checkpoint(path, RUN, resume=True)
    assert codes(caught) == [("unreadable", str(path))]
    open_locked(path, "r+b", name="file").close()


def test_a_disk_that_fails_is_said(path, monkeypatch):
    written(path)

    def failing(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module, "open", failing, raising=False)
    for look in (recover, lambda path: Checkpoint(path, RUN, resume=True)):
        with pytest.raises(InputError, match=r"cannot be read: .*Input/output error") as caught:
            look(path)
        assert codes(caught) == [("unreadable", str(path))]
    monkeypatch.undo()
    assert recover(path).finished
