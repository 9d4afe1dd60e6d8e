"""The log density of one area: against enumeration, the definition, finite differences, and its symmetries."""

from __future__ import annotations

import functools
import itertools
from dataclasses import replace

import numpy as np
import pytest
from dissensus.inference import density as module
from dissensus.inference.density import (
    area_density,
    hessian,
    log_density,
    null_density,
    row_log_likelihood,
    value_and_gradient,
    with_nodes,
)
from dissensus.inference.parameters import draw_prior, log_prior
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from . import plain_model
from .builders import (
    CASES,
    density_of,
    make_area,
    make_choices,
    make_study,
    points_of,
    random_answers,
    random_choices,
)
from .mixed_studies import KINDS, mixed_choices


@functools.cache
def _areas(case):
    choices = CASES[case]()
    return [(choices, area, area_density(choices, area, choices.study.priors)) for area in choices.areas]


@functools.cache
def _references(case):
    """Return for every area its points and, from the definition, log P(goal, answers) of each agent at each point."""
    references = []
    for choices, area, density in _areas(case):
        theta = np.stack(list(points_of(density).values()))
        alone = plain_model.answers_at_most_once(area) and not plain_model.states_weights(area)
        alone |= area.weights == "one"
        nodes = 1 if alone else 32 if case == "follow, many answers" else 16
        assert len(density.states.node) == nodes
        by_goal = [plain_model.goal_likelihoods(choices, area, choices.study.priors, t, nodes) for t in theta]
        references.append((choices, area, density, theta, np.array(by_goal)))
    return references


_DIGITS = 1e-14
"""What is left of 16 digits: log densities of numbers run into millions in the tails."""


def _halved(density, cut):
    """Return the density with the items split in halves before item ``cut``; later choices leave no halves."""
    if density.table.stages or density.table.numbers:
        return density
    rows, item = density.rows, density.area.item_of_option
    counts = density.area.counts[rows.pattern]
    first, a = np.unique(np.where(item < cut, counts, 0), axis=0, return_inverse=True)
    second, b = np.unique(np.where(item < cut, 0, counts), axis=0, return_inverse=True)
    halves = replace(
        rows,
        first=first.astype(float),
        second=second.astype(float),
        first_of_row=np.ravel(a),
        second_of_row=np.ravel(b),
        direct=False,
    )
    return replace(density, rows=halves)


@pytest.mark.parametrize("case", [case for case in CASES if case != "survey weights"])
def test_likelihood_is_the_sum_over_all_assignments_of_goals(case):
    """Every assignment of goals to all agents is enumerated: K^n products of n factors."""
    for choices, _, density, theta, by_goal in _references(case):
        likelihood = log_density(density, theta) - log_prior(density.parameters, theta)
        for value, agents in zip(likelihood, by_goal, strict=True):
            assignments = functools.reduce(np.add.outer, agents)
            kinds = density.states.n_mixtures + density.states.no_goal
            assert assignments.size == kinds**choices.n_agents
            assert value == pytest.approx(logsumexp(assignments), abs=1e-10, rel=_DIGITS)


@pytest.mark.parametrize("cut", [None, 1, 2])
@pytest.mark.parametrize("case", CASES)
def test_log_density_is_that_of_the_definition(case, cut):
    for choices, area, density, theta, by_goal in _references(case):
        # halves of hundreds of answers are never chosen: they underflow in the tails
        some = slice(3) if cut is not None and case == "follow, many answers" else slice(None)
        split = density if cut is None else _halved(density, min(cut, len(area.items) - 1))
        agents = logsumexp(by_goal[some], axis=2)
        np.testing.assert_allclose(
            row_log_likelihood(split, theta[some])[:, density.rows.row_of_agent], agents, atol=1e-10, rtol=_DIGITS
        )
        prior = [plain_model.log_prior(choices, area, choices.study.priors, t) for t in theta[some]]
        expected = prior + agents @ plain_model.weight_in_the_fit(choices)
        np.testing.assert_allclose(log_density(split, theta[some]), expected, atol=1e-10, rtol=_DIGITS)


