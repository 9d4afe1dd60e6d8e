"""A fit, end to end: it finds what was simulated, its special cases are exact, and seeds fix it."""

from __future__ import annotations

import functools
import json

import numpy as np
import pytest
import xarray as xr
from dissensus.datasets.choices import Choices
from dissensus.inference import parallel
from dissensus.inference.fit import SCORE_DRAWS
from dissensus.inference.notes import no_weight_reason
from dissensus.inference.parameters import constrain
from dissensus.inference.result import choices_of, densities_of, thetas_of
from dissensus.inference.thinning import thin
from dissensus.inference.verdict import verdict
from scipy import stats

from dissensus import datasets, forward_model, inference
from dissensus.errors import InputError

from .builders import make_area, make_choices, make_study, random_choices
from .chance import assert_within
from .fitted import changed, grouped, grouped_choices

SCORES = ("contention", "misalignment", "relative_misalignment")
N = 5_000


def _truth_of(choices: Choices, **options) -> xr.Dataset:
    areas = [forward_model.ProblemArea(a.name, a.goals, a.conflict) for a in choices.areas]
    weights = {a.name: a.area_weight for a in choices.areas}
    return forward_model.score(choices.truth.goals, choices.truth.weights, areas, area_weights=weights, **options)


@functools.cache
def _follow() -> tuple[Choices, xr.DataTree]:
    """Areas of 3 and 2 goals under follow; options that serve several goals or none; two groups that differ."""
    study = make_study(
        make_area(
            "x y z", "y z x -", "z x y", "xy z x", "x y z", name="p", conflict={"x|y": 1, "x|z": 0.5, "y|z": 0.2}
        ),
        make_area("x y", "y x -", "x xy y", "x y", "y x", name="q", area_weight=3.0),
    )
    truth = {
        "p": {
            "goal_share": [0.45, 0.35, 0.2],
            "group_goal_share": [[0.6, 0.25, 0.15], [0.3, 0.4, 0.3]],
            "weight_mean": 0.65,
            "group_weight_mean": [0.7, 0.6],
        },
        "q": {"goal_share": [0.6, 0.4], "group_goal_share": [[0.7, 0.3], [0.5, 0.5]], "weight_mean": 0.6},
    }
    choices = datasets.simulate(study, N, seed=11, groups={"left": 0.4, "right": 0.6}, truth=truth, missing=0.1)
    return choices, inference.fit(choices, seed=12)


@functools.cache
def _luce() -> tuple[Choices, xr.DataTree]:
    """An area under luce, with items answered many times."""
    study = make_study(make_area("x y z", "y z x -", "x yz", name="p", rule="luce", kappa=4.0, repeated=True))
    truth = {"p": {"goal_share": [0.5, 0.3, 0.2], "weight_mean": 0.6}}
    choices = datasets.simulate(study, N, seed=13, truth=truth, answers_per_item=4)
    return choices, inference.fit(choices, seed=14)


RECOVERED = {"follow": _follow, "luce": _luce}


@pytest.mark.parametrize("name", RECOVERED)
def test_scores_of_the_sample_and_of_the_population_are_recovered(name):
    choices, tree = RECOVERED[name]()
    assert json.loads(tree.attrs["state"]) != "refused"
    sample, population = (inference.scores(tree, estimand=e) for e in ("sample", "population"))
    truth = _truth_of(choices)
    for score in (*SCORES, *(f"overall_{s}" for s in SCORES)):
        for drawn, wide in ((sample, 0.02), (population, 0.03)):
            sd = drawn[score].std(("chain", "draw"))
            assert (sd < wide).all(), score
            # The sample stands in for the population: its own chance adds about as much again.
            chance = 0.0 if drawn is sample else truth[score] / np.sqrt(N)
            assert_within(drawn[score].mean(("chain", "draw")), truth[score], np.hypot(sd, chance))


