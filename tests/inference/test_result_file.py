"""Results on disk: whole or not at all, verified before they are read, and ArviZ's own."""

import errno
import functools
import hashlib
import io
import json
import os
import re
import resource
import stat
import threading

import arviz as az
import h5py
import numpy as np
import pytest
import xarray as xr
from dissensus.inference import result_file
from dissensus.inference.result_file import check_target, load, save
from dissensus.inference.summary import summarize
from dissensus.inference.verdict import verdict

from dissensus.errors import InputError

from .fitted import grouped, stouffer_toby

FITS = {"Stouffer and Toby": stouffer_toby, "groups and several areas": grouped}


@functools.cache
def small():
    """Return a result of five draws: as good as a whole one to a file, and quicker."""
    fit = stouffer_toby()[1]
    groups = {name: node.to_dataset() for name, node in fit.children.items()}
    tree = xr.DataTree.from_dict(
        {name: data.isel(draw=slice(5), missing_dims="ignore") for name, data in groups.items()}
    )
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


@pytest.mark.parametrize(("umask", "mode"), [(0o027, 0o640), (0o000, 0o666), (0o077, 0o600)])
def test_the_mode_of_the_file_follows_the_umask(umask, mode, tmp_path):
    before = os.umask(umask)
    try:
        save(small(), tmp_path / "r.nc")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "r.nc").stat().st_mode) == mode


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


@pytest.fixture
def no_parser(monkeypatch):
    """Parsing fails the test."""
    monkeypatch.setattr(result_file.xr, "open_datatree", lambda *_, **__: pytest.fail("parsed"))
    monkeypatch.setattr(result_file, "declaration_fault", lambda *_: pytest.fail("parsed"))


def refuses(path, data, match):
    path.write_bytes(data)
    with pytest.raises(InputError, match=match) as caught:
        load(path)
    assert caught.value.file == str(path)
    assert caught.value.remedy


def test_a_thousand_flipped_bits_are_found_before_anything_is_parsed(saved, tmp_path, no_parser):
    data = saved.read_bytes()
    rng = np.random.default_rng(0)
    for place in [*range(8), *rng.integers(8, len(data), 902), *range(len(data) - 90, len(data))]:
        flipped = bytearray(data)
        flipped[place] ^= 1 << int(rng.integers(8))
        refuses(tmp_path / "r.nc", flipped, r"checksum|not a result")


def test_a_thousand_truncations_are_found_before_anything_is_parsed(saved, tmp_path, no_parser):
    data = saved.read_bytes()
    rng = np.random.default_rng(1)
    for length in [*range(100), *rng.integers(100, len(data), 800), *range(len(data) - 100, len(data))]:
        refuses(tmp_path / "r.nc", data[:length], r"not a result|cut short|checksum")


@pytest.mark.parametrize(
    "change",
    [
        lambda data, other: data + b"x",
        lambda data, other: data + b"\n",
        lambda data, other: data + data,
        lambda data, other: data[:-84] + data,
        lambda data, other: data[:-84] + other[-84:],
        lambda data, other: other[:-84] + data[-84:],
        lambda data, other: b"\0" * 512 + data,
        lambda data, other: data[:-84] + data[-84:].upper(),
        lambda data, other: data[:-84] + b"\n#dissensus sha256 " + b"0" * 64 + b"\n",
        lambda data, other: data.replace(b"HDF", b"HDG", 1),
        lambda data, other: data[:-1] + b"\r\n",
    ],
    ids=[
        "byte appended",
        "line appended",
        "two results",
        "content twice",
        "trailer of another",
        "content of another",
        "bytes in front",
        "trailer in capitals",
        "trailer of noughts",
        "another magic",
        "another line end",
    ],
)
def test_a_result_put_together_otherwise_is_found_before_anything_is_parsed(change, saved, tmp_path, no_parser):
    digest = hashlib.sha256(saved.read_bytes()[:-85] + b"x").hexdigest()
    other = saved.read_bytes()[:-85] + b"x" + f"\n#dissensus sha256 {digest}\n".encode()
    refuses(tmp_path / "r.nc", change(saved.read_bytes(), other), r"checksum|not a result|cut short")


