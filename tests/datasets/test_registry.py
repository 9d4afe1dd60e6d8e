"""Registered tables: what is known of them, where they are found, and what a bad transfer leaves behind."""

import gc
import hashlib
import os
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from dissensus.datasets import registry
from dissensus.datasets.prepare import STEPS
from dissensus.datasets.study import Study

from dissensus import datasets
from dissensus.errors import InputError

FETCHED = ("gss_spending", "house_votes_84", "movielens_latest_small", "polis_brexit_consensus")
TABLE = b"q1,q2\nyes,no\nno,no\nyes,yes\n"
STUDY = Study.from_text(
    """
    [areas.park]
    goals = ["for", "against"]
    conflict = 1.0
    [areas.park.items.q1]
    serves = { yes = "for", no = "against" }
    [areas.park.items.q2]
    serves = { yes = "for", no = "against" }
    """
)


def local(name):
    """Load a table from the local copies, or skip."""
    home = os.environ.get("DISSENSUS_DATA")
    if home is None:
        pytest.skip("DISSENSUS_DATA is not set")
    for file in registry.describe(name).files:
        if not (Path(home) / file.local).exists():
            pytest.skip(f"DISSENSUS_DATA has no copy of {name}")
    return datasets.load(name)


class TestEntries:
    @pytest.mark.parametrize("name", list(registry.registry()))
    def test_entry_is_complete(self, name):
        """Every entry has terms, a citation, the reading of a row, checksums and a study file that is valid."""
        entry = registry.describe(name)
        for field in ("title", "home", "licence", "citation", "row", "left_out"):
            assert getattr(entry, field)
        assert entry.columns
        assert entry.prepare is None or entry.prepare in STEPS
        assert entry.prepare is not None or len(entry.files) == 1
        study = Study.from_toml(Path(registry.__file__).parent / entry.study)
        assert study.title
        for file in entry.files:
            assert file.size > 0
            assert all(len(digest) == 64 for digest in file.sha256)

    @pytest.mark.parametrize("name", FETCHED)
    def test_addresses_are_pinned(self, name):
        """A fetched file has an https address at a commit."""
        for file in registry.describe(name).files:
            parts = file.url.split("/")
            assert parts[:3] == ["https:", "", "raw.githubusercontent.com"]
            assert len(parts[5]) == 40
            int(parts[5], 16)

    def test_catalogue_lists_all(self):
        """One row per entry, bundled ones marked."""
        table = registry.catalogue()
        assert list(table["name"]) == ["stouffer_toby", *FETCHED]
        assert table.set_index("name")["bundled"].to_dict() == {"stouffer_toby": True, **dict.fromkeys(FETCHED, False)}
        assert (table["size"] > 0).all()

    def test_misspelt_name_is_answered_with_the_nearest(self):
        """The message holds the name the user meant."""
        with pytest.raises(InputError, match=r"no table 'stoufer_toby'. Did you mean 'stouffer_toby'"):
            datasets.load("stoufer_toby")
        with pytest.raises(InputError, match=r"The tables are stouffer_toby, gss_spending"):
            datasets.load("xyz")


class TestLocalCopies:
    def test_missing_copy_is_named(self, tmp_path):
        """A data home is the only place looked at: no fetching behind the user's back."""
        with pytest.raises(InputError, match=r"no local copy of gss_spending.csv") as caught:
            datasets.load("gss_spending", data_home=tmp_path)
        assert caught.value.code == "no-local-copy"
        assert caught.value.file == str(tmp_path / "gss_spending" / "gss_spending.csv")
        assert "https://" in caught.value.remedy

    def test_environment_variable_is_a_data_home(self, tmp_path, monkeypatch):
        """DISSENSUS_DATA is used when no data home is given, and an argument goes before it."""
        monkeypatch.setenv("DISSENSUS_DATA", str(tmp_path / "a"))
        with pytest.raises(InputError, match="/a/gss_spending"):
            datasets.load("gss_spending")
        with pytest.raises(InputError, match="/b/gss_spending"):
            datasets.load("gss_spending", data_home=tmp_path / "b")

    def test_changed_copy_is_refused(self, tmp_path):
        """A copy with another checksum is not the published table."""
        folder = tmp_path / "gss_spending"
        folder.mkdir()
        (folder / "gss_spending.csv").write_text("id,natfare\n1,0\n")
        with pytest.raises(InputError, match="checksum differs") as caught:
            datasets.load("gss_spending", data_home=tmp_path)
        assert caught.value.code == "checksum"