@pytest.mark.parametrize("estimand", ["sample", "population"])
def test_scores_within_and_between_groups_are_recovered(estimand):
    choices, tree = _follow()
    drawn = inference.scores(tree, by="group", estimand=estimand)
    groups = np.array(choices.groups, dtype=object)[choices.group_of_agent]
    truth = _truth_of(choices, by=groups)
    for score in (*SCORES, *(f"overall_{s}" for s in SCORES)):
        expected = truth[score].transpose(*drawn[score].dims[2:])
        np.testing.assert_array_equal(expected["group"], drawn["group"])
        sd = drawn[score].std(("chain", "draw"))
        assert (sd < 0.05).all()
        chance = 0.0 if estimand == "sample" else expected / np.sqrt(N / 4)
        assert_within(drawn[score].mean(("chain", "draw")), expected, np.hypot(sd, chance))


@pytest.mark.parametrize("name", RECOVERED)
def test_parameters_are_recovered(name):
    choices, tree = RECOVERED[name]()
    posterior = tree["posterior"].to_dataset()

    def close(values, expected, most):
        sd = values.std(("chain", "draw"))
        assert (sd < most).all()
        assert_within(values.mean(("chain", "draw")), expected, sd)

    for area in choices.areas:
        true = choices.truth.parameters[area.name]
        goals = [f"{area.name}: {goal}" for goal in area.goals]
        options = [f"{area.items[i]} = {o}" for i, o in zip(area.item_of_option, area.options, strict=True)]
        close(posterior["baseline"].sel(option=options), true["baseline"], 0.12)
        close(posterior["weight_concentration"].sel(area=area.name), true["weight_concentration"], 3.0)
        if choices.groups:
            close(posterior["group_goal_share"].sel(goal=goals), true["group_goal_share"], 0.06)
            close(posterior["group_weight_mean"].sel(area=area.name), true["group_weight_mean"], 0.08)
        else:
            close(posterior["goal_share"].sel(goal=goals), true["goal_share"], 0.06)
            close(posterior["weight_mean"].sel(area=area.name), true["weight_mean"], 0.08)


@pytest.mark.parametrize("name", RECOVERED)
def test_goal_probabilities_of_agents_are_calibrated(name):
    """Among agents given a goal with probability near p, a share near p hold it; so do those given the right one."""
    choices, tree = RECOVERED[name]()
    agents = tree["agents"].to_dataset()
    for area in choices.areas:
        goals = [f"{area.name}: {goal}" for goal in area.goals]
        probability = agents["goal_probability"].sel(goal=goals).values
        np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-5)
        held = choices.truth.goals[area.name].to_numpy()[:, None] == np.array(area.goals, dtype=object)
        share = "group_goal_share" if choices.groups else "goal_share"
        unsure = float(tree["posterior"][share].sel(goal=goals).std(("chain", "draw")).max())
        for low in np.arange(0, 1, 0.2):
            bin_ = (probability >= low) & (probability < low + 0.2)
            chance = np.sqrt((probability * (1 - probability))[bin_].sum()) / bin_.sum()
            assert bin_.sum() > 50
            assert_within(held[bin_].mean(), probability[bin_].mean(), np.hypot(chance, unsure))
        right, expected = probability[held], np.square(probability).sum(axis=1)
        assert_within(right.mean(), expected.mean(), np.hypot(right.std() / np.sqrt(N), unsure))


@pytest.mark.parametrize("name", RECOVERED)
def test_mean_weights_of_agents_are_calibrated(name):
    """The regression of true weights on posterior means has slope 1 and passes through the mean."""
    choices, tree = RECOVERED[name]()
    for area in choices.areas:
        estimate = tree["agents"]["weight"].sel(area=area.name).values
        true = choices.truth.weights[area.name].to_numpy()
        unsure = float(tree["posterior"]["weight_mean"].sel(area=area.name).std())
        fitted = stats.linregress(estimate, true)
        assert_within(true.mean(), estimate.mean(), np.hypot(true.std() / np.sqrt(N), unsure))
        assert_within(fitted.slope, 1, fitted.stderr, slack=0.1)
        assert fitted.rvalue > 0.4


@functools.cache
def _small() -> Choices:
    study = make_study(make_area("x y z", "y z x", "z x y"), make_area("x y", "y x", name="b"))
    return datasets.simulate(study, 40, seed=3, groups=["g", "h"])


