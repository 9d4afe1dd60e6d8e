"""Whatever the bytes, a reader gives a valid object or raises InputError; the long run is benchmarks/fuzz.py."""

import functools
import hashlib
import json
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dissensus.datasets import Study, read_table, simulate
from dissensus.inference import fit, load, save
from dissensus.inference.verdict import verdict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dissensus.errors import LISTED, InputError

ITEMS = {name: {"serves": {"yes": "for", "no": "against", "1": []}} for name in ("q1", "q2")}
AREAS = {"x": {"goals": ["for", "against"], "conflict": 1.0, "items": ITEMS}}
LONG = {"layout": "long", "agent": "id", "item": "item", "answer": "answer"}
EXTRAS = (
    {},
    {"group": "g", "group_missing": "overall_only"},
    {"group": "g", "groups": {"L": ["L", "1"], "R": ["R"]}},
    {"survey_weight": "w", "decimal": ",", "thousands": "."},
    {"survey_weight": "w", "on_duplicate": "keep_one", "missing": ["98", "NA"]},
    {"on_duplicate": "keep_last", "limits": {"label": 20, "columns": 6, "bytes": 500}},
)
STUDIES = [
    Study.from_dict({"table": layout | extra, "areas": AREAS})
    for layout in ({"agent": "id"}, {}, LONG)
    for extra in EXTRAS
]
quick = functools.partial(settings, deadline=None, suppress_health_check=list(HealthCheck))


def reads(read, file=None):
    """Read; check the error if there is one, and return what was read otherwise."""
    try:
        return read()
    except InputError as error:
        assert error.faults
        assert len(str(error).splitlines()) <= LISTED + 1
        for fault in error.faults:
            assert fault.code and fault.message and fault.remedy
            assert fault.count >= 1
            assert file is None or fault.file == str(file)
        return error


def table_reads(table, study, n_lines=None):
    found = reads(lambda: read_table(table, study))
    if isinstance(found, InputError):
        assert all(fault.line is None or 1 <= fault.line <= (n_lines or 1) for fault in found.faults)
        return
    assert found.n_agents >= 2
    assert np.isfinite(found.survey_weight).all() if found.survey_weight is not None else True
    for area in found.areas:
        assert area.counts[area.pattern_of_agent].shape[0] == found.n_agents


cells = st.sampled_from(
    [*"abc1LR", "", " ", "yes", "no", "1.0", '"yes"', '"a\nb"', '"x""y"', '"', 'x"y', "1,5", '"1,5"', "98", "NA", "q1"]
) | st.sampled_from(
    ["q2", "id", " yes", "é", "e\u0301", "\u200b", "\u202e", "\x1b", "\x00", "-1", "inf", "1e999", "x" * 30]
)
names = st.sampled_from(["id", "q1", "q2", "g", "w", "item", "answer", "q1 ", "", '"q1"', "other"])
rows = st.lists(st.lists(cells, min_size=1, max_size=6), max_size=7)


@quick(max_examples=250)
@given(
    header=st.lists(names, min_size=1, max_size=6)
    | st.sampled_from([["id", "q1", "q2", "g", "w"], ["id", "item", "answer", "g", "w"]]),
    body=rows,
    mark=st.sampled_from([",", ";", "\t"]),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    start=st.sampled_from([b"", b"\xef\xbb\xbf", b"\n\n", b"\xff\xfe", b"\x1f\x8b"]),
    end=st.binary(max_size=4),
    study=st.sampled_from(STUDIES),
    name=st.sampled_from(["t.csv", "t.tsv", "t.csv.gz", "t.parquet"]),
)
def test_any_text_table(header, body, mark, newline, start, end, study, name, tmp_path):
    data = start + newline.join(mark.join(row) for row in [header, *body]).encode() + end
    (tmp_path / name).write_bytes(data)
    table_reads(tmp_path / name, study, data.count(b"\n") + data.count(b"\r") + 1)


GOOD = {
    "wide": b'id,q1,q2,g,w\na,yes,no,L,"1,5"\r\n"b",no,"yes",R,2\nc,,1,L,0\n',
    "long": b'id,item,answer,g,w\na,q1,yes,L,1\na,q2,"no",L,1\nb,q1,no,R,2\nb,q2,1,R,2\n',
}


@quick(max_examples=180)
@given(
    good=st.sampled_from(list(GOOD.values())),
    edits=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 4), st.binary(max_size=3)), max_size=4),
    study=st.sampled_from(STUDIES),
)
def test_any_edit_of_a_good_table(good, edits, study, tmp_path):
    data = good
    for place, length, patch in edits:
        data = data[:place] + patch + data[place + length :]
    (tmp_path / "t.csv").write_bytes(data)
    table_reads(tmp_path / "t.csv", study, data.count(b"\n") + data.count(b"\r") + 1)


