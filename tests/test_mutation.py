"""The driver of mutation testing: its changes are changes, and a test that looks at them fails."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks" / "mutation"
pytest.importorskip("cosmic_ray", reason="the group mutation is not installed")

SOURCE = '''\
"""A text with 1 + 1 and not True."""

from __future__ import annotations


def larger(a: int | None, b: int, *, most: int = 3) -> int:
    """Return the larger."""
    found = []
    found.append(b)
    message = "none" if a is None else "some"
    if not a:
        raise ValueError(f"{message}: {b + 1}" if b else "nothing")
    return min(most, a if a > b else b)
'''


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(FOLDER)
    yield importlib.import_module
    for name in ("mutants", "page", "run", "trial"):
        sys.modules.pop(name, None)


def test_every_change_is_another_program_and_texts_stay(module: Any) -> None:
    found = module("mutants").mutants(SOURCE)
    assert len({one.code for one in found}) == len(found)
    for one in found:
        compile(one.code, "changed", "exec")
        assert one.code != SOURCE
        assert one.line in {6, 9, 11, 13}, one.diff
        assert "None" not in one.diff or one.line == 6
    assert {(one.operator, one.diff.splitlines()[-1]) for one in found if one.line in {9, 11}} == {
        ("RemoveStatement", "+    pass"),
        ("ReplaceUnaryOperator_Delete_Not", "+    if  a:"),
    }
    changed = {one.operator for one in found if one.line == 13}
    assert changed == {"AddNot", "ReplaceComparisonOperator_Gt_GtE", "ReplaceComparisonOperator_Gt_LtE"}


def test_every_operator_changes_its_examples(module: Any) -> None:
    mutants = module("mutants")
    for name in mutants.OPERATORS:
        for example in mutants._operator(name).examples():
            if name.startswith("core/Remove") or "except: pass" in example.pre_mutation_code:
                continue
            assert mutants.mutate_code(example.pre_mutation_code, mutants._operator(name), 0) is not None


def test_a_larger_sample_holds_the_smaller(module: Any) -> None:
    mutants = module("mutants")
    every = mutants.mutants(SOURCE)
    assert mutants.sample(every, 3, "1 a") == mutants.sample(every, 5, "1 a")[:3]
    assert mutants.sample(every, 5, "1 a") != mutants.sample(every, 5, "2 a")
    assert sorted(one.code for one in mutants.sample(every, 1_000, "1 a")) == sorted(one.code for one in every)


TINY = {
    "pyproject.toml": '[tool.setuptools.package-dir]\ndissensus = "src"\n"dissensus.parts" = "parts"\n',
    "src/__init__.py": "",
    "parts/__init__.py": "",
    "parts/sums.py": "def twice(x):\n    while x < 0:\n        x += 1\n    return x + x\n",
    "tests/test_sums.py": "from dissensus.parts.sums import twice\n\n\n"
    "def test_of_three():\n    assert twice(3) == 6\n\n\ndef test_of_less():\n    assert twice(-2) == 0\n",
}
SCRIPT = """\
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import trial
trial.ROOT = Path(sys.argv[2])
(trial.ROOT / "copy").mkdir()
tree = trial.Tree(trial.ROOT / "copy")
tests = ["tests/test_sums.py"]
baseline = tree.baseline(["parts/sums.py"], tests, 20)
found = {}
for name, (old, new) in json.loads(sys.argv[3]).items():
    code = (trial.ROOT / "parts/sums.py").read_text().replace(old, new)
    running = tree.start("parts/sums.py", code, tests, {}, 2.0)
    while (outcome := running.outcome()) is None:
        pass
    found[name] = outcome.state, outcome.test
print(json.dumps([sorted(baseline.reached["parts/sums.py"]), len(baseline.seconds), found]))
"""


def test_wrong_sums_are_killed_and_the_tree_is_left_as_it_was(tmp_path: Path) -> None:
    for name, text in TINY.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    changes = {
        "sign": ("x + x", "x - x"),
        "same": ("x + x", "2 * x"),
        "endless": ("+= 1", "-= 1"),
        "faulty": ("x + x", "("),
    }
    command = [sys.executable, "-P", "-c", SCRIPT, str(FOLDER), str(tmp_path), json.dumps(changes)]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # of which there are many, and slow
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=environment)
    reached, tests, found = json.loads(done.stdout.splitlines()[-1])
    assert (reached, tests) == ([2, 3, 4], 2)
    assert found == {
        "sign": ["killed", "tests/test_sums.py::test_of_three"],
        "same": ["survived", ""],
        "endless": ["time-out", ""],
        "faulty": ["killed", ""],
    }
    assert (tmp_path / "parts/sums.py").read_text(encoding="utf-8") == TINY["parts/sums.py"]
    assert (tmp_path / "copy/lib/dissensus/parts/sums.py").read_text(encoding="utf-8") == TINY["parts/sums.py"]