@functools.cache
def _of_small(seed: int) -> xr.DataTree:
    """Return the fit of :func:`_small` that several tests look at."""
    return inference.fit(_small(), seed=seed)


@functools.cache
def _unseeded(draws: int) -> tuple[xr.DataTree, list[str]]:
    """Return a fit without a seed, and what it said."""
    said: list[str] = []
    return inference.fit(_small(), draws=draws, progress=said.append), said


def _same(one: xr.DataTree, other: xr.DataTree) -> None:
    assert [n.path for n in one.subtree] == [n.path for n in other.subtree]
    for node in one.subtree:
        xr.testing.assert_identical(node.to_dataset(), other[node.path].to_dataset())


def test_a_seed_fixes_every_number_for_any_number_of_cores(monkeypatch):
    for cores in (1, 5):
        with monkeypatch.context() as patched:
            patched.setattr(parallel.os, "cpu_count", lambda cores=cores: cores)
            _same(_of_small(7), inference.fit(_small(), seed=7))


def test_without_a_seed_the_stored_one_gives_the_same_numbers():
    first, other = _unseeded(1)[0], _unseeded(1_001)[0]
    again = inference.fit(_small(), draws=1, seed=json.loads(first.attrs["seed"]))
    _same(first, again)
    assert json.loads(other.attrs["seed"]) != json.loads(first.attrs["seed"])


def test_two_seeds_agree_within_their_errors():
    first, second = (inference.summarize(_of_small(seed)) for seed in (5, 7))
    both = first["mean"].notna() & (first["score"] != "observed_conflict")
    gap = (first["mean"] - second["mean"])[both].abs()
    assert (gap <= 4 * np.hypot(first["mcse"], second["mcse"])[both]).all()


def test_draws_are_rounded_up_to_a_multiple_of_four_and_at_least_a_thousand():
    sizes = [_unseeded(draws)[0]["posterior"].sizes["draw"] for draws in (1, 1_001)]
    assert sizes == [1_000, 1_004]


def test_thinning_is_even_over_each_chain():
    theta = np.arange(4 * 500, dtype=float).reshape(4, 500, 1)
    kept = thin(theta, 1_000)
    assert kept.shape == (4, 250, 1)
    np.testing.assert_array_equal(kept[:, 0], theta[:, 0])
    np.testing.assert_array_equal(kept[:, -1], theta[:, -1])
    assert set(np.diff(kept[0, :, 0])) <= {2.0, 3.0}
    assert thin(theta[:1, :10], 1_000).shape == (1, 10, 1)