TYPES = {
    pa.string(): st.text(max_size=3) | st.sampled_from(["yes", "no", "q1", "q2", "1"]),
    pa.large_string(): st.sampled_from(["yes", "no"]),
    pa.int64(): st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2),
    pa.uint8(): st.integers(0, 3),
    pa.float64(): st.floats() | st.sampled_from([1.0, 2.0**53, 0.5]),
    pa.float32(): st.floats(width=32),
    pa.bool_(): st.booleans(),
    pa.decimal128(20, 3): st.integers(-999, 999),
    pa.date32(): st.integers(-(10**6), 10**6),
    pa.timestamp("us"): st.integers(-(2**60), 2**60),
    pa.timestamp("ns", "UTC"): st.integers(-(2**60), 2**60),
    pa.time64("us"): st.integers(0, 10**9),
    pa.duration("s"): st.integers(-(10**6), 10**6),
    pa.binary(): st.binary(max_size=3),
    pa.binary(2): st.binary(min_size=2, max_size=2),
    pa.list_(pa.int64()): st.lists(st.integers(0, 3), max_size=2),
    pa.struct([("a", pa.int64())]): st.fixed_dictionaries({"a": st.integers(0, 3)}),
    pa.null(): st.none(),
    pa.dictionary(pa.int32(), pa.string()): st.sampled_from(["yes", "no", ""]),
}


@quick(max_examples=120)
@given(st.data())
def test_any_columns_of_arrow_parquet_and_pandas(data):
    study, n = data.draw(st.sampled_from(STUDIES)), data.draw(st.integers(0, 4))
    columns = {}
    for name in ("id", "q1", "q2", "item", "answer", "g", "w"):
        kind = data.draw(st.sampled_from(list(TYPES)))
        values = data.draw(st.lists(st.none() | TYPES[kind], min_size=n, max_size=n))
        columns[name] = (
            pa.array(values, pa.string()).dictionary_encode()
            if pa.types.is_dictionary(kind)
            else pa.array(values, kind)
        )
    table = pa.table(columns)
    table_reads(table, study)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    table_reads(pq.read_table(pa.BufferReader(sink.getvalue())), study)
    try:
        frame = table.to_pandas()
    except (pa.ArrowException, ValueError, OverflowError):  # dates that pandas cannot hold
        return
    table_reads(frame, study)


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    """Parquet files of three encodings, as bytes."""
    path, files = tmp_path_factory.mktemp("parquet") / "t.parquet", []
    frame = pd.DataFrame(
        {"id": ["a", "b", "c"], "q1": ["yes", "no", "1"], "q2": ["no", None, "yes"], "g": list("LRL"), "w": [1.0, 2, 0]}
    )
    for options in ({}, {"compression": "gzip", "use_dictionary": False}, {"data_page_version": "2.0"}):
        pq.write_table(pa.table(frame), path, **options)
        files.append(path.read_bytes())
    return files


@quick(max_examples=150)
@given(
    which=st.integers(0, 2),
    patches=st.lists(st.tuples(st.integers(0, 10**5), st.binary(min_size=1, max_size=3)), min_size=1, max_size=4),
    cut=st.integers(0, 40),
    study=st.sampled_from(STUDIES),
)
def test_any_damage_to_parquet(which, patches, cut, study, parquet, tmp_path):
    data = bytearray(parquet[which])
    for place, patch in patches:
        at = place % len(data)
        data[at : at + len(patch)] = patch
    (tmp_path / "t.parquet").write_bytes(data[: len(data) - cut] if cut > 30 else data)
    table_reads(tmp_path / "t.parquet", study)


WORDS = (
    "title table areas priors layout agent group item answer survey_weight missing group_missing on_duplicate "
    "delimiter decimal thousands groups limits label columns options values goals conflict rule kappa baseline no_goal "
    "items area_weight column serves repeated name goal_share weight_mean group_sd cluster a b a|b b|a x q1 q2 yes no "
    "wide long luce free error"
).split()
scalars = (
    st.sampled_from(WORDS)
    | st.booleans()
    | st.integers(-2, 3)
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.dates()
    | st.none()
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner, max_size=4)
    ),
)
VALID = {
    "title": "x",
    "table": {"agent": "id", "group": "g", "missing": ["", "98"], "groups": {"L": ["1"]}, "limits": {"label": 50}},
    "areas": {
        "a": {"goals": ["a", "b"], "conflict": {"a|b": 0.5}, "items": {"q1": {"serves": {"yes": "a", "no": ["b"]}}}}
    },
    "priors": {"goal_share": 1.0, "weight_mean": [2.0, 2.0]},
}


