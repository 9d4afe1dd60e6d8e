"""Results on disk: whole or not at all, verified before they are read, and ArviZ's own."""

import errno
import functools
import hashlib
import json
import os
import re
import stat
import threading

import arviz as az
import numpy as np
import pytest
import xarray as xr
from dissensus.inference import result_file
from dissensus.inference.result_file import check_target, load, save

from dissensus.errors import InputError

from .fitted import grouped, stouffer_toby

FITS = {"Stouffer and Toby": stouffer_toby, "groups and several areas": grouped}


@functools.cache
def small():
    """Return a result of one variable per group: as good as a whole one to a file, and quicker."""
    fit = stouffer_toby()[1]
    groups = {name: node.to_dataset() for name, node in fit.children.items()}
    tree = xr.DataTree.from_dict({name: data[[next(iter(data.data_vars))]] for name, data in groups.items()})
    tree.attrs = dict(fit.attrs)
    return tree


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A saved result."""
    path = tmp_path_factory.mktemp("saved") / "result.nc"
    save(small(), path)
    return path


def forged(path, tree):
    """Write a tree as a result whose checksum is right, whatever it holds."""
    data = bytes(tree.to_netcdf(engine="h5netcdf"))
    path.write_bytes(data + f"\n#dissensus sha256 {hashlib.sha256(data).hexdigest()}\n".encode())
    return path


@pytest.mark.parametrize("name", FITS)
def test_a_result_reads_back_as_it_was(name, tmp_path):
    fit = FITS[name]()[1]
    save(fit, tmp_path / "r.nc")
    assert load(tmp_path / "r.nc").identical(fit)


def test_texts_read_back_as_strings_too(tmp_path, monkeypatch):
    """Very long labels are stored as strings instead of characters."""
    monkeypatch.setattr(result_file, "_CHARACTERS", 0)
    save(grouped()[1], tmp_path / "r.nc")
    assert load(tmp_path / "r.nc").identical(grouped()[1])


def test_labels_of_any_alphabet_read_back(tmp_path):
    fit = small().copy()
    agents = np.array([f"é\u202e漢😀 {i}" if i % 2 else "" for i in range(fit["agents"].sizes["agent"])], dtype=object)
    fit["agents"] = xr.DataTree(fit["agents"].to_dataset().assign_coords(agent=agents))
    save(fit, tmp_path / "r.nc")
    assert load(tmp_path / "r.nc")["agents"]["agent"].values.tolist() == agents.tolist()


def test_the_last_line_is_the_checksum_of_all_before_it(saved):
    data, _, line = saved.read_bytes().rpartition(b"\n#dissensus")
    assert line.decode() == f" sha256 {hashlib.sha256(data).hexdigest()}\n"


def test_a_second_result_of_the_same_fit_loads_equal_after_the_first_is_gone(saved, tmp_path):
    """Everything is in memory and the file is closed."""
    path = tmp_path / "r.nc"
    save(small(), path)
    fit = load(path)
    path.unlink()
    assert fit.identical(load(saved))


def test_the_mode_of_the_file_follows_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        save(small(), tmp_path / "r.nc")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "r.nc").stat().st_mode) == 0o640


def test_force_through_a_link_replaces_what_it_points_to(tmp_path):
    (tmp_path / "real.nc").write_text("old")
    (tmp_path / "link.nc").symlink_to(tmp_path / "real.nc")
    save(small(), tmp_path / "link.nc", force=True)
    assert (tmp_path / "link.nc").is_symlink()
    assert load(tmp_path / "real.nc").identical(small())


def test_an_existing_file_stays_without_force(tmp_path):
    (tmp_path / "r.nc").write_text("old")
    with pytest.raises(InputError, match=r"exists.*--force"):
        save(small(), tmp_path / "r.nc")
    assert (tmp_path / "r.nc").read_text() == "old"
    assert os.listdir(tmp_path) == ["r.nc"]


def _full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def _interrupted(*_):
    raise KeyboardInterrupt("stopped")


@pytest.mark.parametrize("step", ["fsync", "replace", "open"])
@pytest.mark.parametrize(("fault", "error"), [(_full, InputError), (_interrupted, KeyboardInterrupt)])
def test_whatever_stops_a_save_leaves_the_old_file_and_nothing_else(step, fault, error, tmp_path, monkeypatch):
    (tmp_path / "r.nc").write_text("old")
    monkeypatch.setattr(result_file.os, step, fault)
    with pytest.raises(error, match=r"No space left|stopped"):
        save(small(), tmp_path / "r.nc", force=True)
    monkeypatch.undo()
    assert (tmp_path / "r.nc").read_text() == "old"
    assert os.listdir(tmp_path) == ["r.nc"]


def test_a_result_that_reads_back_differently_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(result_file, "_parsed", lambda *_: grouped()[1])
    with pytest.raises(InputError, match="reads back differently"):
        save(small(), tmp_path / "r.nc")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_replaced(links, tmp_path, monkeypatch):
    parsed = result_file._parsed

    def meanwhile(*arguments):
        (tmp_path / "r.nc").write_text("another's")
        return parsed(*arguments)

    monkeypatch.setattr(result_file, "_parsed", meanwhile)
    if not links:
        monkeypatch.setattr(result_file.os, "link", _full)
    with pytest.raises(InputError, match="exists"):
        save(small(), tmp_path / "r.nc")
    assert (tmp_path / "r.nc").read_text() == "another's"
    assert os.listdir(tmp_path) == ["r.nc"]


def test_a_file_system_without_links_gets_the_file_too(tmp_path, monkeypatch):
    monkeypatch.setattr(result_file.os, "link", _full)
    save(small(), tmp_path / "r.nc")
    assert os.listdir(tmp_path) == ["r.nc"]


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("https://example.org/r.nc", "never to an address"),
        ("nowhere/r.nc", "no folder"),
        ("folder", "is a folder"),
        ("pipe", "not an ordinary file"),
        ("nul\0.nc", "cannot be written"),
    ],
)
def test_a_target_that_cannot_be_is_refused_beforehand(path, match, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=match):
        check_target(path, force=True)


def test_a_folder_that_may_not_be_written_is_refused_beforehand(tmp_path, monkeypatch):
    monkeypatch.setattr(result_file.os, "access", lambda *_: False)
    with pytest.raises(InputError, match="cannot be written to"):
        check_target(tmp_path / "r.nc")


@pytest.mark.parametrize("share", [0.0, 1e-5, 0.3, 0.9, 0.9999])
def test_a_truncated_file_is_refused(share, saved, tmp_path):
    data = saved.read_bytes()
    (tmp_path / "r.nc").write_bytes(data[: int(share * len(data))])
    with pytest.raises(InputError, match=r"not a result|cut short"):
        load(tmp_path / "r.nc")


def test_every_flipped_bit_is_found_before_anything_is_parsed(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(result_file, "_parsed", lambda *_: pytest.fail("parsed"))
    data = saved.read_bytes()
    rng = np.random.default_rng(0)
    for place in [0, *rng.integers(8, len(data), 20), *range(len(data) - 90, len(data))]:
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "r.nc").write_bytes(flipped)
        with pytest.raises(InputError, match=r"checksum|not a result"):
            load(tmp_path / "r.nc")


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\x89HDF\r\n\x1a\n", b"CDF\x01" + bytes(500)])
def test_a_file_of_another_kind_is_refused(content, tmp_path):
    (tmp_path / "r.nc").write_bytes(content)
    with pytest.raises(InputError, match=f"^{re.escape(str(tmp_path))}.*(not a result|cut short)"):
        load(tmp_path / "r.nc")


def test_hdf5_that_is_rubbish_under_a_right_checksum_is_refused(tmp_path):
    data = b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * 8
    (tmp_path / "r.nc").write_bytes(data + f"\n#dissensus sha256 {hashlib.sha256(data).hexdigest()}\n".encode())
    with pytest.raises(InputError, match="not a result"):
        load(tmp_path / "r.nc")


def test_netcdf_of_another_program_is_refused(tmp_path):
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"x": ("draw", [1.0, 2.0])})})
    with pytest.raises(InputError, match="not a result"):
        load(forged(tmp_path / "a.nc", tree))
    tree.to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    with pytest.raises(InputError, match="does not end with its checksum"):
        load(tmp_path / "b.nc")


@pytest.mark.parametrize("lost", ["scores", "checks", "constant_data", "state", "reasons"])
def test_a_result_that_lacks_a_part_is_refused(lost, tmp_path):
    fit = small()
    tree = xr.DataTree.from_dict({name: node for name, node in fit.children.items() if name != lost})
    tree.attrs = {key: text for key, text in fit.attrs.items() if key != lost}
    with pytest.raises(InputError, match=f"it has no {lost}"):
        load(forged(tmp_path / "r.nc", tree))


def test_another_layout_is_refused_and_names_its_writer(tmp_path):
    fit = small().copy()
    fit.attrs = dict(fit.attrs) | {"schema": "99", "versions": json.dumps({"dissensus": "7.1"})}
    with pytest.raises(InputError, match=r"layout '99' of dissensus '7\.1'; this version reads layout 1"):
        load(forged(tmp_path / "r.nc", fit))


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("https://example.org/r.nc", "never from an address"),
        ("nowhere.nc", "no such result file"),
        ("folder", "is a folder"),
        ("pipe", "not an ordinary file"),
        ("nul\0.nc", "cannot be read"),
    ],
)
def test_a_path_that_is_no_file_is_refused(path, match, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    found = []

    def attempt():
        with pytest.raises(InputError, match=match):
            load(path)
        found.append(path)

    thread = threading.Thread(target=attempt, daemon=True)  # a pipe that is opened never returns
    thread.start()
    thread.join(10)
    assert found == [path]


@pytest.mark.parametrize("name", FITS)
def test_arviz_reads_and_uses_the_file(name, tmp_path):
    """Summary of every parameter, forest plot, and leave-one-out, without a warning."""
    fit = FITS[name]()[1]
    save(fit, tmp_path / "r.nc")
    tree = az.from_netcdf(tmp_path / "r.nc")
    summary = az.summary(tree, round_to="none")
    n_goals = fit["posterior"].sizes["goal"]
    assert summary.index.str.startswith("goal_share[").sum() == n_goals
    share = fit["posterior"]["goal_share"].mean(("chain", "draw")).values
    assert np.allclose(summary["mean"][summary.index.str.startswith("goal_share[")].to_numpy(float), share)
    az.plot_forest(tree, var_names=["goal_share"], backend="plotly")
    loo = az.loo(tree)
    assert loo.n_data_points == fit["agents"].sizes["agent"]
    assert np.isfinite(loo.elpd)
    tree.close()


def test_leave_one_out_agrees_with_the_stored_elpd(tmp_path):
    """ArviZ's leave-one-agent-out on the file, and ours on patterns."""
    save(stouffer_toby()[1], tmp_path / "r.nc")
    tree = az.from_netcdf(tmp_path / "r.nc")
    stored = float(tree["alternatives"]["elpd"].sel(area="role_conflict", structure="follow"))
    assert az.loo(tree).elpd == pytest.approx(stored, abs=1.0)
    tree.close()