def test_progress_is_told_in_sentences():
    said = _unseeded(1)[1]
    assert said[0] == "fitting areas"
    assert "checking" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "vi"}, "\"method\" is 'vi'"),
        ({"draws": 0}, '"draws" is 0'),
        ({"group_shares": {"g": 1.0}}, "share ≥ 0 to each of 'g', 'h'"),
        ({"group_shares": {"g": 1.0, "h": 1.0, "i": 1.0}}, "share ≥ 0 to each of 'g', 'h'"),
        ({"group_shares": {"g": 1.0, "h": -0.1}}, "share ≥ 0 to each of 'g', 'h'"),
        ({"group_shares": {"g": 1.0, "h": np.nan}}, "share ≥ 0 to each of 'g', 'h'"),
        ({"group_shares": {"g": 0.0, "h": 0.0}}, "share ≥ 0 to each of 'g', 'h'"),
        ({"priors": {"goal_shares": 1.0}}, "goal_shares"),
        ({"priors": {"baseline_sd": -1.0}}, "baseline_sd"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        inference.fit(_small(), seed=1, **options)


def test_all_wrong_options_are_named_at_once():
    with pytest.raises(InputError) as caught:
        inference.fit(_small(), method="vi", draws=-1, group_shares={})
    assert [fault.code for fault in caught.value.faults] == ["method", "draws", "group-shares"]


# Laws that hold draw by draw


@pytest.mark.parametrize("estimand", ["sample", "population"])
def test_scores_are_shares(estimand):
    tree = grouped()[1]
    for by in (None, "group"):
        drawn = inference.scores(tree, by=by, estimand=estimand)
        for name in drawn.data_vars:
            values = drawn[name].values[np.isfinite(drawn[name].values)]
            assert ((values >= 0) & (values <= 1)).all()
        gap = (drawn["contention"] - drawn["misalignment"]).values
        assert (gap[np.isfinite(gap)] >= -1e-12).all()


def test_overall_scores_are_means_over_areas():
    """Contention and misalignment Σ a s / Σ a; relative misalignment Σ a num / Σ a den, with den = num / ratio."""
    tree = _follow()[1]
    a = np.array([1.0, 3.0])
    for estimand in ("sample", "population"):
        for by in (None, "group"):
            drawn = inference.scores(tree, by=by, estimand=estimand)
            for score in ("observed_conflict", "contention", "misalignment"):
                values = (drawn[score] * xr.DataArray(a, dims="area")).sum("area") / a.sum()
                xr.testing.assert_allclose(drawn[f"overall_{score}"], values, rtol=1e-12)
            num = drawn["misalignment"] * xr.DataArray(a, dims="area")
            den = num / drawn["relative_misalignment"]
            expected = num.sum("area") / den.sum("area")
            xr.testing.assert_allclose(drawn["overall_relative_misalignment"], expected, rtol=1e-9)


def test_pairs_of_groups_make_up_the_whole_sample():
    """n(n − 1) times the overall score is the sum over pairs of groups of their pairs times their score."""
    choices, tree = _follow()
    size = np.bincount(choices.group_of_agent).astype(float)
    pairs = np.outer(size, size) - np.diag(size)
    parts, whole = inference.scores(tree, by="group"), inference.scores(tree)
    for score in ("contention", "misalignment"):
        total = np.einsum("cdagh,gh->cda", parts[score].values, pairs) / pairs.sum()
        np.testing.assert_allclose(whole[score].values, total, rtol=1e-9)


def _population(tree, by=None):
    return inference.scores(tree, by=by, estimand="population")


def test_group_shares_mix_the_groups_of_the_population():
    """Overall is φᵀ G φ with G the scores within and between groups; the sample does not change."""
    choices = _small()
    given = {"g": 3.0, "h": 1.0}
    plain, mixed = _of_small(5), inference.fit(choices, seed=5, group_shares=given)
    for tree, phi in ((plain, np.bincount(choices.group_of_agent) / 40), (mixed, np.array([0.75, 0.25]))):
        for score in ("contention", "misalignment"):
            values = np.einsum("g,cdagh,h->cda", phi, _population(tree, "group")[score].values, phi)
            np.testing.assert_allclose(_population(tree)[score].values, values, rtol=1e-10)
    xr.testing.assert_identical(inference.scores(plain).drop_attrs(), inference.scores(mixed).drop_attrs())
    assert json.loads(mixed.attrs["group_shares"]) == [0.75, 0.25]
    assert "Population scores hold the group shares fixed, as given." in json.loads(mixed.attrs["notes"])
    assert "Population scores hold the group shares fixed, as in the table." in json.loads(plain.attrs["notes"])


def test_given_group_shares_leave_out_agents_in_no_group():
    choices = changed(_small(), group_of_agent=np.where(np.arange(40) < 5, -1, _small().group_of_agent))
    tree = inference.fit(choices, seed=5, group_shares={"g": 1.0, "h": 0.0})
    within = _population(tree, "group")["contention"].sel(group="g", group_other="g", drop=True)
    xr.testing.assert_allclose(_population(tree)["contention"], within, rtol=1e-12)


def test_population_shares_follow_the_survey_weights():
    choices, tree = grouped()
    member = [choices.group_of_agent == h for h in (0, 1, 2, -1)]
    expected = np.array([choices.survey_weight[m].sum() for m in member]) / choices.survey_weight.sum()
    np.testing.assert_allclose(json.loads(tree.attrs["group_shares"]), expected, rtol=1e-12)
    assert "Intervals cover unequal survey weights, not clusters or strata." in json.loads(tree.attrs["notes"])


def test_one_group_for_all_changes_nothing():
    alone = changed(_small(), groups=(), group_of_agent=np.full(40, -1))
    together = changed(_small(), groups=("all",), group_of_agent=np.zeros(40, dtype=int))
    plain, named = inference.fit(alone, seed=4), inference.fit(together, seed=4)
    xr.testing.assert_identical(inference.scores(plain).drop_attrs(), inference.scores(named).drop_attrs())
    for estimand in ("sample", "population"):
        whole = inference.scores(named, estimand=estimand)
        within = inference.scores(named, by="group", estimand=estimand).isel(group=0, group_other=0, drop=True)
        xr.testing.assert_allclose(whole, within, rtol=1e-9)


def test_a_group_of_one_has_no_pairs_of_its_own():
    tree = grouped()[1]
    at = {"group": "lone", "group_other": "lone"}
    sample, population = (inference.scores(tree, by="group", estimand=e) for e in ("sample", "population"))
    assert np.isnan(sample["contention"].sel(at)).all()
    assert np.isfinite(population["contention"].sel(at)).all()
    assert np.isfinite(sample["contention"].sel(group="lone", group_other="left")).all()
    rows = inference.summarize(tree, by="group").query(
        "group == 'lone' and group_other.isna() and estimand == 'sample'"
    )
    tax = rows[(rows["area"] == "tax") & (rows["score"] == "misalignment")].iloc[0]
    assert np.isnan(tax["mean"])
    assert tax["reasons"][0] == "Group lone has one agent, so it has no pairs."


def test_a_small_group_has_observed_conflict_with_others():
    """The bootstrap may leave a group of one out; the conflict between it and the others is defined all the same."""
    tree = grouped()[1]
    rows = inference.summarize(tree, by="group").query("score == 'observed_conflict' and estimand == 'sample'")
    row = rows[(rows["area"] == "tax") & (rows["group"] == "right") & (rows["group_other"] == "lone")].iloc[0]
    estimate = tree["constant_data"]["group_observed_conflict"].sel(
        estimand="sample", area="tax", group="right", group_other="lone"
    )
    assert np.isfinite(float(estimate))
    assert np.isfinite(row["mean"])


# Special cases


def test_one_answer_each_counts_at_face_value():
    """Contention is the Gini–Simpson index of the answers, without any spread; misalignment is not known."""
    counts = np.array([11, 7, 2])
    choices = make_choices(make_study(make_area("x y z")), {"a0": np.repeat([0, 1, 2], counts)})
    tree = inference.fit(choices, seed=1)
    face = 1 - (counts * (counts - 1)).sum() / (20 * 19)
    drawn = inference.scores(tree)
    np.testing.assert_allclose(drawn["contention"], face, rtol=1e-12)
    np.testing.assert_allclose(tree["constant_data"]["observed_conflict"], face, rtol=1e-12)
    assert np.isnan(drawn["misalignment"]).all() and np.isnan(drawn["relative_misalignment"]).all()
    rows = inference.summarize(tree)
    for score in ("misalignment", "relative_misalignment"):
        for _, row in rows[rows["score"] == score].iterrows():
            assert np.isnan(row["mean"])
            assert row["reasons"][0] == no_weight_reason("a")
    assert "weight_mean" not in tree["posterior"]
    assert np.isnan(tree["agents"]["weight"]).all()


def test_one_answer_each_in_the_population_is_a_dirichlet():
    """With survey weights, goal shares have the Dirichlet posterior of Kish-scaled counts; sample scores no weights."""
    option = np.repeat([0, 1, 2], [30, 20, 10])
    weight = np.repeat([1.0, 5.0, 2.0], [30, 20, 10]) * 700
    study = make_study(make_area("x y z"))
    tree = inference.fit(make_choices(study, {"a0": option}, survey_weight=weight), seed=2)
    scaled = weight * weight.sum() / np.square(weight).sum()
    alpha = 1 + np.bincount(option, scaled)
    total = alpha.sum()
    expected = 1 - (alpha * (alpha + 1)).sum() / (total * (total + 1))
    drawn = inference.scores(tree, estimand="population")["contention"].values.ravel()
    assert_within(drawn.mean(), expected, drawn.std() * np.sqrt(2 / SCORE_DRAWS))
    counts = np.bincount(option)
    face = 1 - (counts * (counts - 1)).sum() / (60 * 59)
    np.testing.assert_allclose(inference.scores(tree)["contention"], face, rtol=1e-12)
    share = tree["posterior"]["goal_share"].values.reshape(-1, 3)
    assert_within(share.mean(axis=0), alpha / total, share.std(axis=0) * np.sqrt(2 / 2_000))


def test_the_scale_of_survey_weights_does_not_matter():
    plain = grouped_choices()
    scaled = changed(plain, survey_weight=plain.survey_weight * 1e6)
    one, other = grouped()[1], inference.fit(scaled, seed=2)
    for name, values in inference.scores(one).items():
        np.testing.assert_allclose(values, inference.scores(other)[name], rtol=1e-6, atol=1e-9)


def test_equal_survey_weights_are_none():
    plain = _of_small(5)
    even = inference.fit(changed(_small(), survey_weight=np.full(40, 250.0)), seed=5)
    for estimand in ("sample", "population"):
        one, other = (inference.scores(tree, estimand=estimand) for tree in (plain, even))
        for score in SCORES:
            np.testing.assert_allclose(one[score], other[score], rtol=1e-6, atol=1e-9)


def test_one_goal_scores_zero():
    """However the answers lie: there is nobody to disagree with."""
    tree = inference.fit(datasets.simulate(make_study(make_area("x -", "- x -", "x - -")), 100, seed=1), seed=1)
    drawn = inference.scores(tree)
    for score in SCORES:
        np.testing.assert_array_equal(drawn[score], 0)
    assert json.loads(tree.attrs["state"]) != "refused"


def test_goals_without_conflict_score_zero():
    choices = datasets.simulate(make_study(make_area("x y z", "y z x", "z x y", conflict=0.0)), 60, seed=2)
    tree = inference.fit(choices, seed=1)
    drawn = inference.scores(tree, estimand="population")
    for name in drawn.data_vars:
        np.testing.assert_array_equal(drawn[name], 0)


def test_two_agents_say_nearly_nothing():
    choices = datasets.simulate(make_study(make_area(*["x y"] * 4)), 2, seed=5)
    tree = inference.fit(choices, seed=1)
    assert json.loads(tree.attrs["state"]) == "caution"
    drawn = inference.scores(tree)
    assert set(np.unique(drawn["contention"])) <= {0.0, 1.0}
    assert 0 < float(drawn["contention"].mean()) < 1
    population = inference.scores(tree, estimand="population")["contention"]
    prior = inference.prior_scores(choices, seed=1)["contention"]
    assert float(population.std()) > 0.6 * float(prior.std())


def test_an_agent_silent_in_an_area_counts_in_it():
    """Its state comes from its group: its goal probabilities are the group's shares, its weight their mean."""
    study = make_study(make_area("x y z"), make_area("x y", "x y", name="b"))
    rng = np.random.default_rng(6)
    one = np.where(np.arange(30) < 10, -1, rng.integers(3, size=30))
    two, three = rng.integers(2, size=(2, 30))
    two[25:], three[25:] = -1, -1
    one[25:] = 0
    choices = make_choices(
        study, {"a0": one, "b0": two, "b1": three}, groups=("g", "h"), group_of_agent=np.arange(30) % 2
    )
    tree = inference.fit(choices, seed=1)
    # 20 agents answered in area a: with pairs over 20 agents only, contention could not vary.
    assert float(inference.scores(tree)["contention"].sel(area="a").std()) > 0.001
    densities = densities_of(tree, choices)
    silent = {0: range(10), 1: range(25, 30)}
    for k, (density, theta) in enumerate(zip(densities, thetas_of(tree, densities), strict=True)):
        values = constrain(density.parameters, thin(theta[None], SCORE_DRAWS)[0], density.n_options)
        area = density.area
        labels = [f"{area.name}: {goal}" for goal in area.goals]
        found = tree["agents"]["goal_probability"].sel(goal=labels).values
        for agent in silent[k]:
            share = np.exp(values.prior_log_share[:, agent % 2]).mean(axis=0)
            np.testing.assert_allclose(found[agent], share, rtol=1e-5)
    mean, kappa = values.prior_mean[:, 1], values.concentration
    expected = ((1 + mean * kappa) / (2 + kappa)).mean()
    np.testing.assert_allclose(tree["agents"]["weight"].values[25, 1], expected, rtol=1e-4)


def test_no_goal_shares_are_part_of_the_whole():
    tree = grouped()[1]
    posterior = tree["posterior"].to_dataset()
    labels = [str(g) for g in posterior["goal"].values]
    assert labels[:5] == ["tax: x", "tax: y", "tax: z", "speech: x", "speech: y"]
    assert labels[5] == "speech: no goal"
    for area in ("tax", "speech", "vote"):
        mine = [label for label in labels if label.startswith(f"{area}:")]
        for name in ("goal_share", "group_goal_share"):
            np.testing.assert_allclose(posterior[name].sel(goal=mine).sum("goal"), 1, rtol=1e-9)
        np.testing.assert_allclose(tree["agents"]["goal_probability"].sel(goal=mine).sum("goal"), 1, rtol=1e-5)


def test_fits_take_the_priors_they_are_given():
    """A prior that knows the weights leaves them where it puts them."""
    study = make_study(make_area("x y z", "y z x", "z x y"))
    choices = random_choices(study, 60, seed=4)
    tree = inference.fit(choices, seed=1, priors={"weight_mean": [30_000.0, 70_000.0]})
    mean = tree["posterior"]["weight_mean"]
    assert_within(float(mean.mean()), 0.3, np.sqrt(0.21 / 100_000), slack=0.002)
    assert json.loads(tree.attrs["priors"])["weight_mean"] == [30_000.0, 70_000.0]
    assert choices_of(tree).study.priors.weight_mean == (2.0, 2.0)


@functools.cache
def _of_seventeen(method: str) -> xr.DataTree:
    choices = make_choices(make_study(make_area("x y")), {"a0": np.repeat([0, 1], [12, 5])})
    return inference.fit(choices, seed=1, method=method)


@pytest.mark.parametrize("method", ["laplace", "nuts"])
def test_every_method_returns_the_same_groups(method):
    auto, other = _of_seventeen("auto"), _of_seventeen(method)
    expected = set(auto.children) | ({"sample_stats"} if method == "nuts" else set())
    assert set(other.children) == expected
    for name in auto.children:
        assert set(auto[name].data_vars) == set(other[name].data_vars)
    chains = 4 if method == "nuts" else 1
    assert other["posterior"].sizes["chain"] == other["scores"].sizes["chain"] == chains
    assert other["posterior"].sizes["chain"] * other["posterior"].sizes["draw"] == 2_000
    assert other["scores"].sizes["chain"] * other["scores"].sizes["draw"] == SCORE_DRAWS
    assert json.loads(other.attrs["method"]) == {"a": "nuts" if method == "nuts" else "importance"}


def test_an_area_in_which_nothing_is_unknown(tmp_path):
    """One goal and one answer each: the scores are 0, and the result is kept and read like any other."""
    both = make_study(make_area("x -"), make_area("x y", "y x", name="b"))
    answers = {"a0": [0, 0, 1, 0] * 10, "b0": [0, 1, 0, 1] * 10, "b1": [1, 0, 0, 1] * 10}
    for some in (make_choices(both, answers), make_choices(make_study(make_area("x -")), {"a0": answers["a0"]})):
        fit = inference.fit(some, seed=1, draws=1_000)
        assert verdict(fit).state != "refused"
        assert (inference.scores(fit)["contention"].sel(area="a") == 0).all()
        inference.save(fit, tmp_path / f"{len(some.areas)}.nc")
        assert inference.load(tmp_path / f"{len(some.areas)}.nc").identical(fit)