def whole(found):
    """A study that was read is the same again from its dictionary, and its parts can be used."""
    if isinstance(found, InputError):
        return
    assert Study.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    for area in found.areas:
        assert area.conflict_matrix.shape == (len(area.goals),) * 2
        assert area.serves_matrix.shape == (len(area.goals), len(area.options))


@quick(max_examples=180)
@given(st.data())
def test_any_value_anywhere_in_a_study(data):
    raw = json.loads(json.dumps(VALID))
    for _ in range(data.draw(st.integers(1, 3))):
        part, parent = raw, None
        while isinstance(part, dict) and part and (parent is None or data.draw(st.booleans())):
            key = data.draw(st.sampled_from(sorted(part)))
            part, parent = part[key], (part, key)
        parent[0][parent[1]] = data.draw(values)
        if data.draw(st.booleans()):
            parent[0][data.draw(st.sampled_from(WORDS))] = data.draw(values)
    whole(reads(lambda: Study.from_dict(raw)))


TOML = """\
title = "x"  # of the study
[table]
agent = "id"
missing = ["", "98"]
[table.groups]
L = ["1"]
[areas.a]
goals = ["a", "b"]
conflict = { "a|b" = 0.5 }
[areas.a.items.q1]
serves = { yes = "a", "no" = ["b"], '1' = [] }
[priors]
weight_mean = [2.0, 2.0]
"""
tokens = st.sampled_from(
    [*"[]{}\"'=.,#\n\\\0é\ufeff", "[[", '"""', "\r\n", "\\u0000", "nan", "inf", "1e999", "0x10"]
) | (st.sampled_from(["1979-05-27T07:32:00Z", "true", "[areas]", "[areas.a]", "[table.limits]", '"a|b"', "a.b.c = 1"]))


@quick(max_examples=180)
@given(
    edits=st.lists(
        st.tuples(st.integers(0, len(TOML)), st.integers(0, 20), tokens | st.text(max_size=3)), min_size=1, max_size=4
    ),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "latin-1", "utf-16"]),
)
def test_any_edit_of_a_study_file(edits, encoding, tmp_path):
    text = TOML
    for place, length, patch in edits:
        text = text[:place] + patch + text[place + length :]
    path = tmp_path / "study.toml"
    path.write_bytes(text.encode(encoding, "replace"))
    found = reads(lambda: Study.from_toml(path), path)
    if isinstance(found, InputError):
        n_lines = len(re.split(r"\r\n|\r|\n", text))
        assert all(fault.line is None or 1 <= fault.line <= n_lines for fault in found.faults)
    whole(found)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A small result, without its trailer, and where its HDF5 structures begin."""
    path = tmp_path_factory.mktemp("result") / "r.nc"
    small = fit(simulate(STUDIES[0], 20, seed=1), seed=1, draws=1_000)
    for name in list(small.children):
        small[name] = small[name].to_dataset().isel(draw=slice(2), missing_dims="ignore")
    save(small, path)
    data = path.read_bytes()[:-84]
    marks = [
        match.start() for match in re.finditer(rb"OHDR|OCHK|TREE|HEAP|SNOD|FRHP|FHDB|FHIB|BTHD|BTLF|FSHD|\x89HDF", data)
    ]
    assert len(marks) > 100
    return data, marks


@quick(max_examples=40)
@given(
    edits=st.lists(st.tuples(st.integers(0, 10**4), st.integers(0, 200), st.integers(1, 255)), min_size=1, max_size=3),
    cut=st.integers(0, 5),
)
def test_any_change_of_the_structure_of_a_result_below_a_right_checksum(edits, cut, good, tmp_path):
    """The checksum is right, so HDF5 and what lies above it see the damage."""
    data, marks = bytearray(good[0]), good[1]
    for mark, offset, change in edits:
        data[min(marks[mark % len(marks)] + offset, len(data) - 1)] ^= change
    if cut == 5:
        data = data[: len(data) // 2]
    path = tmp_path / "r.nc"
    path.write_bytes(bytes(data) + f"\n#dissensus sha256 {hashlib.sha256(data).hexdigest()}\n".encode())
    found = reads(lambda: load(path), path)
    if not isinstance(found, InputError):
        assert found.identical(load(path))
        verdict(found)


@quick(max_examples=120)
@given(head=st.sampled_from([b"", b"\x89HDF\r\n\x1a\n"]), body=st.binary(max_size=300), checksum=st.booleans())
def test_any_bytes_as_a_result(head, body, checksum, tmp_path):
    data = head + body
    if checksum:
        data += f"\n#dissensus sha256 {hashlib.sha256(data).hexdigest()}\n".encode()
    (tmp_path / "r.nc").write_bytes(data)
    assert isinstance(reads(lambda: load(tmp_path / "r.nc"), tmp_path / "r.nc"), InputError)