def test_a_large_file_that_was_changed_does_not_fill_the_memory(saved, tmp_path, monkeypatch, no_parser):
    """Its checksum is compared before it is read as a whole."""
    monkeypatch.setattr(result_file, "_LARGE", 1_000)
    monkeypatch.setattr(
        result_file.hashlib, "sha256", lambda *data: pytest.fail("read") if data else hashlib.new("sha256")
    )
    data = bytearray(saved.read_bytes())
    data[-1_000] ^= 1
    refuses(tmp_path / "r.nc", data, "checksum does not match")
    monkeypatch.undo()
    monkeypatch.setattr(result_file, "_LARGE", 1_000)
    assert load(saved).identical(small())


def with_hdf5(path, saved, change):
    """Write a result changed by h5py, with a right checksum."""
    stream = io.BytesIO(saved.read_bytes()[:-84])
    with h5py.File(stream, "r+") as file:
        change(file)
    data = stream.getvalue()
    path.write_bytes(data + f"\n#dissensus sha256 {hashlib.sha256(data).hexdigest()}\n".encode())
    return path


def _replaced(name, *arguments, **options):
    def change(file):
        del file[name]
        file.create_dataset(name, *arguments, **options)

    return change


def _virtual(file):
    layout = h5py.VirtualLayout((10,), "f8")
    layout[:] = h5py.VirtualSource("other.nc", "x", shape=(10,))
    file.create_virtual_dataset("x", layout)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (_replaced("scores/contention", (10**12,), "f8", chunks=(10**6,)), "declares over"),
        (_replaced("checks/message", (10**7, 10**5), "S1", chunks=(1000, 1000), compression="gzip"), "declares over"),
        (lambda file: file.create_dataset("x", (1_000,), "S1000000000", chunks=(1,)), "declares over"),
        (lambda file: file.__setitem__("posterior/x", file["/"]), "stands in it twice"),
        (lambda file: [file.create_group(f"x{i}") for i in range(10_001)], "holds more than 10,000 groups"),
        (lambda file: file.__setitem__("posterior/x", h5py.ExternalLink("/etc/passwd", "/x")), "link to another place"),
        (lambda file: file.__setitem__("posterior/x", h5py.SoftLink("/posterior")), "link to another place"),
        (lambda file: file.create_dataset("x", (10,), "f8", external=[("/etc/passwd", 0, 80)]), "lies in another file"),
        (_virtual, "lies in another file"),
        (lambda file: file.create_dataset("x", (10,), "f8", compression="lzf"), "unknown filter"),
        (lambda file: file.create_dataset("x", (10,), [("a", "f8"), ("b", "i4")]), "is of type"),
        (lambda file: file.create_dataset("x", (10,), h5py.opaque_dtype(np.dtype("M8[s]"))), "is of type"),
    ],
)
def test_a_file_that_asks_for_more_than_it_brings_is_refused_before_it_is_parsed(
    change, match, saved, tmp_path, monkeypatch
):
    """Bombs, links and other files below a right checksum: h5py looks at declarations, and no value is read."""
    monkeypatch.setattr(result_file.xr, "open_datatree", lambda *_, **__: pytest.fail("parsed"))
    try:
        path = with_hdf5(tmp_path / "r.nc", saved, change)
    except (OSError, ValueError, RuntimeError) as error:
        pytest.fail(f"h5py does not write it: {error}")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=f"not a result: .*({match})"):
        load(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def _attribute(name, value):
    return lambda file: file.attrs.__setitem__(name, json.dumps(value))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (_attribute("seed", "1"), "its seed is of another type"),
        (lambda file: file.attrs.__setitem__("seed", 5), "JSON object must be str"),
        (_attribute("n_agents", True), "its n_agents is of another type"),
        (_attribute("n_agents", 217), "numbers of agents differ"),
        (_attribute("state", "splendid"), "its state is none"),
        (_attribute("reasons", "none"), "its reasons is of another type"),
        (_attribute("notes", [1]), "its notes are not texts"),
        (_attribute("study", []), "its study is of another type"),
        (_attribute("study", {"areas": {}}), "its study is faulty"),
        (_attribute("priors", {"goal_share": -1}), "its priors are faulty"),
        (_attribute("versions", {}), "do not name dissensus"),
        (_attribute("interval", {"prob": 0.9, "kind": "hdi"}), "interval is of another kind"),
        (_attribute("method", {"elsewhere": "nuts"}), "areas of its method"),
        (_attribute("diagnostics", {"role_conflict": 1}), "diagnostics are not tables"),
        (lambda file: file.attrs.__setitem__("notes", "[" * 100_000), "recursion"),
        (lambda file: file.attrs.__setitem__("notes", "[1"), "Expecting"),
        (lambda file: file.attrs.__delitem__("priors"), "it has no priors"),
        (lambda file: file.attrs.__delitem__("schema"), "schema"),
        (lambda file: file.__delitem__("scores/contention"), "its scores have no contention"),
        (lambda file: file.__delitem__("agents"), "it has no agents"),
        (lambda file: file.__delitem__("constant_data/counts_0"), "no counts_0"),
        (_replaced("scores/contention", data=np.zeros(4)), "not a result"),
        (_replaced("checks/value", data=np.array([b"x"] * 4)), "not a result"),
        (_replaced("scores/area", data=np.array([[b"x"]])), "not a result"),
        (lambda file: file["checks/scores"].__setitem__(..., b"{"), "its checks are faulty"),
        (lambda file: file["checks/state"].__setitem__(..., b"?"), "a check has no state"),
        (lambda file: file["scores/contention"].attrs.__setitem__("scale_factor", "x"), "not a result"),
        (lambda file: file["scores/draw"].attrs.__setitem__("units", "days since 1"), "not a result"),
    ],
)
def test_a_result_of_another_form_is_refused(change, match, saved, tmp_path):
    """Wrong types of attributes, missing groups and variables, below a right checksum."""
    with pytest.raises(InputError, match=match):
        load(with_hdf5(tmp_path / "r.nc", saved, change))


