"""Nothing that a label says is run, hidden or taken for something else, and nothing reaches the network."""

import ast
import csv
import functools
import html.parser
import json
import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pandas as pd
import pytest
from dissensus.datasets import Study, read_table
from dissensus.inference import plot_alternatives, plot_groups, plot_scores, summarize, to_csv, to_json
from dissensus.inference.export import as_written
from rich.console import Console

import dissensus
from dissensus import inference
from dissensus.errors import Fault, InputError, clean

from .hostile import PAYLOADS, ROLES, labelled, result

PLACES = range(len(PAYLOADS))
SOME = range(0, len(PAYLOADS), 3)
"""Places at which every payload stands in three roles or more."""
STEERING = {"Cc", "Cf", "Zl", "Zp", "Cs", "Co"}


@functools.cache
def hostile(place):
    """A result whose labels are payloads, by place."""
    return result(labelled(place))


@functools.cache
def harmless():
    """The same result with labels of no harm."""
    return result({role: f"{role} name" for role in ROLES})


def steering(text, *, but=""):
    """Return the characters of a text that steer a terminal or the direction of reading."""
    return {c for c in text if unicodedata.category(c) in STEERING and c not in but}


def printed(arguments, tmp_path, monkeypatch, capsys, fit):
    """Run the command on a result; return what it printed."""
    from dissensus import cli, result_commands

    monkeypatch.setattr(result_commands, "load_result", lambda _: fit)
    monkeypatch.setenv("COLUMNS", "120")
    code = cli.run([arguments[0], "r.nc", *arguments[1:]])
    caught = capsys.readouterr()
    assert code in {0, 1}, caught.err
    return caught.out + caught.err


@pytest.mark.parametrize("place", SOME)
def test_labels_are_dead_in_printed_tables(place, tmp_path, monkeypatch, capsys):
    fit = hostile(place)
    changed = [["what-if", "--by", "group", "--small-groups"]] if place in SOME[::5] else []
    for arguments in (["scores", "--by", "group"], ["check"], *changed):
        text = printed(arguments, tmp_path, monkeypatch, capsys, fit)
        assert not steering(text, but="\n")
        whole = "".join(text.split())
        for role in ("area1", "area2"):
            label = "".join(clean(labelled(place)[role]).split())[:15]  # markup of rich would have vanished
            assert label in whole


@pytest.mark.parametrize("place", PLACES)
def test_labels_are_whole_in_json(place):
    answer = json.loads(json.dumps(to_json(hostile(place), by="group"), allow_nan=False))
    labels = labelled(place)
    assert {row["area"] for row in answer["scores"]} == {labels["area1"], labels["area2"], None}
    assert {row["group"] for row in answer["scores"]} == {labels["group1"], labels["group2"], None}
    assert answer["state"] == "caution"


@pytest.mark.parametrize("place", PLACES[::2])
def test_labels_are_dead_in_csv(place, tmp_path):
    to_csv(hostile(place), tmp_path / "t.csv", by="group")
    text = (tmp_path / "t.csv").read_bytes().decode()
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(text.splitlines()) == len(rows) + 1 == 4 * 8 * 3 + 1
    names = ("score", "estimand", "area", "group", "group_other", "state", "reasons", "interval", "version")
    for cell in {row[name] for row in rows for name in names}:
        seen = unicodedata.normalize("NFKC", cell).lstrip(' "`´\u200b\u200c\u200d\u2060')
        assert not seen.startswith(("=", "+", "-", "@", "−")), cell
        assert not {
            c
            for c in cell
            if unicodedata.category(c) in {"Cc", "Zl", "Zp"} or ("\u202a" <= c <= "\u2069" and c != "\u2060")
        }
    for role in ("area1", "area2"):
        label = labelled(place)[role]
        if not steering(label, but="\u200b\u200c\u200d\u2060\U000e0041\U000e007f"):
            assert label in {as_written(row["area"]) for row in rows}