class TestTables:
    def test_gss_spending(self):
        """Plug-in figures of the published table: chance that two respondents give different answers."""
        choices = local("gss_spending")
        assert choices.groups == ("Democrat", "Independent", "Republican")
        assert (choices.group_of_agent == -1).sum() > 0
        assert {area.name: area.items for area in choices.areas} == {
            "welfare": ("natfare", "natsoc", "natheal", "natchld"),
            "environment": ("natenvir", "natenrgy", "natpark", "natmass"),
            "order": ("natcrime", "natdrug", "natcity"),
            "abroad": ("natarms", "nataid", "natspac"),
        }
        differ = {"natarms": 0.6585, "natfare": 0.6288, "natcity": 0.6489, "natheal": 0.4391, "natpark": 0.5177}
        opposed = {"natarms": 0.1762, "natfare": 0.2250, "natcity": 0.1755, "natheal": 0.1085, "natpark": 0.0330}
        for item, expected in differ.items():
            n = option_counts(choices, item)
            total = sum(n.values())
            assert 1 - sum(c * (c - 1) for c in n.values()) / (total * (total - 1)) == pytest.approx(expected, abs=5e-5)
            # SOURCE figures of opposition are plain products of shares
            assert 2 * n["-1"] * n["1"] / total**2 == pytest.approx(opposed[item], abs=2e-4)
        area = choices.area("welfare")
        assert area.goals == ("less", "same", "more")
        assert area.serves[:, :3].tolist() == np.eye(3, dtype=bool).tolist()  # too much, about right, too little

    def test_house_votes_84(self):
        """Sizes of parties and the chance that two members who took a side differ."""
        choices = local("house_votes_84")
        sizes = {name: int((choices.group_of_agent == g).sum()) for g, name in enumerate(choices.groups)}
        assert choices.n_agents >= 434
        assert sizes["democrat"] in (266, 267)
        assert sizes["republican"] in (167, 168)
        assert len(choices.areas) == 16
        differ = {"handicapped-infants": 0.4945, "physician-fee-freeze": 0.4875, "crime": 0.4837}
        for item, expected in differ.items():
            n = option_counts(choices, item)
            total = n["y"] + n["n"]
            assert 2 * n["y"] * n["n"] / (total * (total - 1)) == pytest.approx(expected, abs=5e-5)

    def test_movielens_latest_small(self):
        """A rating counts once in every genre of its film."""
        choices = local("movielens_latest_small")
        assert choices.n_agents == 610
        assert len(choices.areas) == 18
        assert all(area.repeated.all() for area in choices.areas)
        totals = {area.items[0]: int(area.n_answers[area.pattern_of_agent].sum()) for area in choices.areas}
        assert totals["Drama"] == 41_928
        assert totals["Film-Noir"] == 870
        assert sum(totals.values()) == 270_288

    def test_polis_brexit_consensus(self):
        """The last vote counts: 5,303 of 5,312 votes stand, with the published mean conflict over statements."""
        local("polis_brexit_consensus")
        entry = registry.describe("polis_brexit_consensus")
        table = STEPS[entry.prepare](registry.fetch(entry))
        assert table.shape == (204, 51)
        conflicts = []
        stand = 0
        for statement in table.column_names[1:]:
            votes = Counter(table[statement].to_pylist())
            agree, disagree = votes["1"], votes["-1"]
            stand += agree + disagree + votes["0"]
            n = agree + disagree
            if n >= 10:
                conflicts.append(2 * agree * disagree / (n * (n - 1)))
        assert stand == 5_303
        assert len(conflicts) == 49
        assert np.mean(conflicts) == pytest.approx(0.2740, abs=5e-5)

    def test_polis_matrix_of_last_votes(self):
        """The export's own matrix of participants and statements, cell by cell."""
        home = os.environ.get("DISSENSUS_DATA")
        matrix = Path(home or ".") / "polis" / "brexit-consensus" / "participants-votes.csv"
        if home is None or not matrix.exists():
            pytest.skip("DISSENSUS_DATA has no copy of the matrix")
        import csv

        with matrix.open(newline="") as lines:
            published = {row["participant"]: row for row in csv.DictReader(lines)}
        entry = registry.describe("polis_brexit_consensus")
        table = STEPS[entry.prepare](registry.fetch(entry))
        for row in table.to_pylist():
            theirs = published.pop(row["voter-id"])
            assert all((row[s] or "") == theirs[s] for s in table.column_names[1:])
        assert not published


def option_counts(choices, item):
    """Number of answers by option of an item."""
    for area in choices.areas:
        if item in area.items:
            totals = area.counts[area.pattern_of_agent].sum(axis=0)
            mine = area.item_of_option == area.items.index(item)
            return dict(zip(np.array(area.options)[mine].tolist(), totals[mine].tolist(), strict=True))
    raise KeyError(item)