@pytest.mark.parametrize("name", ["scores/contention", "posterior/goal_share", "unconstrained_posterior/theta"])
def test_a_result_whose_numbers_were_wiped_is_refused(name, saved, tmp_path):
    """It has the form of a result, so it loads; but no number leaves it."""
    fit = load(with_hdf5(tmp_path / "r.nc", saved, lambda file: file[name].__setitem__(..., np.nan)))
    assert verdict(fit).refused
    assert summarize(fit).empty


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
    with pytest.raises(InputError, match=r"layout '99' of dissensus '7\.1'; this version reads layout 2"):
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


def test_what_a_killed_process_left_is_removed_and_what_another_writes_is_not(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    path = tmp_path / "r.nc"
    save(small(), path)
    before = set(tmp_path.iterdir())
    prefix = f".dissensus-{hashlib.sha256(path.name.encode()).hexdigest()[:12]}-"
    dead, alive, foreign = (tmp_path / f"{name}.partial" for name in (f"{prefix}dead", f"{prefix}alive", "mine"))
    for file in (dead, alive, foreign):
        file.write_bytes(b"half a result")
    with open(alive, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        save(small(), path, force=True)
    assert set(tmp_path.iterdir()) == before | {alive, foreign}


def test_two_who_write_the_same_result_do_not_take_each_others_file(tmp_path, monkeypatch):
    """The second begins and ends while the first has written its numbers but not yet given them their name."""
    pytest.importorskip("fcntl")
    path, push = tmp_path / "r.nc", os.fsync

    def meanwhile(descriptor):
        monkeypatch.setattr(os, "fsync", push)
        save(small(), path, force=True)
        push(descriptor)

    monkeypatch.setattr(os, "fsync", meanwhile)
    save(small(), path, force=True)
    assert load(path).identical(small())
    assert [file.name for file in tmp_path.iterdir()] == ["r.nc"]


def test_a_folder_is_asked_whether_it_may_be_written_and_entered(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(os, "access", lambda path, mode: asked.append((str(path), mode)) or True)
    assert check_target(tmp_path / "r.nc") == tmp_path / "r.nc"
    assert asked == [(str(tmp_path), os.W_OK | os.X_OK)]


class Stream(io.BytesIO):
    """Bytes that are asked for at most a few times."""

    asked = 0

    def read(self, size=-1):
        self.asked += 1
        assert self.asked < 10
        return super().read(size)


@pytest.mark.parametrize("length", [0, 1, 2, 99, 100])
def test_the_checksum_of_a_large_file_is_that_of_the_bytes_before_the_last_line(length):
    data = bytes(range(100))
    stream = Stream(data + b"trailer" * (length < 100))
    assert result_file._digest(stream, length) == hashlib.sha256(data[:length]).hexdigest()
    assert stream.tell() == length


def test_a_file_that_shrinks_meanwhile_has_another_checksum_and_an_end():
    assert result_file._digest(Stream(b"ab"), 5) == hashlib.sha256(b"ab").hexdigest()
