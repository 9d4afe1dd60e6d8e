"""The page of the results: every number in it is computed here from results.json."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import worlds
from scipy.stats import binomtest

SCORES = ("contention", "misalignment")
MOST = 0.15
"""Share of silent misses up to which a world counts as covered."""

CANNOT = {
    "careless": (
        "A person who answers at random looks like one whose weight is near 0. What tells them apart is that random"
        " answers ignore the baseline too, which takes many sets of answers to be seen: few agents or few items do not"
        " show it, and misalignment then comes out too low."
    ),
    "conflict_off": (
        "Answers say which goals agents hold, nothing about how far these goals conflict. The entries are the study's:"
        " the result says by how much an error of 0.1 in all graded entries would move the scores (a note), and no"
        " interval allows for it."
    ),
    "one_goal_unheld": (
        "Here the model is not wrong, only the prior unlucky: it holds every goal to have some share. Coverage is right"
        " on average over the prior, not where a declared goal is held by nobody."
    ),
    "one_system_anew": (
        "Rows drawn anew from one goal and one weight look like rows of many agents who happen to agree. Only the"
        " table's maker knows that they have one source: make such rows one agent (repeated answers in long layout)."
    ),
    "yes_saying": (
        "A habit that is weak and takes few items to show itself hides in the baselines; the fewer agents, the less is"
        " seen of it."
    ),
}
"""Why checks cannot find all of it, by world; shown where a share of silent misses is above :data:`MOST`."""

INTRO = """# When the model is wrong

How often does a 90 % interval miss the truth while the row says `ok`? Each world below departs from the model in one
known way; everything else is as the model has it, with parameters drawn from the default priors. Every data set goes
through `inference.fit` and `inference.summarize`, as a user's would.

```
uv run python benchmarks/misspecified/run.py sets.jsonl           # makes data sets until there are enough; many hours
uv run python benchmarks/misspecified/run.py sets.jsonl --write   # results.json and this page
```

- **missed**: the 90 % interval (estimand `sample`) does not hold the truth. A number that is held back misses nothing.
- **cautioned**: the row of that score has the state `caution` or `refused`; in brackets without the checks of
  `inference/misfit.py` ({new}).
- **silent**: missed and not cautioned, with its 95 % interval (Wilson); in brackets without those checks. This is the
  number to look at. In the first world, where nothing is wrong, one in ten would be missed if intervals were exact.
- **truth** is always what agents want, whatever their answers show: the scores of goals and weights as they were before
  anything went wrong, over the agents with at least one answer.
