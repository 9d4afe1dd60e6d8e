"""Bad files at the command line: exit code 2, one sentence or a few, and no traceback of another library."""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import re
import sys
import zipfile

import h5py
import numpy as np
import pandas as pd
import pytest

from dissensus import cli

STUDY = """\
[table]
agent = "id"
[areas.x]
goals = ["for", "against"]
conflict = 1.0
[areas.x.items.q1]
serves = { yes = "for", no = "against" }
[areas.x.items.q2]
serves = { yes = "for", no = "against" }
"""
TABLE = "id,q1,q2\na,yes,no\nb,no,yes\nc,yes,yes\n"


def zipped():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../answers.csv", TABLE)
    return stream.getvalue()


def parquet(**columns):
    return pd.DataFrame(
        {"id": list("abc"), "q1": ["yes", "no", "no"], "q2": ["no", "yes", "yes"]} | columns
    ).to_parquet()


def hdf5():
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.create_dataset("bomb", (10**12,), "f8", chunks=(10**6,))
    return stream.getvalue()


def sealed(data):
    return data + f"\n#dissensus sha256 {hashlib.sha256(data).hexdigest()}\n".encode()


TABLES = {
    "empty": ("t.csv", b"", "empty"),
    "header only": ("t.csv", b"id,q1,q2\n", "no rows"),
    "one agent": ("t.csv", b"id,q1,q2\na,yes,no\n", "one agent"),
    "faults of all kinds": (
        "t.csv",
        b"id,q1,q2\na,yess,no\nb,no\na,no,no\n,yes,no\nc,yes,no,no\n",
        "Did you mean 'yes'",
    ),
    "semicolons": ("t.csv", TABLE.replace(",", ";").encode(), "looks like ;"),
    "utf-16": ("t.csv", TABLE.encode("utf-16"), "UTF-16"),
    "utf-32": ("t.csv", TABLE.encode("utf-32"), "UTF-32"),
    "latin-1": ("t.csv", TABLE.replace("c,", "é,").encode("latin-1"), "line 4.*Latin-1"),
    "nul": ("t.csv", TABLE.replace("yes", "y\0s").encode(), "line 2.*NUL"),
    "open quote": ("t.csv", TABLE.replace("b,", '"b,').encode(), "line 3.*never closed"),
    "gzip without its ending": ("t.csv", gzip.compress(TABLE.encode()), "gzip"),
    "bomb": ("t.csv.gz", gzip.compress(b"\n" * 10**7) * 20, "'ratio'"),
    "gzip in gzip": ("t.csv.gz", gzip.compress(gzip.compress(TABLE.encode())), "Pack the text once"),
    "cut gzip": ("t.csv.gz", gzip.compress(TABLE.encode())[:-4], "cannot be unpacked"),
    "bzip2": ("t.csv", bz2.compress(TABLE.encode()), "bzip2"),
    "xz": ("t.csv", lzma.compress(TABLE.encode()), "xz"),
    "zip": ("t.csv", zipped(), "zip archive"),
    "excel": ("t.xlsx", zipped(), "no kind of table"),
    "parquet named csv": ("t.csv", parquet(), "Parquet"),
    "csv named parquet": ("t.parquet", TABLE.encode(), "not a Parquet file but text"),
    "cut parquet": ("t.parquet", parquet()[:-20], "truncated or damaged"),
    "lists": ("t.parquet", parquet(q1=[["yes"], ["no"], []]), "not single answers"),
    "bytes": ("t.parquet", parquet(q1=[b"yes", b"no", b""]), "not single answers"),
    "rounded agents": ("t.parquet", parquet(id=[2.0**60, 1.0, 2.0]), "held as floats"),
    "a terminal's own words": ("t.csv", TABLE.replace("yes", "\x1b[2J", 1).encode(), r"\\u001b\[2J"),
}
STUDIES = {
    "empty": (b"", "no problem area"),
    "no toml": (TABLE.encode(), "line 1: Not a TOML file"),
    "latin-1": (STUDY.encode() + b"# caf\xe9\n", "line 10.*not UTF-8"),
    "utf-16": (STUDY.encode("utf-16"), "not UTF-8"),
    "nul": (STUDY.encode() + b"\0", "Not a TOML file"),
    "nul in a goal": (STUDY.replace('"for"', r'"f\u0000"').encode(), "NUL"),
    "key twice": (STUDY.replace("conflict", "conflict = 1.0\nconflict").encode(), "line 6.*a key stands twice"),
    "area twice": (STUDY.encode() + b"[areas.x]\n", "line 10.*twice"),
    "deep lists": (b"x = " + b"[" * 50_000, "nested too deeply"),
    "deep keys": (b"a." * 50_000 + b"b = 1", "over 64 parts"),
    "deep tables": (b"[areas.x]\nconflict = " + b"{ a = " * 60 + b"1" + b" }" * 60, "32 deep"),
    "long number": (STUDY.replace("1.0", "9" * 5_000).encode(), "line 5.*over 1,000 digits"),
    "long hexadecimal": (STUDY.replace("1.0", "0x" + "f" * 5_000).encode(), "line 5.*over 1,000 digits"),
    "behind a byte order mark": (
        b"\xef\xbb\xbf" + STUDY.replace("agent", "agnet").encode(),
        "line 2.*Did you mean 'agent'",
    ),
    "goal misspelt": (STUDY.replace('yes = "for"', 'yes = "fro"', 1).encode(), "line 7.*Did you mean 'for'"),
    "goal of look-alikes": (STUDY.replace('yes = "for"', 'yes = "fоr"', 1).encode(), r"Did you mean 'for'.*U\+043E"),
    "pair misspelt": (STUDY.replace("1.0", '{ "fro|against" = 1 }').encode(), r"line 5.*Did you mean 'for\|against'"),
    "goal against itself": (STUDY.replace("1.0", '{ "for|for" = 1, "for|against" = 1 }').encode(), "line 5.*itself"),
    "item not in the table": (STUDY.replace("items.q2", "items.q_2").encode(), "Did you mean 'q2'"),
    "too large": (b"#" * 1_000_001, "limit of 1,000,000 bytes"),
    "no weight": (STUDY.replace("conflict", "area_weight = 0\nconflict").encode(), "All area weights are 0"),
}
RESULTS = {
    "empty": (b"", "not a result"),
    "text": (TABLE.encode(), "not a result"),
    "hdf5 of another program": (hdf5(), "does not end with its checksum"),
    "a bomb below a right checksum": (sealed(hdf5()), "declares over"),
    "rubbish below a right checksum": (sealed(b"\x89HDF\r\n\x1a\n" + bytes(range(256)) * 9), "not a result"),
    "nothing below a right checksum": (sealed(b""), "not a result"),
    "a wrong checksum": (sealed(hdf5())[:-3] + b"00\n", "checksum does not match"),
}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the command; assert that it ends with 2 and plain sentences that match."""
    from dissensus.inference import fit  # noqa: F401 - the module is loaded before it is changed

    monkeypatch.setattr(sys.modules["dissensus.inference.fit"], "fit", lambda *_, **__: pytest.fail("fitted"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.toml").write_text(STUDY)
    (tmp_path / "answers.csv").write_text(TABLE)
    before = set(os.listdir())

    def call(*arguments, match, made=()):
        code = cli.run(list(arguments))
        caught = capsys.readouterr()
        assert (code, caught.out) == (2, "")
        assert re.search(match, caught.err, re.DOTALL), caught.err
        assert not re.search("Traceback|pyarrow|pydantic|h5py|Arrow(Invalid|Type)|sys.set_int", caught.err), caught.err
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", caught.err)
        assert set(os.listdir()) == before | set(made)

    return call


@pytest.mark.parametrize("name", TABLES)
def test_tables(name, run, tmp_path):
    file, data, match = TABLES[name]
    (tmp_path / file).write_bytes(data)
    run("fit", "study.toml", file, "-o", "r.nc", match=match, made=[file])


@pytest.mark.parametrize("name", STUDIES)
def test_studies(name, run, tmp_path):
    data, match = STUDIES[name]
    (tmp_path / "bad.toml").write_bytes(data)
    run("fit", "bad.toml", "answers.csv", "-o", "r.nc", match=match, made=["bad.toml"])


@pytest.mark.parametrize("command", ["scores", "check"])
@pytest.mark.parametrize("name", RESULTS)
def test_results(name, command, run, tmp_path):
    data, match = RESULTS[name]
    (tmp_path / "bad.nc").write_bytes(data)
    run(command, "bad.nc", match=match, made=["bad.nc"])


PATHS = {
    "folder": ("folder", "a folder"),
    "pipe": ("pipe", "not an ordinary file"),
    "link to itself": ("loop", "cannot be read|no such"),
    "link to nothing": ("nothing", "[Nn]o such"),
    "zeros without end": ("/dev/zero", "not an ordinary file"),
    "address": ("https://example.org/x", "never from an address"),
    "address of a file": ("file:///etc/passwd", "never from an address"),
    "long name": ("x" * 5_000, "cannot be read"),
    "nul": ("a\0b", "cannot be read"),
    "half a character": ("\udcff", "[Nn]o such"),
}


@pytest.mark.parametrize("what", ["table", "study", "result"])
@pytest.mark.parametrize("name", PATHS)
def test_paths(name, what, run, tmp_path):
    path, match = PATHS[name]
    ending = {"table": ".csv", "study": ".toml", "result": ".nc"}[what] if "/" not in path else ""
    given = path + (ending if name != "folder" else "")
    made = []
    if name == "folder":
        (tmp_path / given).mkdir()
    elif name == "pipe":
        os.mkfifo(tmp_path / given)
    elif name.startswith("link"):
        (tmp_path / given).symlink_to(tmp_path / (given if "itself" in name else "nowhere"))
    if name in {"folder", "pipe"} or name.startswith("link"):
        made = [given]
    words = {
        "table": ["fit", "study.toml", given, "-o", "r.nc"],
        "study": ["fit", given, "answers.csv", "-o", "r.nc"],
        "result": ["scores", given],
    }
    run(*words[what], match=match, made=made)


def test_numbers_beyond_floats_are_no_survey_weights(run, tmp_path):
    (tmp_path / "bad.toml").write_text(STUDY.replace('agent = "id"', 'agent = "id"\nsurvey_weight = "w"'))
    frame = pd.read_csv(io.StringIO(TABLE)).assign(w=np.array([1e308, 1e308, 5e-324]))
    frame.to_parquet(tmp_path / "t.parquet")
    run("fit", "bad.toml", "t.parquet", "-o", "r.nc", match="too large.*too small", made=["bad.toml", "t.parquet"])