class Handler(BaseHTTPRequestHandler):
    """Serves the table well, changed, cut short, or not at all, by the address asked for."""

    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == "/gone.csv":
            self.send_error(404)
            return
        body = TABLE.replace(b"yes", b"oui") if self.path == "/changed.csv" else TABLE
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body[:10] if self.path == "/short.csv" else body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.delenv("DISSENSUS_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.asked = []
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield httpd
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def entry_at(address, body=TABLE, **changes):
    fields = {
        "title": "Park",
        "bundled": False,
        "home": "loopback",
        "licence": "CC0",
        "citation": "None",
        "study": "none.toml",
        "row": "One agent.",
        "columns": {"q1": "first"},
        "left_out": "Nothing.",
        "files": [
            {
                "name": "park.csv",
                "size": len(body),
                "sha256": [hashlib.sha256(body).hexdigest()],
                "url": address,
                "local": "park/park.csv",
            }
        ],
    }
    return registry.entry_from_dict("park", fields | changes)


def address(server, path):
    return f"http://127.0.0.1:{server.server_port}{path}"


class TestFetching:
    def test_fetched_once_with_a_message_before(self, server, tmp_path, capsys):
        """What, size, address and licence go to stderr; the second time the cached copy is used."""
        entry = entry_at(address(server, "/park.csv"))
        choices = registry.load_entry(entry, study=STUDY, cache=tmp_path)
        assert choices.n_agents == 3
        out, err = capsys.readouterr()
        assert out == ""
        first = err.splitlines()[0]
        assert all(
            part in err for part in ("park.csv", f"{len(TABLE)} bytes", entry.files[0].url, "CC0", str(tmp_path))
        )
        assert first.startswith("Fetching park.csv")
        assert (tmp_path / "park" / "park.csv").read_bytes() == TABLE
        registry.load_entry(entry, study=STUDY, cache=tmp_path)
        assert server.asked == ["/park.csv"]
        assert "Fetching" not in capsys.readouterr().err

    def test_damaged_cache_is_fetched_again(self, server, tmp_path):
        """A file in the cache is checked each time."""
        entry = entry_at(address(server, "/park.csv"))
        (tmp_path / "park").mkdir()
        (tmp_path / "park" / "park.csv").write_bytes(TABLE[:-3])
        files = registry.fetch(entry, cache=tmp_path)
        assert files["park.csv"].read_bytes() == TABLE
        assert server.asked == ["/park.csv"]

    @pytest.mark.parametrize(
        ("path", "code", "message"),
        [
            ("/changed.csv", "checksum", "has not the published SHA-256 checksum; it was not kept"),
            ("/short.csv", "transfer", "broke off; nothing was kept"),
            ("/gone.csv", "unreachable", "gave no file: .*404"),
        ],
    )
    def test_bad_transfer_leaves_nothing(self, server, tmp_path, path, code, message):
        """A wrong, cut or missing file is an error with a remedy, and the cache stays empty."""
        entry = entry_at(address(server, path))
        with pytest.raises(InputError, match=message) as caught:
            registry.load_entry(entry, study=STUDY, cache=tmp_path)
        assert caught.value.code == code
        assert caught.value.file == entry.files[0].url
        assert "data_home" in caught.value.remedy
        gc.collect()  # a connection left open would warn here
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    def test_unreachable_server(self, server, tmp_path):
        """A server that is not there is an error with a remedy."""
        free = address(server, "/park.csv")
        server.shutdown()
        server.server_close()
        with pytest.raises(InputError, match=r"The server of park.csv gave no file") as caught:
            registry.fetch(entry_at(free), cache=tmp_path)
        assert caught.value.code == "unreachable"
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    def test_unwritable_cache(self, server, tmp_path):
        """A cache folder that cannot be made is said to be the fault, not the server."""
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(InputError, match="cannot be kept in the cache folder") as caught:
            registry.fetch(entry_at(address(server, "/park.csv")), cache=tmp_path / "file")
        assert caught.value.code == "cache"

    def test_accepted_copy_of_another_form(self, tmp_path, monkeypatch):
        """A local copy with any accepted checksum is read."""
        copy = b"row,q1,q2\n1,yes,no\n2,no,no\n3,yes,yes\n"
        monkeypatch.setenv("DISSENSUS_DATA", str(tmp_path))
        (tmp_path / "park").mkdir()
        (tmp_path / "park" / "park.csv").write_bytes(copy)
        entry = entry_at("http://127.0.0.1:9/park.csv")
        with pytest.raises(InputError, match="checksum"):
            registry.load_entry(entry, study=STUDY)
        file = {
            **vars(entry.files[0]),
            "sha256": [*entry.files[0].sha256, hashlib.sha256(copy).hexdigest()],
        }
        assert registry.load_entry(entry_at("", files=[file]), study=STUDY).n_agents == 3


def test_importing_reaches_no_network():
    """The package is imported in a process whose sockets are taken away."""
    import subprocess
    import sys

    code = (
        "import socket\n"
        "def refuse(*a, **k): raise RuntimeError('network')\n"
        "socket.socket.connect = refuse; socket.create_connection = refuse\n"
        "from dissensus import datasets\nfrom dissensus.datasets import registry\n"
        "print(datasets.load('stouffer_toby').n_agents, len(registry.catalogue()))\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["216", "5"]
