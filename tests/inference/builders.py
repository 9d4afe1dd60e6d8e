"""Small studies and tables of answers, written compactly, for the tests of inference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from dissensus.datasets.ballots import Ballots
from dissensus.datasets.choices import AreaChoices, Choices
from dissensus.datasets.covariates import Covariate, numeric
from dissensus.datasets.numbers import Measured
from dissensus.datasets.patterns import build_choices
from dissensus.datasets.situations import Situations
from dissensus.datasets.stages import canonical_order
from dissensus.datasets.study import Item, Priors, Study
from dissensus.inference.density import AreaDensity, area_density
from dissensus.inference.parameters import draw_prior
from numpy.typing import ArrayLike


def make_study(*areas: Mapping[str, Any], priors: Mapping[str, Any] | None = None, **layout: Any) -> Study:
    """Return the study of areas made by :func:`make_area`; ``layout`` is put over its table."""
    table: dict[str, Any] = {"layout": "long", "agent": "agent", "item": "item", "answer": "answer"}
    if any(item.get("kind") == "situation" for area in areas for item in area["settings"]["items"].values()):
        table = {"layout": "situations", "agent": "agent"}
    settings = {area["name"]: area["settings"] for area in areas}
    return Study.from_dict({"table": table | layout, "areas": settings, "priors": dict(priors or {})})


def make_area(*items: str, name: str = "a", repeated: bool = False, **settings: Any) -> dict[str, Any]:
    """Return an area whose items are written as their options, each the letters of the goals it serves.

    ``"x y xy -"`` is an item of four options: one serves goal x, one y, one both, one none.
    """
    options = [item.split() for item in items]
    letters = sorted({letter for item in options for option in item for letter in option} - {"-"})
    entries = {
        f"{name}{j}": {
            "serves": {str(o): list(option.replace("-", "")) for o, option in enumerate(item)},
            "repeated": repeated,
        }
        for j, item in enumerate(options)
    }
    return {"name": name, "settings": {"goals": letters, "conflict": 1.0, "items": entries, **settings}}


def of_kind(area: Mapping[str, Any], *kinds: str) -> dict[str, Any]:
    """Return an area with its items of other kinds, ``"pairwise A B"`` with the objects that are compared."""
    items = dict(area["settings"]["items"])
    for name, kind in zip(items, kinds, strict=True):
        words = kind.split()
        if words[0] in {"count", "duration"}:
            goals = list(items[name]["serves"].values())
            items[name] = {
                "kind": words[0],
                "raises": goals[0],
                "lowers": goals[1],
                "repeated": items[name]["repeated"],
            }
            continue
        items[name] = items[name] | {"kind": words[0]} | ({"objects": words[1:]} if words[0] == "pairwise" else {})
    return {**area, "settings": {**area["settings"], "items": items}}


def in_ballots(area: Mapping[str, Any], item: int, **settings: Any) -> dict[str, Any]:
    """Return an area one of whose items, a ranking, or best and worst, has settings such as ``offered="ranked"``."""
    items = dict(area["settings"]["items"])
    name = list(items)[item]
    items[name] = items[name] | settings
    return {**area, "settings": {**area["settings"], "items": items}}


def with_features(area: Mapping[str, Any], item: int, *names: str) -> dict[str, Any]:
    """Return an area one of whose items, of kind ``situation``, has features."""
    items = dict(area["settings"]["items"])
    name = list(items)[item]
    columns = {option: f"{name}_{option}" for option in items[name]["serves"]}
    features = {f: {"columns": {option: f"{f}_{column}" for option, column in columns.items()}} for f in names}
    items[name] = items[name] | {"features": features}
    return {**area, "settings": {**area["settings"], "items": items}}


def with_selection(area: Mapping[str, Any], *at_random: str, **odds: Any) -> dict[str, Any]:
    """Return an area whose answers are selected, ``_0=4.0`` by odds of 4 for option 0, and some asked at random too."""
    items = dict(area["settings"]["items"]) | {f"{name}r": {"at_random_of": name} for name in at_random}
    selection = {"odds": {name.removeprefix("_"): value for name, value in odds.items()}}
    return {**area, "settings": {**area["settings"], "items": items, "selection": selection}}


def make_choices(
    study: Study,
    answers: Mapping[str, ArrayLike],
    *,
    groups: Sequence[str] = (),
    group_of_agent: ArrayLike | None = None,
    survey_weight: ArrayLike | None = None,
    covariates: Sequence[Covariate] = (),
) -> Choices:
    """Return the choices of agents called 0, 1, …; answers by item as positions of options, or counts if repeated."""
    entries = (Situations, Ballots, Measured)
    arrays = {k: given if isinstance(given, entries) else np.asarray(given) for k, given in answers.items()}
    lengths = [1 + max(g.agent, default=-1) if isinstance(g, entries) else len(g) for g in arrays.values()]
    n = max(lengths)
    return build_choices(
        study,
        np.arange(n).astype(str).astype(object),
        arrays,
        groups=groups,
        group_of_agent=None if group_of_agent is None else np.asarray(group_of_agent),
        survey_weight=None if survey_weight is None else np.asarray(survey_weight, dtype=float),
        covariates=covariates,
    )


def random_answers(study: Study, n: int, *, seed: int, missing: float = 0.0, times: int = 5) -> dict[str, Any]:
    """Return answers that follow no model; the first agent answers everything."""
    rng = np.random.default_rng(seed)
    answers = {}
    for item in study.items:
        size = len(item.serves)
        if item.repeated and item.is_number:
            agent = np.repeat(np.arange(n), rng.binomial(times, 1 - missing, n))
            value, exposure = _random_numbers(item, len(agent), rng, 0.0).T
            answers[item.name] = Measured(agent, value, exposure, rng.integers(1, 3, len(agent)))
        elif item.in_ballots:
            answers[item.name] = random_ballots(item, n, rng)
        elif item.repeated:
            number = rng.binomial(times, 1 - missing, n)
            number[0] = times
            answers[item.name] = rng.multinomial(number, rng.dirichlet(np.ones(size), n))
        elif item.kind == "situation":
            answers[item.name] = random_situations(item, n, rng)
        elif item.is_number:
            answers[item.name] = _random_numbers(item, n, rng, missing)
        elif item.in_stages:
            answers[item.name] = _random_orders(item, n, rng, missing)
        else:
            given = rng.integers(size, size=n)
            given[rng.random(n) < missing] = -1
            given[0] = max(given[0], 0)
            answers[item.name] = given
    return answers


def _random_numbers(item: Item, n: int, rng: np.random.Generator, missing: float) -> Any:
    """Return counts, some observed longer than others, or durations, some of them alike; the first agent answers."""
    if item.kind == "count":
        given = np.column_stack([rng.negative_binomial(1.0, 0.2, n), rng.choice([0.5, 1.0, 2.0], n)]).astype(float)
    else:
        given = np.column_stack([np.round(np.exp(rng.normal(2.0, 1.0, n)), 1) + 0.1, np.ones(n)])
    given[1:][rng.random(n - 1) < missing] = np.nan
    return given


def _random_orders(item: Item, n: int, rng: np.random.Generator, missing: float) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return rankings cut anywhere, or a best and a worst option; the first agent answers."""
    order = np.argsort(rng.random((n, len(item.serves))), axis=1)[:, : item.n_places]
    length = rng.integers(1, item.n_places + 1, n) if item.kind == "ranking" else np.full(n, 2)
    length[rng.random(n) < missing] = 0
    length[0] = item.n_places
    order = np.where(np.arange(order.shape[1]) < length[:, None], order, -1)
    return canonical_order(order, len(item.serves)) if item.kind == "ranking" else order


