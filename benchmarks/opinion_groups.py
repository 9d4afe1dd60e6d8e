"""Opinion groups of Polis conversations, learned from sparse votes, beside those of the export.

    uv run python -P benchmarks/opinion_groups.py                          # all conversations in DISSENSUS_DATA
    uv run python -P benchmarks/opinion_groups.py --only brexit-consensus

As many goals are learned as the export has groups, by largest likelihood from votes on statements with at least 10
agree or disagree votes; passes are no votes. Polis finds its groups otherwise (principal components and k-means), so
the two need not be the same: the adjusted Rand index says how far they are, 1 for the same groups, 0 for no more than
chance.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from dissensus.inference.density import area_density, evaluate_rows
from dissensus.inference.marginal import state_probabilities
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from dissensus import datasets, inference

sys.path.insert(0, str(Path(__file__).parent))  # python -P leaves the folder of a script out
from published_ours import conversation, text

_STARTS = 10


def with_learned(choices: datasets.Choices, folder: Path, goals: int) -> datasets.Choices:
    """Return the same votes with so many learned goals."""
    raw = choices.study.to_dict()
    (area,) = raw["areas"]
    items = {
        name: {"column": item["column"], "options": list(item["serves"])}
        for name, item in raw["areas"][area]["items"].items()
    }
    raw["areas"] = {area: {"goals": goals, "items": items}}
    (path,) = folder.glob("participants-votes.csv*")
    return datasets.read_table(path, datasets.Study.from_dict(raw))


def likeliest_goal(choices: datasets.Choices, *, starts: int = _STARTS) -> NDArray[np.int64]:
    """Return the goal that each agent most probably holds at the largest likelihood, (agent,)."""
    found = inference.maximum_likelihood(choices, starts=starts)
    density = area_density(choices, choices.areas[0], choices.study.priors)
    _, _, rows = evaluate_rows(density, found.theta[None])
    return state_probabilities(density.rows, rows)[0].argmax(axis=-1)[density.rows.row_of_agent]


def adjusted_rand(one: NDArray[np.generic], other: NDArray[np.generic]) -> float:
    """Return the adjusted Rand index of two divisions into groups (Hubert and Arabie 1985, doi:10.1007/BF01908075)."""
    table = pd.crosstab(one, other).to_numpy().astype(float)

    def pairs(n: NDArray[np.float64]) -> float:
        return float((n * (n - 1) / 2).sum())

    together, rows, columns = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    expected = rows * columns / pairs(table.sum(keepdims=True))
    largest = (rows + columns) / 2
    return 1.0 if largest == expected else (together - expected) / (largest - expected)


def compared(folder: Path, *, starts: int = _STARTS) -> tuple[int, int, int, float]:
    """Return numbers of people with a group, of statements and of groups, and the adjusted Rand index."""
    (path,) = folder.glob("participants-votes.csv*")
    exported = text(path).set_index("participant")["group-id"]
    choices = conversation(folder)
    groups = exported[exported != ""].nunique()
    learned = with_learned(choices, folder, groups)
    label = exported.loc[learned.agents.tolist()].to_numpy()
    known = label != ""
    index = adjusted_rand(likeliest_goal(learned, starts=starts)[known], label[known])
    return int(known.sum()), len(choices.areas[0].items), groups, index


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="CONVERSATION")
    given = parser.parse_args(argv)
    console = Console()
    if "DISSENSUS_DATA" not in os.environ:
        console.print("DISSENSUS_DATA is not set: it names the folder with the data sets, each in one of its own.")
        return 1
    home = Path(os.environ["DISSENSUS_DATA"]) / "polis"
    folders = {path.parent.name: path.parent for path in sorted(home.glob("*/participants-votes.csv*"))}
    unknown = [name for name in given.only or [] if name not in folders]
    if unknown:
        parser.error(f"no conversation {unknown[0]!r}: they are {', '.join(folders)}")
    table = Table(title="Learned goals and the groups of the export", title_justify="left")
    for heading in ("conversation", "people", "statements", "groups", "adjusted Rand index", "s"):
        table.add_column(heading, justify="left" if heading == "conversation" else "right")
    for name in given.only or folders:
        started = time.process_time()
        people, statements, groups, index = compared(folders[name])
        taken = f"{time.process_time() - started:.0f}"
        table.add_row(name, f"{people:,}", str(statements), str(groups), f"{index:.2f}", taken)
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
