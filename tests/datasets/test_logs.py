"""Events become the same counts whatever holds them, and by whatever engine."""

import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from dissensus.datasets import Study, read_log, read_table, simulate, write_table

from dissensus.errors import InputError

from .logs import counted, expected, films, ratings, study


def written(frame, folder, form):
    """Write a log in one of the forms and return what to give."""
    half = len(frame) // 2
    given = [folder / "log.csv"]
    if form == "csv":
        frame.to_csv(given[0], index=False)
    elif form == "gzip":
        given = [str(folder / "log.csv.gz")]
        frame.to_csv(given[0], index=False)
    elif form == "parts in another order of columns":
        given = [folder / "a.csv", folder / "b.csv"]
        frame[:half].to_csv(given[0], index=False)
        frame[half:][["when", "stars", "film", "user"]].to_csv(given[1], index=False)
    elif form == "folder":
        given = [folder / "log"]
        given[0].mkdir()
        frame[:half].to_parquet(given[0] / "a.parquet")
        frame[half:].astype({"user": "int32"}).to_parquet(given[0] / "b.parquet")
    elif form == "pattern":
        given = [str(folder / "*.parquet")]
        frame[:half].to_parquet(folder / "a[1].parquet")
        frame[half:].to_parquet(folder / "b'.parquet")
    elif form in {"arrow", "duckdb"}:
        arrow = pa.Table.from_pandas(frame, preserve_index=False)
        return arrow if form == "arrow" else pytest.importorskip("duckdb").connect().from_arrow(arrow)
    else:
        return frame
    return given if len(given) > 1 else given[0]


FORMS = ("csv", "gzip", "parts in another order of columns", "folder", "pattern", "arrow", "duckdb", "pandas")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_counts_of_a_loop(form, tmp_path):
    frame = ratings()
    choices = read_log(written(frame, tmp_path, form), study(), items=films(tmp_path))
    assert counted(choices) == expected(frame)


def test_the_hash_does_not_know_the_form(tmp_path):
    frame = ratings()
    hashes, table = set(), films(tmp_path)
    for form in FORMS:
        (tmp_path / form).mkdir()
        hashes.add(read_log(written(frame, tmp_path / form, form), study(), items=table).data_hash)
    assert len(hashes) == 1


def test_neither_order_nor_parts_matter(tmp_path):
    frame, table = ratings(), films(tmp_path)
    first = read_log(frame, study(), items=table)
    again = read_log(frame.sample(frac=1, random_state=3), study(), items=table)
    assert (first.agents == again.agents).all()
    for one, other in zip(first.areas, again.areas, strict=True):
        assert (one.counts == other.counts).all()
        assert (one.pattern_of_agent == other.pattern_of_agent).all()


def test_a_log_of_counts_is_the_table_of_counts(tmp_path):
    """What is reduced can be written as a long table, and read again to the same answers."""
    choices = read_log(ratings(), study(), items=films(tmp_path))
    write_table(choices, tmp_path / "counts.csv")
    again = read_table(tmp_path / "counts.csv", choices.study)
    assert again.data_hash == choices.data_hash


def test_a_study_with_a_log_survives_a_round_trip():
    one = study()
    assert Study.from_dict(one.to_dict()) == one
    items = {"q": {"serves": {"y": ["a"], "n": ["b"]}}}
    table = Study.from_dict({"areas": {"x": {"goals": ["a", "b"], "conflict": 1.0, "items": items}}})
    assert "log" not in table.to_dict()


def test_a_study_of_a_log_can_be_simulated(tmp_path):
    choices = simulate(study(), 50, seed=1, groups=["a", "b"])
    write_table(choices, tmp_path / "counts.csv")
    assert read_table(tmp_path / "counts.csv", choices.study).data_hash == choices.data_hash


def test_polars_gives_the_same(tmp_path):
    polars = pytest.importorskip("polars", reason="Polars is not installed")
    frame = ratings()
    for given in (polars.from_pandas(frame), polars.from_pandas(frame).lazy()):
        assert counted(read_log(given, study(), items=films(tmp_path))) == expected(frame)


@pytest.mark.filterwarnings("ignore:Dask support is moving")
def test_dask_gives_the_same(tmp_path):
    dask = pytest.importorskip("dask.dataframe", reason="Dask is not installed")
    frame = ratings()
    given = dask.from_pandas(frame, npartitions=3)
    assert counted(read_log(given, study(), items=films(tmp_path))) == expected(frame)


def test_the_last_event_of_an_agent_on_an_item_counts(tmp_path):
    frame = ratings()
    meaning = study(replace={'time = "when"': 'time = "when"\nkeep = "last"'})
    last = frame.sort_values("when").groupby(["user", "film"]).tail(1)
    assert counted(read_log(frame, meaning, items=films(tmp_path))) == expected(last)