def random_ballots(item: Item, n: int, rng: np.random.Generator, *, most: int = 3) -> Ballots:
    """Return up to so many rankings of each agent, or one, of two options or more, cut anywhere or whole."""
    most = most if item.repeated else 1
    size = len(item.serves)
    agent = np.repeat(np.arange(n), np.append(rng.integers(0, most + 1, n - 1), most))
    offered = np.ones((len(agent), size), dtype=bool)
    if item.available or item.offered == "ranked":
        offered = (rng.random(offered.shape) < 0.6) | (np.argsort(rng.random(offered.shape), axis=1) < 2)
    order = np.argsort(np.where(offered, rng.random(offered.shape), 2.0), axis=1)
    number = np.minimum(offered.sum(axis=1), item.n_places)
    length = number if item.offered == "ranked" or item.kind == "best_worst" else rng.integers(1, number + 1)
    order = np.where(np.arange(size) < length[:, None], order, -1)[:, : item.n_places]
    return Ballots(agent, offered, order, rng.integers(1, 3, len(agent)) if item.repeated else np.ones_like(agent))


def random_situations(item: Item, n: int, rng: np.random.Generator, *, most: int = 4) -> Situations:
    """Return up to four situations of each agent, each of two options or more, some of them alike."""
    size = len(item.serves)
    agent = np.repeat(np.arange(n), np.append(rng.integers(0, most + 1, n - 1), most))
    shown = np.tile(np.arange(size), (len(agent), 1))
    left_out = (rng.random(shown.shape) < 0.3) & (np.argsort(rng.random(shown.shape), axis=1) > 1)
    shown[left_out] = -1
    features = np.where(left_out[:, :, None], 0.0, rng.integers(-2, 3, (*shown.shape, len(item.features))) / 2)
    features[: len(agent) // 2] = np.where(shown[: len(agent) // 2, :, None] >= 0, 0.5, 0.0)
    chosen = np.where(shown >= 0, rng.random(shown.shape), -1).argmax(axis=1)
    return Situations(agent, shown, chosen, features)


def random_choices(study: Study, n: int, *, seed: int, missing: float = 0.0, times: int = 5, **more: Any) -> Choices:
    """Return :func:`make_choices` of :func:`random_answers`."""
    return make_choices(study, random_answers(study, n, seed=seed, missing=missing, times=times), **more)


def density_of(choices: Choices, *, area: int = 0, priors: Priors | None = None) -> AreaDensity:
    """Return the density of one area of the choices."""
    return area_density(choices, choices.areas[area], priors or choices.study.priors)


def points_of(density: AreaDensity, *, seed: int = 0) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    """Return parameter vectors in the prior, near the centre and far out in the tails."""
    rng = np.random.default_rng(seed)
    prior = draw_prior(density.parameters, 2, rng)
    centre = 0.3 * rng.standard_normal(density.size)
    return {
        "prior": prior[0],
        "prior again": prior[1],
        "centre": centre,
        "tail": 3.0 * rng.standard_normal(density.size),
        "far tail": 6.0 * np.sign(rng.standard_normal(density.size)),
    }


def counts_of_agents(area: AreaChoices) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return how often each agent chose each option, (agent, option)."""
    return area.counts[area.pattern_of_agent]


_THREE = ("x y z", "y x z -", "z x y", "x y z")
_ODD = ("x y xy -", "xz y z", "- - -", "x y", "xyz - y")


_ASKED = ("importance", "choice", "importance")


def _grouped(groups: list[int]) -> dict[str, Any]:
    return {"groups": ("left", "right", "other")[: max(groups) + 1], "group_of_agent": groups}


def _kinds_of_agents(n: int) -> tuple[Covariate, ...]:
    """Return a number that the last agent lacks, and three levels, which agree in some agents."""
    age = np.resize([2.0, 3.5, 2.0, 7.0, -1.0], n)
    age[-1] = np.nan
    return numeric("age", age), Covariate("region", ("n", "s", "w"), np.resize([0.0, 1.0, 0.0, 2.0], n))


_BOTH = {"depends_on": ["age", "region"]}


def _silent_in_the_area() -> Choices:
    study = make_study(make_area(*_THREE), make_area("x y", name="b"))
    answers = random_answers(study, 8, seed=21)
    for j in range(len(_THREE)):
        answers[f"a{j}"][2 * j : 2 * j + 2] = -1
        answers[f"a{j}"][6:] = -1
    return make_choices(study, answers)


def learned(area: Mapping[str, Any], goals: int = 2, **settings: Any) -> dict[str, Any]:
    """Return an area whose goals are learned; what its options serve stays where the goals are named."""
    items = {
        name: item | ({"serves": {o: [] for o in item["serves"]}} if "serves" in item else {"raises": [], "lowers": []})
        for name, item in area["settings"]["items"].items()
    }
    return {**area, "settings": {**area["settings"], "items": items, "goals": goals, **settings}}


def _numbers_with_all(area: Mapping[str, Any]) -> dict[str, Any]:
    """Return an area on whose rankings and numbers nobody can pass."""
    given = area["settings"]["items"]
    bare = {"ranking", "count", "duration"}
    items = {name: item | ({"passes": []} if item.get("kind") in bare else {}) for name, item in given.items()}
    return {**area, "settings": {**area["settings"], "items": items}}


def at_places(area: Mapping[str, Any], *places: str, probability: Any = "learned") -> dict[str, Any]:
    """Return an area whose first items are shown at places, each the same as others of its letter: ``"A top"``.

    The last option is the answer of whoever does not look.
    """
    items = dict(area["settings"]["items"])
    names, shown = list(dict.fromkeys(place.split()[1] for place in places)), {}
    for name, place in zip(items, places, strict=False):
        shown.setdefault(place.split()[0], []).append(name)
        items[name] = items[name] | {"shown": place.split()[0], "place": place.split()[1]}
    examination = {"unseen": list(items[next(iter(items))]["serves"])[-1], "places": names, "probability": probability}
    return {**area, "settings": {**area["settings"], "items": items, "examination": examination}}


_PASS = {"codes": ["p"], "means": "low_weight"}
_PASS_GOAL = {"codes": ["p", "q"], "means": "no_goal"}
_RANKED = ("choice", "ranking", "situation", "best_worst", "count")
_BALLOTS = ("ranking", "best_worst", "count", "duration")
_TWO = {"goals": ["x", "y"], "learned": True, "conflict": 1.0}
_ANCHORED = {"goals": ["x", "y", "z"], "learned": True, "conflict": 1.0}

CASES: dict[str, Callable[[], Choices]] = {
    "several, follow": lambda: random_choices(make_study(make_area(*_THREE[:3], several=True, parts=2)), 6, seed=51),
    "several, no goal, groups": lambda: random_choices(
        make_study(make_area(*_ODD, rule="luce", no_goal=True, several=True, parts=2)),
        6,
        seed=53,
        missing=0.3,
        **_grouped([0, 1, -1, 0, 1, 1]),
    ),
    "several, repeated, uniform": lambda: random_choices(
        make_study(make_area("x y -", "y x", repeated=True, baseline="uniform", several=True, parts=4)),
        6,
        seed=54,
        times=4,
    ),
    "several, scale, comparison, importance": lambda: random_choices(
        make_study(
            of_kind(
                make_area("x - y z", "x y -", "- - -", "z y x", several=True, parts=2),
                "ordinal",
                "pairwise A B",
                "importance",
                "choice",
            ),
            priors={"goal_mixing": [2.0, 1.5]},
        ),
        6,
        seed=55,
    ),
    "several, one answer": lambda: random_choices(make_study(make_area("x y", several=True, parts=3)), 8, seed=56),
    "learned, follow": lambda: random_choices(make_study(learned(make_area(*_THREE))), 6, seed=41, missing=0.2),
    "learned, luce, no goal": lambda: random_choices(
        make_study(learned(make_area(*_THREE, rule="luce", no_goal=True), 3)), 6, seed=42
    ),
    "learned, classes": lambda: random_choices(make_study(learned(make_area(*_THREE), 3, weights="one")), 6, seed=43),
    "learned, classes or none": lambda: random_choices(
        make_study(learned(make_area(*_THREE, no_goal=True), weights="one")), 6, seed=44
    ),
    "learned, anchored, groups": lambda: random_choices(
        make_study(make_area("x y z", "y z -", "- - -", "- -", **_ANCHORED)), 6, seed=45, **_grouped([0, 0, 1, 1, 0, 1])
    ),
    "learned, scale, comparisons, importance": lambda: random_choices(
        make_study(
            of_kind(
                learned(make_area("- - - -", "- - -", "- -", "- - -", "- - -")),
                "ordinal",
                "pairwise A B",
                "pairwise B C",
                "importance",
                "choice",
            )
        ),
        6,
        seed=46,
    ),
    "learned, rankings, numbers, no goal": lambda: random_choices(
        make_study(
            learned(
                of_kind(
                    make_area("- - -", "- -", "- - - -", "- -", no_goal=True),
                    *("ranking", "count", "best_worst", "duration"),
                )
            )
        ),
        6,
        seed=48,
        missing=0.2,
        **_grouped([0, 0, 1, 1, 0, 1]),
    ),
    "learned, anchored, rankings and situations": lambda: random_choices(
        make_study(
            with_features(
                of_kind(make_area("x y", "- - -", "- - -", "- - - -", "y -", **_TWO), *_RANKED),
                2,
                "cost",
            )
        ),
        6,
        seed=49,
    ),
    "learned, classes of ballots and numbers": lambda: random_choices(
        make_study(
            in_ballots(
                in_ballots(
                    learned(of_kind(make_area("- - - -", "- - -", "- -", "- -"), *_BALLOTS), 3, weights="one"),
                    0,
                    offered="ranked",
                ),
                1,
                repeated=True,
            )
        ),
        6,
        seed=50,
    ),
    "learned, classes of scales and comparisons": lambda: random_choices(
        make_study(
            of_kind(
                learned(make_area("- - -", "- - -", "- -", "- - -"), weights="one"),
                "ordinal",
                "pairwise A B",
                "pairwise B C",
                "ordinal",
            )
        ),
        6,
        seed=47,
    ),
    "follow": lambda: random_choices(make_study(make_area(*_THREE)), 8, seed=1),
    "luce": lambda: random_choices(make_study(make_area(*_THREE, rule="luce", kappa=2.5)), 8, seed=2),
    "follow, several goals or none": lambda: random_choices(make_study(make_area(*_ODD)), 8, seed=3, missing=0.2),
    "luce, several goals or none": lambda: random_choices(
        make_study(make_area(*_ODD, rule="luce")), 8, seed=4, missing=0.2
    ),
    "follow, no goal": lambda: random_choices(make_study(make_area(*_ODD, no_goal=True)), 8, seed=5, missing=0.3),
    "luce, no goal": lambda: random_choices(make_study(make_area(*_THREE, rule="luce", no_goal=True)), 8, seed=6),
    "follow, repeated": lambda: random_choices(make_study(make_area(*_ODD, repeated=True)), 8, seed=7, missing=0.3),
    "luce, repeated": lambda: random_choices(make_study(make_area(*_THREE, rule="luce", repeated=True)), 8, seed=8),
    "follow, many answers": lambda: random_choices(
        make_study(make_area("x y -", "y x", repeated=True)), 6, seed=9, times=150
    ),
    "uniform baseline": lambda: random_choices(make_study(make_area(*_ODD, baseline="uniform")), 8, seed=10),
    "groups": lambda: random_choices(make_study(make_area(*_THREE)), 8, seed=11, **_grouped([0, 1, 2, 0, 1, 2, 2, 0])),
    "groups and agents in none": lambda: random_choices(
        make_study(make_area(*_ODD, rule="luce", no_goal=True)), 8, seed=12, **_grouped([0, 1, -1, 0, 1, -1, 1, 0])
    ),
    "one group for all": lambda: random_choices(make_study(make_area(*_THREE)), 6, seed=13, **_grouped([0] * 6)),
    "survey weights": lambda: random_choices(
        make_study(make_area(*_ODD)), 8, seed=14, survey_weight=[0.2, 3, 1, 1, 0.7, 2.5, 10, 4], **_grouped([0, 1] * 4)
    ),
    "covariates": lambda: random_choices(
        make_study(make_area(*_THREE), **_BOTH), 8, seed=51, missing=0.2, covariates=_kinds_of_agents(8)
    ),
    "covariates, groups and agents in none": lambda: random_choices(
        make_study(make_area(*_ODD, rule="luce", no_goal=True), priors={"covariate_sd": 1.2}, **_BOTH),
        8,
        seed=52,
        covariates=_kinds_of_agents(8),
        **_grouped([0, 1, -1, 0, 1, -1, 1, 0]),
    ),
    "covariates, rankings, importance, counts": lambda: random_choices(
        make_study(
            of_kind(make_area("x y z -", "y x z", "- - -", "x y"), "ranking", "choice", "importance", "count"), **_BOTH
        ),
        8,
        seed=53,
        covariates=_kinds_of_agents(8),
    ),
    "periods": lambda: random_choices(
        make_study(make_area(*_THREE), period="when", periods=["left", "gap", "right", "other"]),
        8,
        seed=54,
        **_grouped([0, 1, 2, 0, 1, 2, 2, 0]),
    ),
    "learned, periods and covariates": lambda: random_choices(
        make_study(learned(make_area(*_THREE)), priors={"period_sd": 0.7}, period="when", **_BOTH),
        6,
        seed=55,
        covariates=_kinds_of_agents(6),
        **_grouped([0, 1, 1, 0, 1, 0]),
    ),
    "covariates, passing": lambda: random_choices(
        make_study(make_area("x y z -", "x y -", abstain=_PASS), **_BOTH),
        8,
        seed=57,
        covariates=_kinds_of_agents(8),
    ),
    "selection": lambda: random_choices(
        make_study(with_selection(make_area("x y -", "y x"), "a0", _0=(0.5, 6.0))), 8, seed=71
    ),
    "selection, repeated, groups": lambda: random_choices(
        make_study(with_selection(make_area("x y -", "y x", rule="luce", no_goal=True, repeated=True), "a1", _0=4.0)),
        6,
        seed=72,
        **_grouped([0, 1, 1, 0, 1, 0]),
    ),
    "selection of levels": lambda: random_choices(
        make_study(
            with_selection(
                of_kind(make_area("x - y", "y - - x"), "ordinal", "choice"), "a0", _1=(1.0, 4.0), _2=(1.0, 9.0)
            )
        ),
        8,
        seed=73,
    ),
    "one answer, selection": lambda: random_choices(
        make_study(with_selection(make_area("x y xy -"), _0=(0.5, 6.0))), 8, seed=74
    ),
    "one answer, covariates": lambda: random_choices(
        make_study(make_area("x y xy -"), **_BOTH), 8, seed=56, covariates=_kinds_of_agents(8)
    ),
    "one answer": lambda: random_choices(make_study(make_area("x y z")), 8, seed=15),
    "one answer, several goals or none": lambda: random_choices(make_study(make_area("x y xy -")), 8, seed=16),
    "one answer, no goal": lambda: random_choices(make_study(make_area("x y xy -", no_goal=True)), 8, seed=17),
    "one answer, luce": lambda: random_choices(make_study(make_area("x y xy -", rule="luce")), 8, seed=18),
    "one goal": lambda: random_choices(make_study(make_area("x -", "- x -", "x - -")), 8, seed=19),
    "four goals": lambda: random_choices(make_study(make_area("x y z v", "v x yz -", "x v")), 8, seed=20, missing=0.2),
    "silent in the area": _silent_in_the_area,
    "ordered scales": lambda: random_choices(
        make_study(of_kind(make_area("x - - y", "y y - x", "- x y z -", "- -"), *["ordinal"] * 4)), 8, seed=23
    ),
    "ordered scales, groups, no goal": lambda: random_choices(
        make_study(of_kind(make_area("x - y", "y - - - x", no_goal=True, kappa=2.0), *["ordinal"] * 2)),
        8,
        seed=24,
        missing=0.2,
        **_grouped([0, 1, -1, 0, 1, -1, 1, 0]),
    ),
    "comparisons": lambda: random_choices(
        make_study(
            of_kind(
                make_area("x y -", "y z", "z x -", "y xz"), *(f"pairwise {p}" for p in ("A B", "B C", "C A", "B D"))
            )
        ),
        8,
        seed=25,
        missing=0.1,
    ),
    "comparisons, repeated, uniform": lambda: random_choices(
        make_study(
            of_kind(make_area("x y -", "y - -", repeated=True, baseline="uniform"), "pairwise A B", "pairwise B C")
        ),
        8,
        seed=26,
    ),
    "stated importance": lambda: random_choices(
        make_study(of_kind(make_area("x y z", "y x -", "- - - -"), "choice", "choice", "importance")), 8, seed=27
    ),
    "one answer, stated importance": lambda: random_choices(
        make_study(of_kind(make_area("x y -", "- - -"), "choice", "importance")), 8, seed=28, **_grouped([0, 1] * 4)
    ),
    "one answer, stated importance, no goal, luce": lambda: random_choices(
        make_study(of_kind(make_area("- -", "x y -", "- - -", rule="luce", no_goal=True), *_ASKED)), 8, seed=29
    ),
    "rankings": lambda: random_choices(
        make_study(of_kind(make_area("x y z -", "y x z"), "ranking", "ranking")), 8, seed=31, missing=0.1
    ),
    "rankings, groups, no goal": lambda: random_choices(
        make_study(of_kind(make_area("x y xy - -", "x y", "y - x", no_goal=True), "ranking", "choice", "ranking")),
        8,
        seed=32,
        missing=0.2,
        **_grouped([0, 1, -1, 0, 1, -1, 1, 0]),
    ),
    "ballots, groups, no goal": lambda: random_choices(
        make_study(
            in_ballots(
                in_ballots(
                    of_kind(make_area("x y xy - z", "x y", "y - x -", no_goal=True), "ranking", "choice", "best_worst"),
                    0,
                    offered="ranked",
                ),
                2,
                repeated=True,
            )
        ),
        8,
        seed=35,
        missing=0.1,
        **_grouped([0, 1, -1, 0, 1, -1, 1, 0]),
    ),
    "rankings again and again": lambda: random_choices(
        make_study(in_ballots(of_kind(make_area("x y z - -", baseline="uniform"), "ranking"), 0, repeated=True, top=3)),
        8,
        seed=36,
    ),
    "one ranking": lambda: random_choices(make_study(of_kind(make_area("x y z -", kappa=2.0), "ranking")), 8, seed=33),
    "rankings, uniform": lambda: random_choices(
        make_study(of_kind(make_area("x y - -", baseline="uniform"), "ranking")), 8, seed=34
    ),
    "best and worst": lambda: random_choices(
        make_study(of_kind(make_area("x y z -", "x y z -", "x y"), "best_worst", "best_worst", "choice")),
        8,
        seed=35,
        missing=0.1,
    ),
    "situations": lambda: random_choices(
        make_study(with_features(of_kind(make_area("x y z -"), "situation"), 0, "cost", "time")), 8, seed=36
    ),
    "situations, groups, no goal, other items": lambda: random_choices(
        make_study(
            with_features(
                of_kind(
                    make_area("x y - xy y", "x y", "y - x", "- - -", no_goal=True),
                    *("situation", "choice", "ranking", "importance"),
                ),
                0,
                "cost",
            )
        ),
        8,
        seed=37,
        missing=0.2,
        **_grouped([0, 1, -1, 0, 1, -1, 1, 0]),
    ),
    "situations, uniform": lambda: random_choices(
        make_study(of_kind(make_area("x y y - - -", baseline="uniform"), "situation")), 8, seed=38
    ),
    "numbers": lambda: random_choices(
        make_study(of_kind(make_area("x y", "y -", "x y z"), "count", "duration", "choice")), 8, seed=53, missing=0.2
    ),
    "numbers, groups, no goal, repeated": lambda: random_choices(
        make_study(
            of_kind(
                make_area("xz y", "- y", "x y -", no_goal=True, repeated=True, kappa=1.5), "duration", "count", "choice"
            )
        ),
        8,
        seed=54,
        missing=0.3,
        **_grouped([0, 1, -1, 0, 1, -1, 1, 0]),
    ),
    "one number": lambda: random_choices(make_study(of_kind(make_area("x y", kappa=2.0), "count")), 8, seed=55),
    "numbers, passing, rankings, importance": lambda: random_choices(
        make_study(
            _numbers_with_all(
                of_kind(
                    make_area("x y", "x y z -", "x y -", "- - -", "y x", abstain=_PASS),
                    *("count", "ranking", "choice", "importance", "duration"),
                )
            )
        ),
        8,
        seed=56,
        missing=0.1,
    ),
    "passing": lambda: random_choices(
        make_study(
            of_kind(
                make_area("x y z", "x - y", "y z -", "x y", abstain=_PASS),
                *("choice", "ordinal", "pairwise A B", "choice"),
            )
        ),
        8,
        seed=48,
        missing=0.2,
    ),
    "passing without a goal, luce, repeated, groups": lambda: random_choices(
        make_study(make_area("x y z", "x -", no_goal=True, rule="luce", repeated=True, abstain=_PASS_GOAL)),
        8,
        seed=49,
        **_grouped([0, 1, -1, 0, 1, -1, 1, 0]),
    ),
    "one answer, passing": lambda: random_choices(make_study(make_area("x y -", abstain=_PASS)), 8, seed=50),
    "one answer, passing without a goal, importance": lambda: random_choices(
        make_study(of_kind(make_area("x y -", "- - -", no_goal=True, abstain=_PASS_GOAL), "choice", "importance")),
        8,
        seed=51,
    ),
    "one answer, passing without a goal": lambda: random_choices(
        make_study(make_area("x y -", no_goal=True, abstain=_PASS_GOAL)), 8, seed=52
    ),
    "every kind": lambda: random_choices(
        make_study(
            of_kind(
                make_area("x - y z", "x y xy -", "x z -", "- - -", "x - -", "x y - z", "z - x"),
                "ordinal",
                "choice",
                "pairwise A B",
                "importance",
                "ordinal",
                "ranking",
                "best_worst",
            ),
            make_area("x y", "y x", name="b"),
        ),
        8,
        seed=30,
        missing=0.2,
        **_grouped([0, 1, 2, 0, 1, 2, 2, 0]),
    ),
    "places": lambda: random_choices(
        make_study(at_places(make_area("x y", "x y", "y x -", "y x -", "x y"), "A top", "A low", "B low", "B top")),
        8,
        seed=58,
        missing=0.1,
    ),
    "places, repeated, luce, no goal, groups": lambda: random_choices(
        make_study(
            at_places(
                make_area("x -", "x -", "x -", "y -", "y -", rule="luce", no_goal=True, repeated=True),
                *("A top", "A mid", "A low", "B mid", "B low"),
            ),
            priors={"examination": [0.7, 1.5]},
        ),
        8,
        seed=59,
        missing=0.2,
        times=2,
        **_grouped([0, 1, -1, 0, 1, -1, 1, 0]),
    ),
    "places of known probability, several, importance, uniform": lambda: random_choices(
        make_study(
            at_places(
                of_kind(
                    make_area("x y", "x y", "y x", "- - -", several=True, parts=2, baseline="uniform"),
                    *("choice", "choice", "choice", "importance"),
                ),
                *("A top", "A low", "B low"),
                probability={"top": 0.9, "low": 0.35},
            )
        ),
        6,
        seed=60,
    ),
    "other priors": lambda: random_choices(
        make_study(
            make_area(*_THREE, no_goal=True),
            priors={
                "goal_share": 0.6,
                "weight_mean": [3.0, 1.5],
                "weight_concentration": [2.0, 0.5],
                "baseline_sd": 0.5,
                "group_sd": 1.3,
                "importance_scale": [2.0, 1.0],
            },
        ),
        8,
        seed=22,
        **_grouped([0, 1] * 4),
    ),
}
"""Tables that cover the structures of the model, few agents each."""
