"""Whatever the bytes of a log, its reader gives valid choices or raises InputError."""

import functools
import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dissensus.datasets import Study, read_log
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dissensus.errors import LISTED, InputError

AREAS = {
    "x": {
        "goals": ["for", "against"],
        "conflict": 1.0,
        "items": {name: {"serves": {"yes": "for", "no": "against"}, "repeated": True} for name in ("a", "b")},
    }
}
LOG = {"agent": "id", "item": "item", "outcome": "said", "time": "when"}
EXTRAS = (
    {"answers": {"yes": ">= 3", "no": "< 3"}},
    {"keep": "last", "missing": ["", "98"]},
    {"on_duplicate": "keep_one", "where": {"said": ["yes", "no", "4"]}},
    {"on_duplicate": "count", "where": {"when": "> 1"}, "group": "g"},
    {"slate": "g", "keep": "furthest", "answers": {"no": "no", "yes": ["yes", "4"]}},
    {"propensity": "p", "position": "g"},
    {"position": "p", "examination": {"unseen": "no", "places": {"near": "<= 0.7", "far": "> 0.7"}}},
)
SHOWN = {"agent": "id", "item": "item", "time": "when", "shown": "said", "question": "c", "answer": "item"}
SLATES = {"c": {"kind": "situation", "serves": {"a": "for", "b": "against", "yes": [], "no": []}}}
STUDIES = [Study.from_dict({"log": LOG | extra, "areas": AREAS}) for extra in EXTRAS]
STUDIES.append(Study.from_dict({"log": SHOWN, "areas": {"x": AREAS["x"] | {"items": SLATES}}}))
quick = functools.partial(settings, deadline=None, suppress_health_check=list(HealthCheck))


def log_reads(path, study, n_lines):
    try:
        choices = read_log(path, study, threads=1)
    except InputError as error:
        assert error.faults
        assert len(str(error).splitlines()) <= LISTED + 1
        for fault in error.faults:
            assert fault.code and fault.message and fault.remedy
            assert fault.count >= 1
            assert fault.line is None or 1 <= fault.line <= n_lines
        return
    assert choices.n_agents >= 2
    for area in choices.areas:
        assert area.counts[area.pattern_of_agent].shape[0] == choices.n_agents
        assert area.n_answers.sum() > 0


cells = st.sampled_from(
    [*"ab123", "", " ", "yes", "no", "4", "2.5", '"yes"', '"a\nb"', '"', 'x"y', "1,5", "98", "NaN", "inf", "-1"]
) | st.sampled_from(
    ["1600000000", "1600000000000", "2020-01-01", "é", "\u202e", "\x1b", "\x00", "1e999", "0.5", "';--"]
)
names = st.sampled_from(["id", "item", "said", "when", "g", "p", "", "other", '"id"'])
good = st.tuples(
    *(st.sampled_from(column) for column in ("ABC", "ab", ("yes", "no", "4", "2"), "123456", "LR", ("0.5", "1")))
)


@quick(max_examples=40)
@given(
    header=st.lists(names, min_size=1, max_size=6) | st.just(["id", "item", "said", "when", "g", "p"]),
    body=st.lists(st.lists(cells, min_size=1, max_size=7) | good, max_size=8),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    start=st.sampled_from([b"", b"", b"\xef\xbb\xbf", b"\n\n", b"\xff\xfe"]),
    end=st.binary(max_size=3),
    study=st.sampled_from(STUDIES),
    name=st.sampled_from(["t.csv", "t.csv", "t.csv.gz", "t.tsv"]),
)
def test_any_text_log(header, body, newline, start, end, study, name, tmp_path):
    data = start + newline.join(",".join(row) for row in [header, *body]).encode() + end
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    log_reads(tmp_path / name, study, data.count(b"\n") + data.count(b"\r") + 1)


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    """The bytes of a good log, as Parquet."""
    path = tmp_path_factory.mktemp("good") / "t.parquet"
    columns = {"id": [1, 2, 1, 2], "item": [*"abab"], "said": ["yes", "no", "no", "yes"], "when": [1, 2, 3, 4]}
    pq.write_table(pa.table(columns | {"g": [1, 1, 2, 2], "p": [0.5] * 4}), path)
    return path.read_bytes()


@quick(max_examples=40)
@given(
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4), st.binary(max_size=3)), max_size=3),
    study=st.sampled_from(STUDIES),
)
def test_any_edit_of_a_good_parquet_log(parquet, edits, study, tmp_path):
    data = parquet
    for place, length, patch in edits:
        at = int(place * len(data))
        data = data[:at] + patch + data[at + length :]
    (tmp_path / "t.parquet").write_bytes(data)
    log_reads(tmp_path / "t.parquet", study, 0)