def test_two_last_events_of_one_time_that_differ_are_a_fault(tmp_path):
    frame = pd.DataFrame({"user": [1, 1, 2], "film": [1, 1, 2], "stars": [5, 1, 2], "when": [7, 7, 7]})
    meaning = study(replace={'time = "when"': 'time = "when"\nkeep = "last"'})
    with pytest.raises(InputError, match="same time") as caught:
        read_log(frame, meaning, items=films(tmp_path))
    assert caught.value.code == "last-twice"


def test_only_events_that_meet_a_condition_count(tmp_path):
    frame = ratings()
    frame["kind"] = np.where(np.arange(len(frame)) % 3, "rating", "view")
    meaning = study(replace={'time = "when"': 'time = "when"\nwhere = { kind = "rating", when = ">= 1600000100" }'})
    kept = frame[(frame.kind == "rating") & (frame.when >= 1_600_000_100)]
    frame.to_csv(tmp_path / "log.csv", index=False)
    for given in (frame, tmp_path / "log.csv"):  # numbers, and text
        assert counted(read_log(given, meaning, items=films(tmp_path))) == expected(kept)


def test_events_that_repeat_another_count_once_when_asked(tmp_path):
    frame = ratings()
    twice = pd.concat([frame, frame[:50]])
    meaning = study(replace={'time = "when"': 'time = "when"\non_duplicate = "keep_one"'})
    choices = read_log(twice, meaning, items=films(tmp_path))
    assert counted(choices) == expected(frame)
    assert "50 events repeat" in next(f.message for f in choices.findings if f.code == "duplicates")


def test_a_log_without_a_header_and_with_long_delimiters(tmp_path):
    """The layout of MovieLens 1M."""
    frame = ratings()
    text = "\n".join(
        "::".join(map(str, row)) for row in zip(frame.user, frame.film, frame.stars, frame.when, strict=True)
    )
    (tmp_path / "ratings.dat").write_text(text + "\n")
    rows = {"1": "Action", "2": "Action|Drama", "3": "Drama", "4": "Western", "5": "(none)"}
    lines = "".join(f'{film}::Père {film}, "x"::{kinds}\n' for film, kinds in rows.items())
    (tmp_path / "movies.dat").write_bytes(lines.encode("latin-1"))
    meaning = study(
        replace={
            'time = "when"': 'time = "when"\ndelimiter = "::"\ncolumns = ["user", "film", "stars", "when"]',
            'separator = "|"': 'separator = "|"\ncolumns = ["film", "title", "genres"]\nencoding = "latin-1"',
        }
    )
    choices = read_log(tmp_path / "ratings.dat", meaning, items=tmp_path / "movies.dat")
    assert counted(choices) == expected(frame)


RECOMMENDER = """
[log]
item = "tile"
position = "place"
path = "{policy}/log.csv"
systems = ["recommender"]
[log.readings.shown]
agent = "policy"
question = "front"
answer = "item"
as_group = "recommender"
[log.readings.clicked]
agent = ["city", "age"]
question = "click"
answer = "item"
where = { clicked = "1" }
as_group = "people"
[areas.page]
goals = ["news", "sport"]
conflict = 1.0
baseline = "uniform"
[areas.page.items.front]
serves = { n1 = "news", n2 = "news", s1 = "sport" }
repeated = true
[areas.page.items.click]
serves = { n1 = "news", n2 = "news", s1 = "sport" }
repeated = true
"""


def test_the_same_events_are_answers_of_a_recommender_and_of_people(tmp_path):
    for policy, tiles in {"old": ["n1", "n2", "s1"], "new": ["s1", "s1", "n1"]}.items():
        (tmp_path / policy).mkdir()
        rows = [f"x,{age},{tile},{place},{int(place == age)}\n" for age in (1, 2) for place, tile in enumerate(tiles)]
        (tmp_path / policy / "log.csv").write_text("city,age,tile,place,clicked\n" + "".join(rows))
    choices = read_log(tmp_path, Study.from_text(RECOMMENDER))
    assert counted(choices) == {
        ("old", "front", "n1"): 2, ("old", "front", "n2"): 2, ("old", "front", "s1"): 2,
        ("new", "front", "n1"): 2, ("new", "front", "s1"): 4,
        ("x · 1", "click", "n2"): 1, ("x · 2", "click", "s1"): 1,
        ("x · 1", "click", "s1"): 1, ("x · 2", "click", "n1"): 1,
    }  # fmt: skip
    assert choices.groups == ("people", "recommender")
    assert [choices.groups[group] for group in choices.group_of_agent] == ["recommender"] * 2 + ["people"] * 2
    assert {finding.code for finding in choices.findings} >= {"position-unused", "no-exposure"}


