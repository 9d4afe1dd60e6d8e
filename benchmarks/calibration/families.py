"""The model families whose calibration the repository keeps: one small study each, 300 agents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dissensus.inference.calibration_design import Design

from dissensus import datasets

AGENTS = 300
SEED = 20_261_123
GROUPS = {"one": 0.5, "two": 0.3, "three": 0.2}
_UNEQUAL = {"a|b": 1.0, "a|c": 0.2, "b|c": 0.5}


@dataclass(frozen=True)
class Family:
    """One family: its name, what it is in words, the design it is calibrated on, and how many data sets at least."""

    name: str
    words: str
    design: Design
    sets: int = 500


def area(items: int = 4, *, conflict: Any = 1.0, **structure: Any) -> dict[str, Any]:
    """Return an area of 3 goals and some items of 3 options, each option serving one goal."""
    goals = ["a", "b", "c"]
    asked = {f"item{j}": {"serves": {f"{o}": goals[(o + j) % 3] for o in range(3)}} for j in range(items)}
    return {"goals": goals, "conflict": conflict, "items": asked, **structure}


def mixed_area(items: int = 8, **structure: Any) -> dict[str, Any]:
    """Return an area of 2 goals and items of 3 options: one serves each goal, one none."""
    served: list[Any] = ["a", "b", []]
    asked = {f"item{j}": {"serves": {f"{o}": served[(o + j) % 3] for o in range(3)}} for j in range(items)}
    return {"goals": ["a", "b"], "conflict": 1.0, "items": asked, **structure}


def scale_area(levels: int = 5) -> dict[str, Any]:
    """Return an area of 3 goals and 4 ordered scales: two goals at the ends, the third in the middle."""
    places = {0: "a", levels // 2: "b", levels - 1: "c"}
    serves = {f"{level}": places.get(level, []) for level in range(levels)}
    turned = {f"{level}": places.get(levels - 1 - level, []) for level in range(levels)}
    items = {f"item{j}": {"kind": "ordinal", "serves": turned if j % 2 else serves} for j in range(4)}
    return {"goals": ["a", "b", "c"], "conflict": 1.0, "items": items}


def comparison_area() -> dict[str, Any]:
    """Return an area of 3 goals and 6 comparisons of 4 objects, with ties; three objects serve a goal each."""
    serves: dict[str, Any] = {"one": "a", "two": "b", "three": "c", "four": []}
    pairs = [(x, y) for k, x in enumerate(serves) for y in list(serves)[k + 1 :]]
    items = {
        f"{x}_{y}": {
            "kind": "pairwise",
            "objects": [x, y],
            "serves": {"first": serves[x], "second": serves[y], "tie": []},
        }
        for x, y in pairs
    }
    return {"goals": ["a", "b", "c"], "conflict": 1.0, "items": items}


def learned_area(goals: int = 2, items: int = 5) -> dict[str, Any]:
    """Return an area of learned goals, behavioural conflict, and items of 3 options."""
    return {"goals": goals, "items": {f"item{j}": {"options": ["0", "1", "2"]} for j in range(items)}}


def ranking_area() -> dict[str, Any]:
    """Return an area of 3 goals and two rankings of 4 objects, three of which serve a goal each: all and the best 2."""
    serves: dict[str, Any] = {"one": "a", "two": "b", "three": "c", "four": []}
    turned = {name: serves[name] for name in ("four", "three", "two", "one")}
    items = {"all": {"kind": "ranking", "serves": serves}, "best": {"kind": "ranking", "top": 2, "serves": turned}}
    return {"goals": ["a", "b", "c"], "conflict": 1.0, "items": items}


def number_area() -> dict[str, Any]:
    """Return an area of 3 goals with two counts and two durations, which goals raise and lower."""
    items: dict[str, Any] = {
        "visits": {"kind": "count", "raises": ["a"], "lowers": ["b"]},
        "clicks": {"kind": "count", "raises": ["b"], "lowers": ["c"]},
        "dwell": {"kind": "duration", "raises": ["c"], "lowers": ["a"]},
        "read": {"kind": "duration", "raises": ["a", "b"]},
    }
    return {"goals": ["a", "b", "c"], "conflict": 1.0, "kappa": 1.5, "items": items}


def ballot_area() -> dict[str, Any]:
    """Return an area of 3 goals: agents rank the best 2 of 4 objects, and name a best and a worst, 5 times each."""
    serves: dict[str, Any] = {"one": "a", "two": "b", "three": "c", "four": []}
    turned = {name: serves[name] for name in ("four", "three", "two", "one")}
    items = {
        "best": {"kind": "ranking", "top": 2, "repeated": True, "serves": serves},
        "both": {"kind": "best_worst", "repeated": True, "serves": turned},
    }
    return {"goals": ["a", "b", "c"], "conflict": 1.0, "items": items}


def learned_kinds_area() -> dict[str, Any]:
    """Return an area of 2 learned goals: a ranking, best and worst, a choice, a count and a duration."""
    objects = ["one", "two", "three", "four"]
    items: dict[str, Any] = {
        "order": {"kind": "ranking", "options": objects},
        "ends": {"kind": "best_worst", "options": [f"{name} again" for name in objects]},
        "pick": {"options": ["0", "1", "2"]},
        "visits": {"kind": "count"},
        "dwell": {"kind": "duration"},
    }
    return {"goals": 2, "items": items}


LONG = {"layout": "long", "agent": "agent", "item": "item", "answer": "answer"}


def place_area(items: int = 4, **structure: Any) -> dict[str, Any]:
    """Return an area of 2 goals and items that are shown at three places and clicked or skipped there."""
    examination = {"unseen": "skipped", "places": ["top", "middle", "bottom"]}
    asked = {
        f"item{j} at {place}": {
            "serves": {"clicked": "ab"[j % 2], "skipped": "ba"[j % 2]},
            "shown": f"item{j}",
            "place": place,
        }
        for j in range(items)
        for place in examination["places"]
    }
    return {"goals": ["a", "b"], "conflict": 1.0, "examination": examination, "items": asked, **structure}


BESIDE: dict[str, Any] = {
    "depends_on": ["age", "region"],
    "covariates": {"age": {"kind": "numeric"}, "region": {"levels": ["north", "south", "west"]}},
}
"""A number from 1 to 7 and three levels, drawn anew for every data set."""
PERIODS = {"1": 0.3, "2": 0.2, "3": 0.2, "4": 0.3}


def study(table: dict[str, Any] | None = None, types: int = 1, **areas: dict[str, Any]) -> datasets.Study:
    """Return a study of some areas, with hidden types of agents; items get the name of their area in front."""
    named = {
        name: {**part, "items": {f"{name}_{item}": serves for item, serves in part["items"].items()}}
        for name, part in areas.items()
    }
    raw: dict[str, Any] = {"title": "calibration", "table": table or {}, "areas": named}
    return datasets.Study.from_dict(raw | ({"dependence": {"types": types}} if types > 1 else {}))


def with_importance(part: dict[str, Any], levels: int = 4) -> dict[str, Any]:
    """Return an area that also asks how important it is."""
    stated = {"kind": "importance", "serves": {f"{level}": [] for level in range(levels)}}
    return {**part, "items": {**part["items"], "stated": stated}}


def with_passing(part: dict[str, Any], means: str) -> dict[str, Any]:
    """Return an area whose agents may pass on every item."""
    return {**part, "abstain": {"codes": ["pass"], "means": means}}


def with_selection(part: dict[str, Any], *at_random: str) -> dict[str, Any]:
    """Return an area whose answers 0 and 1 are recorded by odds that are not known; some items are asked at random too.

    Items are named as :func:`study` names them in an area called ``told``.
    """
    more = {f"{item}_random": {"at_random_of": f"told_{item}"} for item in at_random}
    return {**part, "selection": {"odds": {"0": [1, 6], "1": [0.5, 2]}}, "items": {**part["items"], **more}}


def _family(name: str, words: str, sets: int = 500, **areas: Any) -> Family:
    options = {key: areas.pop(key) for key in ("groups", "missing") if key in areas}
    return Family(name, words, Design(study(**areas), AGENTS, **options), sets)


_GROUPS, _PERIODS = tuple(GROUPS.items()), tuple(PERIODS.items())

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        _family("follow", "rule `follow`", area=area()),
        _family("luce", "rule `luce`", area=area(rule="luce")),
        _family("follow_no_goal", "`follow`, agents may hold no goal", area=area(no_goal=True)),
        _family("luce_no_goal", "`luce`, agents may hold no goal", area=area(rule="luce", no_goal=True)),
        _family("follow_uniform", "`follow`, uniform baseline", area=area(baseline="uniform")),
        _family("luce_uniform", "`luce`, uniform baseline", area=area(rule="luce", baseline="uniform")),
        _family("follow_missing", "`follow`, 30 % of answers missing", area=area(), missing=0.3),
        _family("one_answer", "`follow`, and an area of one item", several=area(), single=area(1, conflict=_UNEQUAL)),
        _family(
            "two_areas",
            "`follow` and `luce`, unequal conflicts, area weights 1 and 2: overall scores",
            first=area(conflict=_UNEQUAL),
            second=area(rule="luce", conflict=_UNEQUAL, area_weight=2.0),
        ),
        _family("ordinal", "ordered scales of 5 levels", 200, area=scale_area()),
        _family("pairwise", "comparisons of 4 objects, with ties", 200, area=comparison_area()),
        _family("ranking", "rankings of 4 objects, one of all and one of the best two", 200, area=ranking_area()),
        _family(
            "importance",
            "`follow` with stated importance, and an area of one item with stated importance",
            200,
            several=with_importance(area()),
            single=with_importance(area(1, conflict=_UNEQUAL)),
        ),
        _family(
            "passing",
            "`follow`, who passes has a lower weight; and an area of one item",
            200,
            several=with_passing(area(), "low_weight"),
            single=with_passing(area(1, conflict=_UNEQUAL), "low_weight"),
        ),
        _family(
            "passing_no_goal",
            "`follow`, agents may hold no goal and then pass sooner",
            200,
            area=with_passing(area(no_goal=True), "no_goal"),
        ),
        _family(
            "selection",
            "self-selected answers: odds told by answers at random (`follow`), and a stated range (`luce`)",
            200,
            told=with_selection(area(), "item0", "item1"),
            stated=with_selection(area(rule="luce")),
        ),
        _family("numbers", "two counts and two durations, κ = 1.5", 200, area=number_area()),
        _family("several", "agents follow several of 2 goals, 8 items", 200, area=mixed_area(several=True)),
        _family(
            "several_luce",
            "agents follow several of 3 goals or none, `luce`, 20 % missing",
            200,
            area=area(6, rule="luce", several=True, parts=4, no_goal=True),
            missing=0.2,
        ),
        _family("examination", "4 items at 3 places, examination learned", 200, area=place_area()),
        _family("learned", "2 learned goals (latent classes), 5 items", 200, area=learned_area()),
        _family("learned_kinds", "2 learned goals, 5 kinds of items", 200, area=learned_kinds_area()),
        _family("ballots", "rankings, best and worst, 5 times each", 200, table=LONG, area=ballot_area()),
        _family("covariates", "`follow`, a number and 3 levels", 200, table=BESIDE, area=area()),
        _family(
            "covariates_groups",
            "`luce`, a number and 3 levels, 3 groups, 20 % missing",
            200,
            table=BESIDE,
            area=area(rule="luce"),
            groups=_GROUPS,
            missing=0.2,
        ),
        _family("periods", "`follow`, 4 periods", 200, table={"period": "year"}, area=area(), groups=_PERIODS),
        _family("dependent", "`follow`, two areas, 2 types of agents", 200, types=2, first=area(), second=area()),
        _family("follow_groups", "`follow`, 3 groups", area=area(), groups=_GROUPS),
        _family("luce_groups", "`luce`, 3 groups, 20 % missing", area=area(rule="luce"), groups=_GROUPS, missing=0.2),
    )
}
