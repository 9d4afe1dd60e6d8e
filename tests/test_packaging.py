"""The package as it is shipped: nothing left out of it, nothing in it that belongs elsewhere, imports one way."""

from __future__ import annotations

import ast
import fnmatch
import functools
import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import dissensus
from dissensus import datasets, forward_model, inference

ROOT = Path(__file__).parents[1]
PARTS = ("forward_model", "datasets", "inference")
ORDER = ("errors", "terminal", *PARTS, "result_commands", "cli")
"""Each part may import those before it."""
OUTSIDE = {"tests", "notebooks", "benchmarks"}
"""Folders with code that is not shipped."""

DISTRIBUTIONS = {
    "arviz_stats": "arviz",
    "arviz_base": "arviz",
    "arviz_plots": "arviz",
    "pytensor": "pymc",
    "plotly": "arviz",
}
"""Modules that come with a dependency of another name."""


@functools.cache
def _project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@functools.cache
def _files():
    """Return the files under version control or about to be, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = [Path(name) for name in listed.stdout.decode().split("\0") if name]
    found = [path for path in paths if (ROOT / path).is_file()]
    assert len(found) > 50
    return found


def _sources():
    """Return every shipped module with its part: "errors", "inference", "cli", …, or "" for the umbrella."""
    for path in _files():
        if path.suffix == ".py" and path.parts[0] not in OUTSIDE:
            own = path.stem if path.parts[0] == "src" and path.stem in ORDER else ""
            yield path, path.parts[0] if path.parts[0] in PARTS else own


def _imports(path):
    """Return every module imported anywhere in a file, absolute: ``dissensus.inference.fit`` for a relative one."""
    home = "dissensus" if path.parts[0] == "src" else f"dissensus.{path.parts[0]}"
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = home.split(".")[: len(home.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def test_every_folder_with_code_is_shipped():
    """An editable install hides a folder left out; the wheel would lack it."""
    packages = _project()["tool"]["setuptools"]["packages"]
    where = _project()["tool"]["setuptools"]["package-dir"]
    assert sorted(packages) == sorted(where)
    folders = {path.parent.as_posix() for path, _ in _sources()}
    assert folders == set(where.values())
    for package, folder in where.items():
        assert importlib.util.find_spec(package).origin is not None
        assert package in {"dissensus", f"dissensus.{folder}"}


def test_every_file_beside_the_code_is_shipped():
    patterns = _project()["tool"]["setuptools"]["package-data"]
    where = _project()["tool"]["setuptools"]["package-dir"]
    for package, folder in where.items():
        for path in _files():
            if path.parent.as_posix() == folder and path.suffix != ".py":
                assert any(fnmatch.fnmatch(path.name, p) for p in patterns.get(package, ())), f"{path} is not shipped"
    # And the other way round: no pattern is idle.
    for package, globs in patterns.items():
        for glob in globs:
            assert any(
                path.parent.as_posix() == where[package] and fnmatch.fnmatch(path.name, glob) for path in _files()
            )


def test_imports_go_one_way():
    for path, part in _sources():
        imported = [name.split(".")[1] for name in _imports(path) if name.startswith("dissensus.")]
        parts = {name for name in imported if name in ORDER}
        if path.name == "__main__.py":
            assert parts == {"cli"}
        elif part:
            allowed = ORDER[: ORDER.index(part) + 1]
            assert parts <= set(allowed), f"{path} imports {parts - set(allowed)}"
        else:
            assert not parts, f"{path} imports {parts}"


def test_parts_are_imported_under_the_package_only():
    """A bare ``import datasets`` from the root would find ours and make a second copy of it."""
    for path, _ in _sources():
        for name in _imports(path):
            assert name.split(".")[0] not in ORDER, f"{path} imports {name}"


@pytest.mark.parametrize("part", PARTS)
def test_a_bare_import_of_a_part_is_refused(part):
    spec = importlib.util.spec_from_file_location(part, ROOT / part / "__init__.py")
    with pytest.raises(ImportError, match=f"import dissensus.{part}, not {part}"):
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


def test_dependencies_are_declared():
    """Every module imported, also within a function, belongs to a declared dependency or to Python."""
    project = _project()["project"]
    declared = {re.match(r"[A-Za-z0-9_.-]+", d)[0].lower() for d in project["dependencies"]}
    declared |= {"jax"} & set(project["optional-dependencies"])  # imported where it is asked for only
    used = set()
    for path, _ in _sources():
        top = {name.split(".")[0] for name in _imports(path)} - set(sys.stdlib_module_names) - {"dissensus", ""}
        used |= {DISTRIBUTIONS.get(name, name) for name in top}
        assert used <= declared, f"{path} imports {sorted(used - declared)}"
    engines = {"arviz"}  # named by users of the result; its parts are what we import
    assert declared - engines <= used, f"declared and never imported: {sorted(declared - engines - used)}"


def test_the_forward_model_needs_no_sampler():
    for path, part in _sources():
        if part == "forward_model":
            heavy = {name.split(".")[0] for name in _imports(path)} & {
                "pymc",
                "pytensor",
                "nutpie",
                "arviz_stats",
                "scipy",
            }
            assert not heavy, f"{path} imports {heavy}"


def test_the_package_says_its_version():
    assert dissensus.__version__ == version("dissensus") == _project()["project"]["version"]
    for part in (forward_model, datasets, inference):
        assert part.__doc__
        assert all(hasattr(part, name) for name in part.__all__)


def test_the_names_promised_are_there():
    """What benchmarks and other packages call."""
    assert {"ProblemArea", "score"} <= set(forward_model.__all__)
    assert {"Study", "Choices", "read_table", "load", "simulate"} <= set(datasets.__all__)
    promised = {
        "build_model",
        "fit",
        "scores",
        "summarize",
        "posterior_predictive",
        "prior_scores",
        "check",
        "save",
        "load",
    }
    assert promised <= set(inference.__all__)


def test_the_lock_file_names_the_public_index_only():
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    sources = {tuple(package["source"].items()) for package in lock["package"]}
    assert sources == {(("registry", "https://pypi.org/simple"),), (("editable", "."),)}
    files = [
        entry["url"]
        for package in lock["package"]
        for entry in [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else ())]
    ]
    assert {url.split("/")[2] for url in files} == {"files.pythonhosted.org"}
    (own,) = [package for package in lock["package"] if package["name"] == "dissensus"]
    named = {d["name"] for d in own["dependencies"]}
    assert named == {re.match(r"[a-z0-9-]+", d)[0] for d in _project()["project"]["dependencies"]}


def _texts():
    """Return the committed texts; the lock file has a test of its own, and binary files no text."""
    for path in _files():
        if path.name == "uv.lock":
            continue
        try:
            yield path, (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def test_no_file_names_a_place_on_one_machine():
    roots = "|".join(("work", "home", "root", "Users", "tmp", "mnt", "private"))
    place = re.compile(rf"(?<![\w.~/-])/(?:{roots})/\w|[A-Z]:\\\\?Users")
    for path, text in _texts():
        found = place.search(text)
        assert found is None, f"{path} names {text[found.start() : found.start() + 40]!r}"


def test_only_the_script_of_the_checks_names_the_folder_of_local_data():
    folder = "/".join(("shared", "data"))
    assert {path.as_posix() for path, text in _texts() if folder in text} <= {".ci/run"}


def test_the_python_of_the_checks_is_supported():
    pinned = (ROOT / ".python-version").read_text(encoding="utf-8").strip()
    assert pinned == "3.13"
    assert _project()["project"]["requires-python"] == ">=3.12"


# The README


def _readme():
    return (ROOT / "README.md").read_text(encoding="utf-8")


def _fences(language):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", _readme(), flags=re.DOTALL | re.MULTILINE)
    return [text for name, text in found if name == language]


def test_the_readme_opens_with_the_two_commands():
    commands = [block.strip() for block in _fences("")]
    assert commands[0] == "pip install uv && uv run dissensus demo"
    assert commands[1] == "pip install uv && uv run pytest"
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "uv run pytest" in script


def test_commands_of_the_readme_exist():
    from dissensus.cli import app

    lines = [line for block in _fences("") for line in block.splitlines() if "dissensus" in line]
    assert len(lines) >= 4
    for line in lines:
        words = shlex.split(line.split("&&")[-1])
        arguments = words[words.index("dissensus") + 1 :]
        command, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
        assert command.__name__.replace("_", "-") == arguments[0]
        assert bound is not None


def test_the_study_of_the_readme_is_one(tmp_path):
    path = tmp_path / "study.toml"
    table = [text for text in _fences("toml") if "[areas.welfare" in text]
    path.write_text("\n".join(table), encoding="utf-8")  # the second goes on from the first
    study = datasets.Study.from_toml(path)
    assert [area.name for area in study.areas] == ["welfare"]
    # which options stood on a ballot is no part of a simulation, which writes orders into one column
    apart = ("roads_on_ballot", 'places = ["best"')
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not any(part in line for part in apart)]
    study = datasets.Study.from_text("\n".join(lines))
    table = datasets.simulate(study, 30, seed=1, groups=["a", "b"]).to_frame().assign(years_observed="2.5")
    choices = datasets.read_table(table.rename(columns={"agent": "id", "group": "party"}), study)
    assert choices.groups == ("a", "b")


def test_the_log_of_the_readme_is_read(tmp_path):
    text, places = [text for text in _fences("toml") if "[log]" in text]
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n1,A,Western\n2,B,Drama|Western\n", encoding="utf-8")
    rows = "userId,movieId,rating,timestamp\n1,1,4.0,5\n1,2,2.5,6\n2,1,5.0,7\n"
    (tmp_path / "ratings.csv").write_text(rows, encoding="utf-8")
    study = datasets.Study.from_text(text)
    choices = datasets.read_log(tmp_path / "ratings.csv", study, items=tmp_path / "movies.csv")
    assert choices.to_frame(layout="long").times.tolist() == [1, 1, 1]
    rows = "user,section,clicked,rank\na,sport,1,1\na,news,0,2\na,news,0,4\nb,sport,0,1\n"
    (tmp_path / "pages.csv").write_text(rows, encoding="utf-8")
    seen = datasets.read_log(tmp_path / "pages.csv", datasets.Study.from_text(places)).to_frame(layout="long")
    assert set(seen.item) == {"sport at first", "news at second", "news at below"}


def test_the_situations_of_the_readme_are_a_study():
    (text,) = [text for text in _fences("toml") if 'layout = "situations"' in text]
    study = datasets.Study.from_text(text)
    assert study.table.layout == "situations"
    (item,) = study.items
    assert item.features["cost"].per == 100


def test_the_learned_goals_of_the_readme_are_a_study():
    (text,) = [text for text in _fences("toml") if "goals = 2" in text]
    (area,) = datasets.Study.from_text(text).areas
    assert area.learned_items == (True,) * 4


def test_the_python_of_the_readme_runs():
    (text,) = _fences("python")
    names = {}
    exec(compile(text, "README.md", "exec"), names)
    assert names["fit"].attrs["seed"] == "1"
    assert names["model"].free_RVs


def test_links_of_the_readme_lead_somewhere():
    for target in re.findall(r"\]\(([^)#\s]+)", _readme()):
        if not target.startswith("https://"):
            assert (ROOT / target).exists(), f"README.md links to {target}"