"""


def text(results: Mapping[str, Any]) -> str:
    """Return the page."""
    cells = results["cells"]
    settings = list(dict.fromkeys(tuple(key.split()[:2]) for key in cells))
    parts = [INTRO.format(new=", ".join(f"`{name}`" for name in results["new"]))]
    packages = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    parts.append(f"Made on {results['date']} with {packages}; source `{results['source'][:16]}`.\n")
    if results.get("remark"):
        parts.append(f"**{results['remark']}**\n")
    parts.append("## Silent misses at a glance\n")
    names = [f"{rule}, {agents} agents: {score}" for rule, agents in settings for score in SCORES]
    parts.append(_row(["world", *names]) + "\n" + _row(["---", *["--:"] * len(names)]))
    for name, world in worlds.WORLDS.items():
        found = [cells.get(f"{rule} {agents} {name}") for rule, agents in settings]
        if any(found):
            shares = [_glance(cell, score) for cell in found for score in SCORES]
            parts.append(_row([f"[{world.title}](#{name.replace('_', '-')})", *shares]))
    parts.append(_beyond(results, settings))
    for name, world in worlds.WORLDS.items():
        if any(f"{rule} {agents} {name}" in cells for rule, agents in settings):
            parts.append(_section(results, name, world, settings))
    return "\n".join(parts).rstrip() + "\n"


def silent(cell: Mapping[str, Any], score: str, *, without: tuple[str, ...] = ()) -> int:
    """Return in how many data sets an interval misses the truth and nothing is said, without some checks."""
    return sum(m and not c for m, c in zip(_missed(cell, score), cautioned(cell, score, without=without), strict=True))


def cautioned(cell: Mapping[str, Any], score: str, *, without: tuple[str, ...] = ()) -> list[bool]:
    """Return whether each data set is cautioned, without some checks."""
    if not without:
        return [bit == "1" for bit in cell[score]["loud"]]
    rest = [bits for name, bits in cell[score]["cautions"].items() if name not in without]
    return [any(bits[k] == "1" for bits in rest) for k in range(cell["sets"])]


def _missed(cell: Mapping[str, Any], score: str) -> list[bool]:
    return [bit == "1" for bit in cell[score]["missed"]]


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _glance(cell: Mapping[str, Any] | None, score: str) -> str:
    if cell is None:
        return ""
    share = silent(cell, score) / cell["sets"]
    return f"**{share:.2f}**" if share > MOST else f"{share:.2f}"


def _interval(count: int, n: int) -> str:
    bounds = binomtest(count, n).proportion_ci(0.95, method="wilson")
    return f"{bounds.low:.2f}–{bounds.high:.2f}"


def _section(results: Mapping[str, Any], name: str, world: worlds.World, settings: list[tuple[str, ...]]) -> str:
    new = tuple(results["new"])
    lines = [
        f'\n## <a id="{name.replace("_", "-")}"></a>{world.title}\n',
        f"**Wrong:** {world.wrong} **Truth:** {world.truth}.\n",
        _row(["rule", "agents", "score", "sets", "missed", "cautioned", "silent", "who spoke where it missed"]),
        _row(["---", "--:", "---", "--:", "--:", "--:", "--:", "---"]),
    ]
    for rule, agents in settings:
        cell = results["cells"].get(f"{rule} {agents} {name}")
        for score in SCORES if cell else ():
            n, missed = cell["sets"], _missed(cell, score)
            loud, before = cautioned(cell, score), cautioned(cell, score, without=new)
            quiet = silent(cell, score)
            numbers = [
                f"{sum(missed) / n:.2f}",
                f"{sum(loud) / n:.2f} ({sum(before) / n:.2f})",
                f"{quiet / n:.2f}, {_interval(quiet, n)} ({silent(cell, score, without=new) / n:.2f})",
            ]
            lines.append(_row([rule, agents, score, str(n), *numbers, _speakers(cell, score, missed)]))
    return "\n".join(lines)


def _speakers(cell: Mapping[str, Any], score: str, missed: list[bool]) -> str:
    """Return the checks that spoke in the data sets that were missed, with the share of these."""
    said = Counter(
        {
            name: sum(m and bit == "1" for m, bit in zip(missed, bits, strict=True))
            for name, bits in cell[score]["cautions"].items()
        }
    )
    return ", ".join(f"{name} {count / sum(missed):.0%}" for name, count in said.most_common(4) if count) or "none"


def _beyond(results: Mapping[str, Any], settings: list[tuple[str, ...]]) -> str:
    lines = ["\n## What no check can find\n"]
    for name, world in worlds.WORLDS.items():
        worst = []
        for rule, agents in settings:
            cell = results["cells"].get(f"{rule} {agents} {name}")
            for score in SCORES if cell else ():
                share = silent(cell, score) / cell["sets"]
                if share > MOST:
                    worst.append(f"{share:.2f} for {score} under `{rule}` with {agents} agents")
        if worst:
            reason = CANNOT.get(name, "")
            noted = _noted(results, name, settings) if name == "conflict_off" else ""
            lines.append(f"- **{world.title}**: silent misses {'; '.join(worst)}. {reason}{noted}")
    if len(lines) == 1:
        lines.append(f"No share of silent misses is above {MOST}.")
    return "\n".join(lines)


def _noted(results: Mapping[str, Any], name: str, settings: list[tuple[str, ...]]) -> str:
    """Return how many of the silent misses carry the note on conflict entries."""
    quiet = said = 0
    for rule, agents in settings:
        cell = results["cells"].get(f"{rule} {agents} {name}")
        if cell is None:
            continue
        note = cell["notes"].get("conflict-entries", "0" * cell["sets"])
        for score in SCORES:
            for m, c, bit in zip(_missed(cell, score), cautioned(cell, score), note, strict=True):
                quiet, said = quiet + (m and not c), said + (m and not c and bit == "1")
    return f" {said} of these {quiet} silent misses carry the note." if quiet else ""