class Skeleton(html.parser.HTMLParser):
    """The elements of a page and the names of their attributes, without any text."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        """Note an element."""
        self.found.append((tag, *sorted(name for name, _ in attrs)))

    def handle_comment(self, data):
        """Note a comment."""
        self.found.append(("comment",))


def skeleton(page):
    return Skeleton(page).found


@pytest.mark.parametrize("place", SOME)
def test_labels_are_dead_in_html(place):
    """A page has the same elements and attributes whatever the labels say."""
    fit, plain = hostile(place), harmless()
    assert skeleton(fit._repr_html_()) == skeleton(plain._repr_html_())
    for by in (None, "group"):
        page, other = summarize(fit, by=by)._repr_html_(), summarize(plain, by=by)._repr_html_()
        assert skeleton(page) == skeleton(other)


def answers(labels):
    """Return a study and a table with these labels."""
    goals, options = [labels["goal1"], labels["goal2"]], [labels["option1"], "no"]
    items = {
        labels["item1"]: {"serves": {options[0]: goals[0], "no": goals[1]}},
        "other": {"serves": {"y": goals[0], "n": []}},
    }
    areas = {labels["area1"]: {"goals": goals, "conflict": 1.0, "items": items}}
    study = Study.from_dict({"title": labels["title"], "table": {"agent": "id", "group": "g"}, "areas": areas})
    groups = [labels["group1"], labels["group2"]]
    columns = {"id": [labels["agent1"], "b", "c"], labels["item1"]: [*options, "no"], "other": ["y", "n", "y"]}
    return study, pd.DataFrame(columns | {"g": [*groups, groups[0]]})


@pytest.mark.parametrize("place", PLACES)
def test_labels_are_dead_in_the_display_of_choices(place):
    labels = labelled(place)
    study, table = answers(labels)
    choices = read_table(table, study, source=labels["source"])
    assert choices.groups == tuple(sorted({labels["group1"], labels["group2"]}, key=choices.groups.index))
    assert choices.agents[0] == labels["agent1"]
    assert not steering(repr(choices), but="\n")
    assert skeleton(choices._repr_html_()) == [("pre",)]


@pytest.mark.parametrize("name", PAYLOADS)
def test_labels_are_dead_in_errors(name, tmp_path):
    label = PAYLOADS[name]
    study, table = answers({role: f"{role} name" for role in ROLES})
    wrong = [
        lambda: read_table(table.assign(other=label), study),
        lambda: read_table(table.rename(columns={"other": label}), study, source=label),
        lambda: read_table(tmp_path / label.replace("/", "∕")[:60], study),
        lambda: read_table(table.assign(id=label), study),
        lambda: Study.from_dict({label: 1, "table": {label: label}, "areas": {label: {label: label}}}),
        lambda: Study.from_toml(tmp_path / label.replace("/", "∕")[:60]),
        lambda: Study.from_text(f"x = {label}"),
    ]
    for fault in wrong:
        with pytest.raises(InputError) as caught:
            fault()
        text = str(caught.value)
        assert not steering(text, but="\n")
        assert len(text.splitlines()) == text.count("\n") + 1 <= len(caught.value.faults) + 1
        assert all(len(found.value or "") <= 60 * 10 for found in caught.value.faults)


def texts(value, key=""):
    """Yield every text of a figure that plotly draws or parses, with its key."""
    if isinstance(value, dict):
        for name, entry in value.items():
            yield from texts(entry, name)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from texts(entry, key)
    elif isinstance(value, str):
        yield key, value


FIGURES = {"scores": plot_scores, "alternatives": plot_alternatives, "groups": plot_groups}
OF_AN_AREA = [inference.plot_option_shares, inference.plot_item_pairs, inference.plot_answers_per_goal]
OF_AN_AREA += [inference.plot_agreement, inference.plot_loo_pit]
OURS = re.compile(r"</?(?:b|sup|br)>")


@pytest.mark.parametrize("place", SOME)
@pytest.mark.parametrize("name", FIGURES)
def test_labels_are_dead_in_figures(name, place):
    dead_in_figure(FIGURES[name](hostile(place)))


@pytest.mark.parametrize("place", SOME[::3])
@pytest.mark.parametrize("draw", OF_AN_AREA, ids=lambda draw: draw.__name__)
def test_labels_are_dead_in_figures_of_an_area(draw, place):
    dead_in_figure(draw(hostile(place), area=labelled(place)["area1"]))


def dead_in_figure(figure):
    """What plotly would take for markup, mathematics or a template is ours, and never in a label."""
    found = list(texts(json.loads(figure.to_json())))
    assert found
    for key, text in found:
        if key in {"template", "hovertemplate", "texttemplate"}:
            assert text in {"plotly_white", "%{text}"}
            continue
        bare = OURS.sub("", text)
        assert not set(bare) & set("<>$"), (key, text)
        assert not steering(text)
        for entity in re.findall("&[^;]{0,8};?", bare):
            assert entity in {"&amp;", "&lt;", "&gt;", "&#36;"}, (key, text)


@pytest.mark.parametrize("place", SOME[::6])
def test_labels_are_dead_in_pages_of_figures(place, tmp_path):
    plot_scores(hostile(place)).write_html(tmp_path / "hostile.html", include_plotlyjs=False)
    plot_scores(harmless()).write_html(tmp_path / "plain.html", include_plotlyjs=False)
    assert skeleton((tmp_path / "hostile.html").read_text()) == skeleton((tmp_path / "plain.html").read_text())


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.skipif(BROWSER is None, reason="no chromium to load a page with")
def test_no_label_runs_in_a_browser(tmp_path):
    """All displays of hostile results on one page, loaded: the payloads set window.pwned, and none has."""
    parts = []
    for place in SOME[::4]:
        fit = hostile(place)
        study, table = answers(labelled(place))
        parts += [read_table(table, study)._repr_html_(), fit._repr_html_(), summarize(fit, by="group")._repr_html_()]
        for draw in FIGURES.values():
            parts.append(draw(fit).to_html(full_html=False, include_plotlyjs=len(parts) < 4))
    said = "`${window.pwned} ${window.control} ${document.querySelectorAll('svg').length}`"
    end = f"<script>window.onload = () => setTimeout(() => document.title = {said}, 1000)</script>"
    end = f'<img src=x onerror="window.control = 1">{end}'
    page = tmp_path / "page.html"
    page.write_text(f"<html><head><meta charset=utf-8></head><body>{''.join(parts)}{end}</body></html>")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--virtual-time-budget=20000"]
    folder = f"--user-data-dir={tmp_path / 'browser'}"
    done = subprocess.run(
        [BROWSER, *flags, folder, page.as_uri()], capture_output=True, text=True, check=False, timeout=120
    )
    if "</html>" not in done.stdout:
        pytest.skip(f"chromium does not start here: {done.stderr[-300:]}")
    title = re.search("<title>(.*?)</title>", done.stdout)
    assert title is not None, "the page was not loaded to its end"
    pwned, control, drawn = title[1].split()
    assert control == "1"  # what is not escaped does run
    assert pwned == "undefined"
    assert int(drawn) > 20  # the figures were drawn


SOURCE = sorted(
    path
    for folder in dissensus.__path__
    + [f"{Path(dissensus.__path__[0]).parents[1]}/{name}" for name in ("datasets", "inference", "forward_model")]
    for path in Path(folder).glob("**/*.py")
)
MODULES = set(
    "pickle marshal shelve dill joblib cloudpickle urllib requests http httpx aiohttp socket ftplib smtplib telnetlib "
    "tarfile zipfile".split()
)
CALLS = set(
    "eval exec compile __import__ query urlopen urlretrieve extractall unpack_archive read_pickle to_pickle system "
    "popen".split()
)
SQL = "log_scan.py"
"""The one file with a ``query``: DuckDB's, of a table whose values are quoted as SQL takes them."""
REGISTRY = "registry.py"
"""The one file that fetches, on request, what it knows the checksum of (pooch)."""