def _gradient_error(density, theta):
    """Return the error of the gradient by central differences, best of three steps, over max(1, ‖g‖∞)."""
    value, gradient = value_and_gradient(density, theta[None])
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()
    errors = []
    for step in (1e-3, 1e-4, 1e-5):
        shifts = step * np.eye(density.size)
        numeric = (log_density(density, theta + shifts) - log_density(density, theta - shifts)) / (2 * step)
        errors.append(np.abs(numeric - gradient[0]).max(initial=0))
    return min(errors) / max(1.0, np.abs(gradient).max(initial=0))


@pytest.mark.parametrize("case", CASES)
def test_gradient(case):
    for _, area, density in _areas(case):
        for split in (density, _halved(density, len(area.items) // 2)):
            if area.counts.sum(axis=1).max() > 100 and split is not density:
                continue
            for theta in points_of(density).values():
                assert _gradient_error(split, theta) <= 1e-6


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("block", "value"),
    [("share", -69.0), ("share", 69.0), ("conc", 8.0), ("conc", -20.0), ("mean", 36.0), ("mean", -36.0)],
)
def test_gradient_where_a_share_is_1e_30_or_weights_are_all_alike(case, block, value):
    for _, _, density in _areas(case):
        theta = np.zeros(density.size)
        theta[density.parameters.slices[block]][:1] = value
        assert _gradient_error(density, theta) <= 1e-6


def _pure_answers(items, times, **settings):
    """Return agents who give every combination of one answer per item, each repeated."""
    study = make_study(make_area(*["x y z -"] * items, repeated=times > 1, **settings))
    codes = np.array(list(itertools.product(range(4), repeat=items)))
    answers = {
        item.name: np.eye(4, dtype=int)[codes[:, j]] * times if times > 1 else codes[:, j]
        for j, item in enumerate(study.items)
    }
    return density_of(make_choices(study, answers))


@pytest.mark.parametrize("against_goals", [0.0, 6.0, 20.0, 60.0])
@pytest.mark.parametrize(
    ("items", "times", "settings"),
    [
        (4, 1, {}),
        (4, 10, {}),
        (4, 30, {}),
        (4, 30, {"no_goal": True}),
        (4, 30, {"rule": "luce"}),
        (4, 30, {"rule": "luce", "kappa": 20.0}),
        (2, 300, {}),
    ],
)
def test_gradient_for_agents_who_contradict_themselves(items, times, settings, against_goals):
    """Answers that serve one goal throughout one half and another in the other, while baselines give them nothing."""
    density = _pure_answers(items, times, **settings)
    logits = np.tile(against_goals * np.array([-0.25, -0.25, -0.25, 0.75]), items)
    theta = np.zeros(density.size)
    theta[density.parameters.slices["baseline"]] = logits @ density.parameters.baseline_basis
    assert _gradient_error(density, theta) <= 1e-6
    theta[density.parameters.slices["conc"]] = 8.0
    theta[density.parameters.slices["mean"]] = 6.0
    assert _gradient_error(density, theta) <= 1e-6


@pytest.mark.parametrize("rule", ["follow", "luce"])
def test_gradient_under_perfect_separation(rule):
    """Every agent of a group gives the same answers, all for one goal."""
    study = make_study(make_area(*["x y"] * 5, rule=rule))
    answers = {item.name: np.repeat([0, 1], 20) for item in study.items}
    density = density_of(make_choices(study, answers, groups=("a", "b"), group_of_agent=np.repeat([0, 1], 20)))
    for theta in points_of(density).values():
        assert _gradient_error(density, theta) <= 1e-6


def test_split_of_an_agent_in_two_half_weights_changes_nothing():
    """In the unscaled weighted log density: weights as they are, without Kish's factor."""
    choices = CASES["survey weights"]()
    weight = choices.survey_weight
    twice = [0, *range(choices.n_agents)]
    halves = weight[twice].copy()
    halves[:2] /= 2
    study, area = choices.study, choices.areas[0]
    split = replace(
        choices,
        agents=np.arange(len(twice)).astype(str).astype(object),
        group_of_agent=choices.group_of_agent[twice],
        survey_weight=halves,
        areas=(replace(area, pattern_of_agent=area.pattern_of_agent[twice]),),
    )
    one, other = density_of(choices), density_of(split)
    theta = draw_prior(one.parameters, 4, np.random.default_rng(1))

    def unscaled(density, fitted, raw):
        scale = raw.sum() / fitted.sum()
        return scale * (log_density(density, theta) - log_prior(density.parameters, theta))

    np.testing.assert_allclose(
        unscaled(one, choices.fit_weight, weight), unscaled(other, split.fit_weight, halves), atol=1e-10
    )
    assert study.priors == split.study.priors


def test_equal_survey_weights_are_no_weights():
    study = make_study(make_area("x y -", "y x"))
    answers = random_answers(study, 12, seed=5)
    plain = density_of(make_choices(study, answers))
    weighted = density_of(make_choices(study, answers, survey_weight=np.full(12, 37.0)))
    theta = draw_prior(plain.parameters, 3, np.random.default_rng(2))
    np.testing.assert_allclose(log_density(weighted, theta), log_density(plain, theta), atol=1e-10)


def test_order_of_agents_changes_nothing():
    study = make_study(make_area("x y -", "y x xy", no_goal=True))
    answers, group = random_answers(study, 30, seed=6, missing=0.2), np.arange(30) % 3 - 1
    weight = np.random.default_rng(3).gamma(2, 1, 30)
    order = np.random.default_rng(4).permutation(30)
    one, other = (
        density_of(
            make_choices(
                study,
                {item: given[at] for item, given in answers.items()},
                groups=("a", "b"),
                group_of_agent=group[at],
                survey_weight=weight[at],
            )
        )
        for at in (np.arange(30), order)
    )
    theta = draw_prior(one.parameters, 4, np.random.default_rng(5))
    np.testing.assert_allclose(log_density(other, theta), log_density(one, theta), atol=1e-10)
    np.testing.assert_allclose(
        row_log_likelihood(other, theta)[:, other.rows.row_of_agent],
        row_log_likelihood(one, theta)[:, one.rows.row_of_agent[order]],
        atol=1e-10,
    )


@pytest.mark.parametrize("rule", ["follow", "luce"])
def test_order_and_names_of_items_options_and_goals_change_nothing(rule):
    """The parameters of the shuffled study are those of the first, shuffled alike."""
    items = [["x", "y", "-"], ["y", "xz", "z", "-"], ["z", "x"]]
    item_order, option_order = [2, 0, 1], [[1, 0], [2, 0, 1], [3, 1, 0, 2]]
    rename = {"x": "c", "y": "a", "z": "b", "-": "-"}  # goals are declared in order of the alphabet: z is x, x is y …
    shuffled = [
        ["".join(sorted(rename[letter] for letter in items[j][o])) for o in order]
        for j, order in zip(item_order, option_order, strict=True)
    ]
    one = make_study(
        make_area(*[" ".join(item) for item in items], rule=rule, conflict={"x|y": 1, "x|z": 0.2, "y|z": 0.5})
    )
    other = make_study(
        make_area(*[" ".join(item) for item in shuffled], rule=rule, conflict={"c|a": 1, "c|b": 0.2, "a|b": 0.5})
    )
    answers = random_answers(one, 20, seed=7, missing=0.1)
    moved = {}
    for place, (j, order) in enumerate(zip(item_order, option_order, strict=True)):
        position = np.append(np.argsort(order), -1)  # −1 stays −1
        moved[f"a{place}"] = position[answers[f"a{j}"]]
    a, b = density_of(make_choices(one, answers)), density_of(make_choices(other, moved))
    theta = draw_prior(a.parameters, 5, np.random.default_rng(6))
    at = a.parameters.slices
    logits = theta[:, at["baseline"]] @ a.parameters.baseline_basis.T
    start = np.cumsum([0, 3, 4, 2])
    columns = [start[j] + o for j, order in zip(item_order, option_order, strict=True) for o in order]
    y = theta[:, at["share"]]
    shares = np.column_stack([y, -y.sum(axis=1)])[:, [1, 2, 0]]  # goals a, b, c are y, z, x
    there = theta.copy()
    there[:, at["share"]] = shares[:, :-1]
    there[:, at["baseline"]] = logits[:, columns] @ b.parameters.baseline_basis
    np.testing.assert_allclose(log_density(b, there), log_density(a, theta), atol=1e-10)


def test_batches_and_chunks_change_nothing(monkeypatch):
    density = density_of(CASES["groups and agents in none"]())
    theta = draw_prior(density.parameters, 7, np.random.default_rng(7))
    value, gradient = value_and_gradient(density, theta)
    np.testing.assert_allclose(value, log_density(density, theta), atol=1e-12)
    monkeypatch.setattr(module, "_CHUNK", 1)
    one_by_one, slopes = value_and_gradient(density, theta)
    np.testing.assert_allclose(one_by_one, value, atol=1e-12)
    np.testing.assert_allclose(slopes, gradient, atol=1e-12)
    np.testing.assert_allclose(log_density(density, theta), value, atol=1e-12)


def _two_agents_of_many_options():
    return density_of(random_choices(make_study(make_area(*["x y z -"] * 3)), 2, seed=30))


def _rows_of_one_state():
    """The null model has one state, and not every pair of half patterns occurs: these pairs outnumber everything."""
    return null_density(density_of(random_choices(make_study(make_area(*["x y z -"] * 4)), 100, seed=31)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: density_of(CASES["groups"]()),
        lambda: density_of(CASES["luce, repeated"]()),
        lambda: _pure_answers(4, 1),
        _two_agents_of_many_options,
        _rows_of_one_state,
    ],
    ids=["groups", "repeated", "all patterns", "two agents", "one state"],
)
def test_chunks_hold_as_many_draws_as_keep_the_arrays_small(make, monkeypatch):
    density = make()
    _, table, parts = module.evaluate_rows(density, np.zeros((1, density.size)))
    exponentials = parts.first.size * density.rows.n_priors + parts.second.size
    largest = max(exponentials, parts.probability.size, parts.row_loglik.size, table.size)
    for chunk, draws in ((7 * largest, 7), (7 * largest + largest - 1, 7), (largest // 2, 1)):
        monkeypatch.setattr(module, "_CHUNK", chunk)
        parts = list(module.chunks(density, 23))
        assert {part.stop - part.start for part in parts[:-1]} == {draws}
        np.testing.assert_array_equal(np.concatenate([np.arange(23)[part] for part in parts]), np.arange(23))
    monkeypatch.setattr(module, "_CHUNK", 7 * largest)
    assert next(module.chunks(density, 23, per_draw=2 * largest)) == slice(0, 3)


@pytest.mark.parametrize("case", ["follow, no goal", "luce, repeated", "groups"])
def test_hessian(case):
    density = density_of(CASES[case]())
    theta = points_of(density)["centre"]
    curvature = hessian(density, theta)
    rng = np.random.default_rng(8)
    for _ in range(3):
        way = rng.normal(size=density.size)
        step = 1e-3
        up, middle, down = log_density(density, theta + step * np.array([way, 0 * way, -way]))
        assert way @ curvature @ way == pytest.approx((up - 2 * middle + down) / step**2, rel=1e-4, abs=1e-3)
    np.testing.assert_array_equal(curvature, curvature.T)


@pytest.mark.parametrize("case", ["follow", "luce, no goal", "groups", "one answer", "survey weights"])
def test_null_model_is_the_baseline_alone(case):
    choices = CASES[case]()
    area = choices.areas[0]
    density = null_density(area_density(choices, area, choices.study.priors))
    weight = np.ones(choices.n_agents) if choices.fit_weight is None else choices.fit_weight
    for theta in points_of(density).values():
        logits = theta[density.parameters.slices["baseline"]] @ density.parameters.baseline_basis.T
        log_b = logits - np.log(np.exp(logits) @ (area.item_of_option[:, None] == area.item_of_option))
        expected = log_prior(density.parameters, theta[None])[0] + weight @ (area.counts[area.pattern_of_agent] @ log_b)
        assert log_density(density, theta[None])[0] == pytest.approx(expected, abs=1e-10)
        assert _gradient_error(density, theta) <= 1e-6


def test_agents_without_an_answer_in_the_area_add_nothing():
    _, area, density = _areas("silent in the area")[0]
    silent = (area.n_answers == 0)[area.pattern_of_agent]
    assert silent.any()
    theta = draw_prior(density.parameters, 3, np.random.default_rng(9))
    loglik = row_log_likelihood(density, theta)[:, density.rows.row_of_agent]
    np.testing.assert_allclose(loglik[:, silent], 0, atol=1e-12)


def test_one_group_for_all_is_no_group():
    study = make_study(make_area("x y", "y x -"))
    answers = random_answers(study, 10, seed=8)
    plain = density_of(make_choices(study, answers))
    grouped = density_of(make_choices(study, answers, groups=("all",), group_of_agent=np.zeros(10, dtype=int)))
    assert plain.prior_names == grouped.prior_names == (None,)
    theta = draw_prior(plain.parameters, 2, np.random.default_rng(10))
    np.testing.assert_allclose(log_density(grouped, theta), log_density(plain, theta), atol=1e-12)


def test_names_of_the_priors():
    assert density_of(CASES["groups"]()).prior_names == ("left", "right", "other")
    assert density_of(CASES["groups and agents in none"]()).prior_names == ("left", "right", None)


def _agents_with_every_number_of_goal_answers(n_answers, **settings):
    study = make_study(make_area("x y", repeated=True, **settings))
    served = np.arange(n_answers + 1)
    return density_of(make_choices(study, {"a0": np.column_stack([served, n_answers - served])}))


def _grid(density, *, means, concentrations, baselines):
    at = density.parameters.slices
    cells = list(itertools.product([0.0], means, concentrations, baselines))
    theta = np.zeros((len(cells), density.size))
    for row, (share, mean, kappa, baseline) in zip(theta, cells, strict=True):
        row[at["share"]], row[at["mean"]] = share, np.log(mean / (1 - mean))
        row[at["conc"]] = np.log(kappa)
        row[at["baseline"]] = np.log(baseline / (1 - baseline)) / np.sqrt(2)
    return theta


@pytest.mark.parametrize(
    ("settings", "answers"),
    [({}, 5), ({}, 20), ({}, 40), ({"rule": "luce"}, 5), ({"rule": "luce"}, 20)],
    ids=["follow 5", "follow 20", "follow 40", "luce 5", "luce 20"],
)
def test_sixteen_nodes_are_enough(settings, answers):
    """Any agent's log likelihood within 0.01 of that with 64 nodes, for weights of every mean and spread."""
    density = _agents_with_every_number_of_goal_answers(answers, **settings)
    assert len(density.states.node) == 16
    theta = _grid(density, means=(0.1, 0.3, 0.6, 0.9), concentrations=(0.5, 2, 5, 10), baselines=(0.1, 0.3, 0.5, 0.8))
    gap = row_log_likelihood(density, theta) - row_log_likelihood(with_nodes(density, 64), theta)
    assert np.abs(gap).max() < 0.01


@pytest.mark.parametrize(("settings", "answers"), [({}, 100), ({"rule": "luce"}, 60)], ids=["follow 100", "luce 60"])
def test_thirty_two_nodes_are_enough_where_sixteen_are_not(settings, answers):
    """The number of nodes grows with the answers; under luce with κ times the answers."""
    density = _agents_with_every_number_of_goal_answers(answers, **settings)
    theta = _grid(density, means=(0.1, 0.3, 0.6, 0.9), concentrations=(0.5, 2, 5, 10), baselines=(0.1, 0.3, 0.5, 0.8))
    reference = row_log_likelihood(with_nodes(density, 128), theta)
    assert np.abs(row_log_likelihood(with_nodes(density, 16), theta) - reference).max() > 0.01
    assert np.abs(row_log_likelihood(with_nodes(density, 32), theta) - reference).max() < 0.01


def test_repeated_answers_are_counted():
    """An item answered three times is three items answered once with the same options and baseline."""
    study = make_study(make_area("x y -", repeated=True))
    counts = np.array([[2, 1, 0], [0, 3, 0], [1, 1, 1], [0, 0, 3]])
    one = density_of(make_choices(study, {"a0": counts}))
    apart = make_study(make_area(*["x y -"] * 3))
    codes = np.array([[0, 0, 1], [1, 1, 1], [0, 1, 2], [2, 2, 2]])
    three = density_of(make_choices(apart, {f"a{j}": codes[:, j] for j in range(3)}))
    theta = draw_prior(one.parameters, 4, np.random.default_rng(11))
    at, baseline = one.parameters.slices, one.parameters.slices["baseline"]
    copied = np.hstack([theta[:, : at["baseline"].start], *[theta[:, baseline]] * 3])
    np.testing.assert_allclose(
        row_log_likelihood(three, copied)[:, three.rows.row_of_agent],
        row_log_likelihood(one, theta)[:, one.rows.row_of_agent],
        atol=1e-10,
    )


def test_random_tables_agree_with_the_definition():
    """A last net: ten random studies of mixed structure, each at a prior point."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        options = ["x", "y", "z", "xy", "-"]
        items = ["x y z", *(" ".join(rng.choice(options, rng.integers(2, 5))) for _ in range(3))]
        study = make_study(make_area(*items, rule=str(rng.choice(["follow", "luce"])), no_goal=bool(rng.integers(2))))
        choices = random_choices(
            study, 5, seed=seed, missing=0.2, groups=("g", "h"), group_of_agent=rng.integers(-1, 2, 5)
        )
        density = density_of(choices)
        theta = draw_prior(density.parameters, 1, rng)
        expected = plain_model.log_posterior(choices, choices.areas[0], study.priors, theta[0], 16)
        assert log_density(density, theta)[0] == pytest.approx(expected, abs=1e-10)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**9),
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=5),
    rule=st.sampled_from(["follow", "luce"]),
    no_goal=st.booleans(),
    baseline=st.sampled_from(["free", "uniform"]),
)
@example(1613, ["best_worst", "ranking", "situation", "best_worst"], "follow", False, "free")  # one agent names a worst
def test_random_tables_of_mixed_kinds_agree_with_the_definition(seed, kinds, rule, no_goal, baseline):
    """Kinds, rule, structure, groups and missing answers as they come; value by the definition, gradient by itself."""
    rng = np.random.default_rng(seed)
    choices = mixed_choices(rng, kinds, seed=seed, rule=rule, no_goal=no_goal, baseline=baseline)
    density = density_of(choices)
    theta = draw_prior(density.parameters, 1, rng)
    nodes = len(density.states.node)
    expected = plain_model.log_posterior(choices, choices.areas[0], choices.study.priors, theta[0], nodes)
    assert log_density(density, theta)[0] == pytest.approx(expected, abs=1e-10)
    assert _gradient_error(density, theta[0]) <= 1e-6


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**9),
    kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=4),
    rule=st.sampled_from(["follow", "luce"]),
    no_goal=st.booleans(),
    weights=st.sampled_from(["one", "free"]),
)
def test_random_studies_of_learned_goals(seed, kinds, rule, no_goal, weights):
    """What two goals favour is learned, in items of every kind."""
    rng = np.random.default_rng(seed)
    choices = mixed_choices(rng, kinds, seed=seed, goals=2, rule=rule, no_goal=no_goal, weights=weights)
    density = density_of(choices)
    theta = draw_prior(density.parameters, 1, rng)
    nodes = len(density.states.node)
    expected = plain_model.log_posterior(choices, choices.areas[0], choices.study.priors, theta[0], nodes)
    assert log_density(density, theta)[0] == pytest.approx(expected, abs=1e-10, rel=_DIGITS)
    assert _gradient_error(density, theta[0]) <= 1e-6