FEED = """
[log]
agent = "user"
item = "tile"
outcome = "what"
slate = "page"
keep = "furthest"
answers = { skipped = "impression", clicked = ["click", "buy"] }
[areas.feed]
goals = ["news", "sport"]
conflict = 1.0
[areas.feed.items.n]
serves = { skipped = [], clicked = "news" }
repeated = true
[areas.feed.items.s]
serves = { skipped = [], clicked = "sport" }
repeated = true
"""


PAGES = (
    *("a 1 n impression", "a 1 s impression", "a 1 n click", "a 1 n buy", "a 1 n impression"),
    *("a 2 n impression", "b 1 s impression", "b 1 s click", "b 3 s impression"),
)


def feed(*rows):
    """Return events of a feed, one text per event."""
    return pd.DataFrame([row.split() for row in rows], columns=["user", "page", "tile", "what"])


def test_shown_and_clicked_or_shown_and_skipped(tmp_path):
    """Showing and clicking are events of their own: the furthest counts once per slate."""
    choices = read_log(feed(*PAGES).sample(frac=1, random_state=1), Study.from_text(FEED))
    assert counted(choices) == {
        ("a", "n", "clicked"): 1, ("a", "n", "skipped"): 1, ("a", "s", "skipped"): 1,
        ("b", "s", "clicked"): 1, ("b", "s", "skipped"): 1,
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore")
def test_two_workers_of_spark_give_the_same(tmp_path):
    sql = pytest.importorskip("pyspark.sql", reason="Spark is not installed: pip install dissensus[spark]")
    frame = ratings()
    builder = sql.SparkSession.builder.master("local-cluster[2,1,1024]").config("spark.ui.enabled", "false")
    session = builder.config("spark.sql.shuffle.partitions", "4").getOrCreate()
    try:
        table = session.createDataFrame(frame)
        for keep in ("all", "last"):
            meaning = study(replace={'time = "when"': f'time = "when"\nkeep = "{keep}"'})
            choices = read_log(table, meaning, items=films(tmp_path))
            other = read_log(frame, meaning, items=films(tmp_path))
            assert choices.data_hash == other.data_hash
            if keep == "all":
                assert counted(choices) == expected(frame)
        pages = feed(*PAGES)
        choices = read_log(session.createDataFrame(pages), Study.from_text(FEED))
        assert choices.data_hash == read_log(pages, Study.from_text(FEED)).data_hash
    finally:
        session.stop()


def test_what_was_clicked_and_not_shown_is_a_fault(tmp_path):
    frame = feed("a 1 n impression", "a 2 s impression", "b 1 s impression", "a 1 s click")
    frame.to_csv(tmp_path / "log.csv", index=False)
    with pytest.raises(InputError, match="in a slate that does not show it") as caught:
        read_log(tmp_path / "log.csv", Study.from_text(FEED))
    assert (caught.value.code, caught.value.column, caught.value.value, caught.value.line) == (
        "not-shown",
        "tile",
        "s",
        3,
    )


def test_visits_without_an_outcome(tmp_path):
    """The item is the answer: which of the pages an agent went to, and how often."""
    text = """
    [log]
    agent = "user"
    item = "page"
    question = "visit"
    [areas.site]
    goals = ["buy", "ask"]
    conflict = 1.0
    [areas.site.items.visit]
    serves = { shop = "buy", help = "ask", home = [] }
    repeated = true
    """
    with gzip.open(tmp_path / "visits.csv.gz", "wt") as file:
        file.write("user,page\n" + "1,shop\n2,help\n1,home\n3,home\n1,shop\n")
    choices = read_log(tmp_path / "visits.csv.gz", Study.from_text(text))
    assert counted(choices)[("1", "visit", "shop")] == 2
    assert choices.n_agents == 3


def test_memory_is_kept_to_what_is_allowed(tmp_path):
    """400,000 events of 80,000 agents, which the engine holds in 100 MB."""
    rng = np.random.default_rng(1)
    n = 400_000
    frame = pd.DataFrame({"user": rng.integers(0, 80_000, n), "film": rng.integers(1, 6, n)})
    frame["stars"], frame["when"] = rng.integers(1, 11, n) / 2, np.arange(n)
    frame.to_parquet(tmp_path / "log.parquet")
    choices = read_log(tmp_path / "log.parquet", study(), items=films(tmp_path), max_memory=100e6, threads=1)
    liked = [int((area.n_agents_of_pattern @ area.counts)[0]) for area in choices.areas]
    good = frame[frame.stars >= 4]
    assert liked == [int(good.film.isin([1, 2]).sum()), int(good.film.isin([2, 3]).sum())]