@pytest.mark.parametrize("path", SOURCE, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_source_runs_no_data_and_reaches_no_network(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            roots = {name.split(".")[0] for name in names if not getattr(node, "level", 0)}
            assert not roots & MODULES, ast.unparse(node)
            assert "pooch" not in roots or path.name == REGISTRY
        if isinstance(node, ast.Call):
            called = node.func
            name = (
                called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
            )
            of_re = isinstance(called, ast.Attribute) and ast.unparse(called.value) == "re"
            of_sql = (path.name, name) == (SQL, "query")
            assert name not in CALLS or of_re or of_sql, ast.unparse(node)
            for keyword in node.keywords:
                assert keyword.arg not in {"shell", "allow_pickle"} or ast.unparse(keyword.value) == "False"
    assert len(SOURCE) > 50


OFFLINE = """
import socket, sys

opened = []

class Closed(socket.socket):
    def __init__(self, *arguments, **options):
        opened.append(arguments)
        raise OSError("no network here")

def closed(*arguments, **_):
    opened.append(arguments)
    raise OSError("no network here")

socket.socket, socket.create_connection, socket.getaddrinfo = Closed, closed, closed
try:
    socket.create_connection(("localhost", 80))
except OSError:
    assert opened.pop() == (("localhost", 80),)

import os
os.chdir(sys.argv[1])
from dissensus import cli, datasets, inference
assert cli.run(["demo"]) == 0
choices = datasets.load("stouffer_toby")
fit = inference.fit(choices, seed=1, draws=1_000)
inference.save(fit, "r.nc")
inference.plot_scores(inference.load("r.nc")).write_html("r.html", include_plotlyjs=False)
inference.plot_alternatives(fit)
inference.to_csv(fit, "r.csv")
for words in (["scores", "r.nc", "--json"], ["check", "r.nc"]):
    assert cli.run(words) == 0
assert not opened, opened
print("done offline")
"""


def test_the_main_paths_open_no_socket(tmp_path):
    done = subprocess.run(
        [sys.executable, "-P", "-c", OFFLINE, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("done offline\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.csv", "r.html", "r.nc"]


@pytest.mark.parametrize("label", ["a\0b", "\ud800", "x" * 10_001])
def test_labels_that_no_file_could_keep_are_refused_at_the_door(label):
    study, table = answers({role: f"{role} name" for role in ROLES})
    with pytest.raises(InputError, match=r"NUL|lone surrogates|more than the limit of 1,000"):
        read_table(table.astype(object).assign(other=pd.Series([label, "n", "y"], dtype=object)), study)
    with pytest.raises(InputError, match=r"NUL|lone surrogate|more than the limit of 1,000"):
        answers({role: label if role == "goal1" else f"{role} name" for role in ROLES})


def test_a_file_name_cannot_steer_a_terminal():
    console = Console(width=80, force_terminal=True)
    fault = Fault(code="x", message="m", remedy="r", file="\x1b]0;pwned\x07\u202e.csv")
    assert str(InputError(fault)) == r"\u001b]0;pwned\u0007\u202e.csv: m r"
    with console.capture() as caught:
        console.print(str(InputError(fault)), markup=False)
    assert "pwned\x07" not in caught.get()
