"""Is a person more likely to conflict with GPT-4 than with another person? MT-bench, category by category.

    uv run python -P benchmarks/people_and_gpt4.py                  # what the verdicts say; seconds
    uv run python -P benchmarks/people_and_gpt4.py --ties           # a tie against a win is a conflict too
    uv run python -P benchmarks/people_and_gpt4.py --fit writing    # is it a matter of goals? or all

The first table needs no model: of two agents who judged the same two answers to the same question, how often do they
name different winners? 90 % intervals are of a bootstrap over people; GPT-4 is the one system it is. `--fit` asks
whether two kinds of taste, learned from the comparisons of the chat models, explain it, and prints between-group
contention, which is further apart, and what if GPT-4 changed its goal. The folder DISSENSUS_DATA holds the verdicts.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dissensus.datasets.choices import AreaChoices, Choices
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from dissensus import datasets, inference

sys.path.insert(0, str(Path(__file__).parent))  # python -P leaves the folder of a script out
from published_ours import verdicts

Array = NDArray[np.float64]

MODELS = ("gpt-4", "claude-v1", "gpt-3.5-turbo", "vicuna-13b-v1.2", "alpaca-13b", "llama-13b")
_REPLICATES = 2_000


@dataclass(frozen=True, eq=False)
class Conflict:
    """How often two verdicts on one comparison differ, and number of pairs of verdicts.

    Replicates, the estimate first, (replicate,), NaN where no two people of the replicate judged the same.
    """

    with_machine: Array
    of_people: Array
    pairs: tuple[int, int]


def conflict_of(choices: Choices, areas: list[AreaChoices], *, replicates: int, seed: int) -> Conflict:
    """Return how often a person and the AI system, and two people, name different winners, with people resampled.

    Parameters
    ----------
    choices
        Verdicts with an item for each two answers to a question, and groups ``ai`` and ``human``.
    areas
        The areas whose comparisons are pooled.
    replicates, seed
        Number of bootstrap replicates, and their seed.
    """
    machine = choices.group_of_agent == choices.groups.index("ai")
    rng, n = np.random.default_rng(seed), int((~machine).sum())
    copies = np.vstack([np.ones(n), rng.multinomial(n, np.full(n, 1 / n), replicates)])
    same, pairs = np.zeros((2, len(copies))), np.zeros((2, len(copies)))
    for area in areas:
        counts = area.counts[area.pattern_of_agent].astype(float)
        in_item = (area.item_of_option[:, None] == np.arange(len(area.items))).astype(float)
        ai, people = counts[machine].sum(axis=0), counts[~machine]
        drawn = copies @ people
        same[0] += drawn @ ai
        pairs[0] += (drawn @ in_item) @ (ai @ in_item)
        # a person is no pair with itself, however often it is drawn
        same[1] += (np.square(drawn).sum(axis=1) - np.square(copies) @ np.square(people).sum(axis=1)) / 2
        number = people @ in_item
        pairs[1] += (np.square(copies @ number).sum(axis=1) - np.square(copies) @ np.square(number).sum(axis=1)) / 2
    differ = 1 - np.divide(same, pairs, out=np.full(same.shape, np.nan), where=pairs > 0)
    return Conflict(differ[0], differ[1], (round(pairs[0, 0]), round(pairs[1, 0])))


def observed_table(choices: Choices, *, replicates: int = _REPLICATES, seed: int = 1) -> Table:
    """Return the conflict of people with GPT-4 and with each other by category, and their difference."""
    table = Table(title="Verdicts on the same comparison differ (90 % intervals)", title_justify="left")
    for heading in ("category", "person and GPT-4", "two people", "difference", "P(more with GPT-4)", "pairs"):
        table.add_column(heading, justify="left" if heading == "category" else "right")
    empty, notes = 0, dict[str, None]()
    for name in [*(area.name for area in choices.areas), None]:
        own = [area for area in choices.areas if name in {area.name, None}]
        found = conflict_of(choices, own, replicates=replicates, seed=seed)
        difference = found.with_machine - found.of_people
        drawn = difference[1:][~np.isnan(difference[1:])]
        empty += len(difference) - 1 - len(drawn)
        more = float((drawn > 0).mean() + (drawn == 0).mean() / 2)
        cells = [_with_interval(x) for x in (found.with_machine, found.of_people, difference)]
        chance = f"{more:.2f}"
        if found.of_people[0] == 0:  # a bootstrap of equal verdicts has no spread, and the difference neither
            cells[1:], chance = [f"0.000 [0.000, {1 - 0.05 ** (1 / found.pairs[1]):.3f}]*", "*"], "*"
            notes["* no two people differed: the upper end is that of so many independent pairs"] = None
        table.add_row(name or "all", *cells, chance, "{:,}, {:,}".format(*found.pairs))
    if empty:
        notes[f"left out: {empty:,} replicates in which no two people judged the same comparison"] = None
    table.caption, table.caption_justify = "\n".join(notes), "left"
    return table


def _with_interval(x: Array) -> str:
    lower, upper = np.nanquantile(x[1:], (0.05, 0.95))
    return f"{x[0]:.3f} [{lower:.3f}, {upper:.3f}]"


def study_of(categories: list[str]) -> datasets.Study:
    """Return the study of judgements in which two kinds of taste are learned in each category."""
    table = {"layout": "judgements", "agent": "judge", "group": "judge_type", "systems": ["ai"], "item": "category"}
    table |= {"first": "model_a", "second": "model_b", "answer": "winner"}
    table |= {"first_wins": ["model_a"], "second_wins": ["model_b"], "ties": ["tie", "tie (inconsistent)"]}
    areas = {
        name: {"goals": 2, "items": {f"{name}, replies": {"kind": "pairwise", "column": name, "options": MODELS}}}
        for name in categories
    }
    return datasets.Study.from_dict({"title": "MT-bench", "table": table, "areas": areas})


def fitted(home: Path, categories: list[str], console: Console, *, allow_unreliable: bool) -> None:
    """Fit the categories, and print what the model says of people and GPT-4; what a fit holds back is left empty."""
    path = home / "mt_bench_judgments" / "judgments.csv"
    fit = inference.fit(datasets.read_table(path, study_of(categories)), seed=1)
    more = {"small_groups": True, "allow_unreliable": allow_unreliable}
    apart = inference.further_apart(fit, ("ai", "human"), "human", score="contention", **more)
    table = Table(title="Contention of goals: person and GPT-4, less that of two people", title_justify="left")
    for heading in ("category", "difference", "lower", "upper", "P(more with GPT-4)", "state"):
        table.add_column(heading, justify="left" if heading == "category" else "right")
    for row in apart.itertuples():
        numbers = (row.mean, row.lower, row.upper, row.probability)
        shown = ["held back" if np.isnan(x) else f"{x:.3f}" for x in numbers]
        table.add_row("all" if row.area is None or row.area != row.area else row.area, *shown, row.state)
    console.print(table)
    for name in categories:
        (reasons,) = apart.loc[apart["area"] == name, "reasons"]
        for reason in reasons:
            console.print(reason, markup=False)
        if np.isfinite(apart.loc[apart["area"] == name, "mean"].item()):
            goals = fit["agents"].to_dataset()["goal_probability"].sel(agent="gpt4_pair")
            other = str(goals.sel(goal=[g for g in goals["goal"].values if g.startswith(f"{name}: ")]).idxmin().item())
            goal = {(name, "ai"): other.removeprefix(f"{name}: ")}
            changed = inference.what_if(fit, goal=goal, by="group", allow_unreliable=allow_unreliable)
            between = changed["group_contention"].sel(
                estimand="sample", area=name, scenario="difference", group="human", group_other="ai"
            )
            lower, upper = np.quantile(between.values, (0.05, 0.95))
            moved = f"that of people with it would change by {between.values.mean():.3f} [{lower:.3f}, {upper:.3f}]"
            console.print(f"{name}: if GPT-4 held {other.removeprefix(name + ': ')!r}, {moved}.")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ties", action="store_true", help="keep ties: a tie against a win is a conflict")
    parser.add_argument("--fit", nargs="+", metavar="CATEGORY", default=[], help="fit these categories too, or all")
    parser.add_argument("--allow-unreliable", action="store_true", help="give the numbers that the fit holds back too")
    given = parser.parse_args(argv)
    console = Console()
    if "DISSENSUS_DATA" not in os.environ:
        console.print("DISSENSUS_DATA is not set: it names the folder with the data sets, each in one of its own.")
        return 1
    home = Path(os.environ["DISSENSUS_DATA"])
    choices = verdicts(home, ties=given.ties)
    names = [area.name for area in choices.areas]
    categories = names if given.fit == ["all"] else given.fit
    unknown = [name for name in categories if name not in names]
    if unknown:
        parser.error(f"no category {unknown[0]!r}: they are {', '.join(names)}")
    console.print(observed_table(choices))
    if categories:
        fitted(home, categories, console, allow_unreliable=given.allow_unreliable)
    return 0


if __name__ == "__main__":
    sys.exit(main())
