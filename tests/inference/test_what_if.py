"""Scores under changes, against the forward model on the agents of each draw, changed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from dissensus.inference import posterior_states
from dissensus.inference.area_scores import population_totals
from dissensus.inference.changed_states import Change, changed_sample
from dissensus.inference.changes import read_changes
from dissensus.inference.drawn_again import draws_of, priors_as_units
from dissensus.inference.what_if import what_if

from dissensus import forward_model, inference
from dissensus.errors import InputError, Refused

from .agents_drawn import agents_at, group_labels, problem_areas
from .fitted import changed as changed_choices
from .fitted import grouped, refused, stouffer_toby

DRAWS = np.arange(0, 1_000, 90)
SCORES = ("contention", "misalignment", "relative_misalignment")


def _brute(choices, goals, weights, *, keep=None, **conflict):
    """Return the scores of the agents of one draw, by area and by groups."""
    keep = np.ones(choices.n_agents, dtype=bool) if keep is None else keep
    areas, group = problem_areas(choices, **conflict), group_labels(choices)
    whole = forward_model.score(goals[keep], weights[keep], areas)
    by_group = forward_model.score(goals[keep], weights[keep], areas, by=group[keep])
    return whole, by_group


def _compare(choices, changed, at, scores, by_group):
    for name in SCORES:
        mine = changed[name].sel(scenario="what if", estimand="sample").isel(chain=0, draw=at)
        for area, weighted in (("tax", True), ("speech", True), ("vote", False)):
            if name == "contention" or weighted:
                np.testing.assert_allclose(mine.sel(area=area), scores[name].sel(area=area), atol=1e-12)
                cells = changed[f"group_{name}"].sel(scenario="what if", estimand="sample", area=area)
                labels = [g for g in choices.groups if g in by_group["group"].values]
                own = cells.isel(chain=0, draw=at).sel(group=labels, group_other=labels)
                other = by_group[name].sel(area=area, group=labels, group_other=labels)
                np.testing.assert_allclose(own.values, other.transpose("group", "group_other").values, atol=1e-12)
    mine = changed["overall_contention"].sel(scenario="what if", estimand="sample").isel(chain=0, draw=at)
    a = [area.area_weight for area in choices.areas]
    np.testing.assert_allclose(mine, np.average(scores["contention"].values, weights=a), atol=1e-12)


def test_without_a_change_the_scores_are_those_of_the_fit():
    fit = grouped()[1]
    same = what_if(fit, by="group")
    for by, prefix in ((None, ""), ("group", "group_")):
        for estimand in ("sample", "population"):
            stored = inference.scores(fit, by=by, estimand=estimand)
            for level in ("", "overall_"):
                for name in SCORES:
                    found = same[f"{level}{prefix}{name}"].sel(estimand=estimand)
                    for scenario in ("as fitted", "what if"):
                        np.testing.assert_allclose(found.sel(scenario=scenario), stored[level + name], atol=1e-12)
                    assert (found.sel(scenario="difference").fillna(0) == 0).all()


def test_the_goals_and_weights_of_groups_and_agents_are_changed_in_every_draw():
    choices, fit = grouped()
    label = str(choices.agents[int(np.flatnonzero(choices.group_of_agent == 1)[3])])
    changed = what_if(
        fit,
        goal={("tax", "left"): "x", ("tax", label): "z", "speech": "y", ("vote", "right"): None},
        weight={("tax", "left"): 0.25, ("tax", label): 1.0},
        weight_factor={"speech": 1.7},
        by="group",
    )
    group = group_labels(choices)
    for at, (goals, weights) in zip(DRAWS, agents_at(choices, fit, DRAWS), strict=True):
        goals.loc[group == "left", "tax"], goals.loc[label, "tax"] = "x", "z"
        weights.loc[group == "left", "tax"], weights.loc[label, "tax"] = 0.25, 1.0
        goals["speech"], goals.loc[group == "right", "vote"] = "y", None
        weights["speech"] = np.minimum(1, 1.7 * weights["speech"])
        _compare(choices, changed, at, *_brute(choices, goals, weights))


def test_agents_and_groups_are_removed_and_conflicts_changed():
    choices, fit = grouped()
    gone = [str(label) for label in choices.agents[[0, 7, 40]]]
    matrix = np.array([[0, 1, 0.2, 0], [1, 0, 1, 1], [0.2, 1, 0, 0.4], [0, 1, 0.4, 0]])
    goals_of_vote = choices.areas[2].goals
    changed = what_if(fit, remove=[*gone, "right"], conflict={"tax": {"y|x": 0.3}, "vote": matrix}, by="group")
    keep = ~(np.isin(choices.agents.astype(str), gone) | (group_labels(choices) == "right"))
    tax = choices.areas[0].conflict.copy()
    tax[0, 1] = tax[1, 0] = 0.3
    assert goals_of_vote == ("v", "x", "y", "z")
    for at, (goals, weights) in zip(DRAWS, agents_at(choices, fit, DRAWS), strict=True):
        _compare(choices, changed, at, *_brute(choices, goals, weights, keep=keep, tax=tax, vote=matrix))
    with_right = changed["group_contention"].sel(scenario="what if", group="right")
    assert with_right.isnull().all()


def test_an_agent_goes_before_its_group_and_that_before_all():
    choices, fit = grouped()
    label = str(choices.agents[int(np.flatnonzero(choices.group_of_agent == 0)[0])])
    group = group_labels(choices)
    changed = what_if(fit, goal={"tax": "y", ("tax", "left"): "x", ("tax", ("agent", label)): "z"}, by="group")
    for at, (goals, weights) in zip(DRAWS, agents_at(choices, fit, DRAWS), strict=True):
        goals["tax"] = np.where(group == "left", "x", "y")
        goals.loc[label, "tax"] = "z"
        _compare(choices, changed, at, *_brute(choices, goals, weights))


def test_all_of_one_goal_do_not_conflict():
    changed = what_if(grouped()[1], goal={"tax": "x", "speech": "y", "vote": None})
    for name in ("contention", "misalignment"):
        assert (changed[name].sel(scenario="what if").fillna(0) == 0).all()
    assert (changed["overall_contention"].sel(scenario="what if") == 0).all()


def test_a_share_of_a_group_is_a_whole_number_of_agents_and_right_on_average():
    """Agents who come to hold no goal can be counted where nobody else holds none."""
    choices, fit = grouped()
    area = draws_of(fit, choices)[0]
    units = priors_as_units(area.density)
    before, after = changed_sample(area, units, [Change(goal=3, share=0.3)] * len(units.prior))
    before, after = before.goals, after.goals
    np.testing.assert_array_equal(after[:, :, 0].sum(axis=2), before[:, :, 0].sum(axis=2))
    assert (after[:, :, 0, :3] <= before[:, :, 0, :3]).all()
    assert (after[:, :, 1:, 3] == 0).all()
    moved, exact = after[:, :, 0, 3], 0.3 * units.size
    assert ((moved == np.floor(exact)) | (moved == np.ceil(exact))).all()
    assert (np.abs(moved.mean(axis=0) - exact) < 4 * 0.5 / np.sqrt(len(moved))).all()


def test_shares_are_right_on_average_in_the_sample_and_exact_in_the_population():
    choices, fit = grouped()
    q, area = 0.37, draws_of(*reversed(grouped()))[0]
    changed = what_if(fit, goal={"tax": ("z", q)})
    share, root = population_totals(area.density, area.theta)
    phi = area.shares
    new_share, new_root = (1 - q) * share, (1 - q) * root
    new_share[:, :, 2] += q
    new_root[:, :, 2] += q * root.sum(axis=2)
    pooled = np.einsum("h,dhk->dk", phi, new_share), np.einsum("h,dhk->dk", phi, new_root)
    found = changed.sel(scenario="what if", estimand="population", area="tax")
    conflict = choices.areas[0].conflict
    for name, x in zip(SCORES, pooled, strict=False):
        np.testing.assert_allclose(found[name].values[0], np.einsum("dg,gh,dh->d", x, conflict, x), atol=1e-12)
    # n agents of which each draw moves another share: expected pairs of the drawn states, moved by hand many times
    rng, total = np.random.default_rng(1), []
    for goals, weights in agents_at(choices, fit, DRAWS):
        for _ in range(40):
            goal = goals["tax"].to_numpy().copy()
            for name in set(group_labels(choices)):
                mine = np.flatnonzero(group_labels(choices) == name)
                number = int(np.floor(q * len(mine) + rng.random()))
                goal[rng.choice(mine, number, replace=False)] = "z"
            scored = forward_model.score(goals.assign(tax=goal), weights, problem_areas(choices))
            total.append(float(scored["misalignment"].sel(area="tax")))
    mine = changed["misalignment"].sel(scenario="what if", estimand="sample", area="tax").isel(draw=DRAWS)
    again = what_if(fit, goal={"tax": ("z", q)}, conflict={"speech": 0.0})["misalignment"]
    again = again.sel(scenario="what if", estimand="sample", area="tax").isel(draw=DRAWS)
    np.testing.assert_array_equal(again, mine)  # the same agents move in every call
    spread = np.std(total) / np.sqrt(len(DRAWS))
    assert abs(float(mine.mean()) - np.mean(total)) < 4 * spread


def test_group_shares_and_removals_weigh_the_population_anew():
    choices, fit = grouped()
    changed = what_if(fit, group_share={"left": 0.7}, by="group").sel(estimand="population", area="tax")
    same = what_if(fit, by="group").sel(scenario="as fitted", estimand="population", area="tax")
    groups = changed["group_contention"].sel(scenario="what if")
    np.testing.assert_allclose(groups, same["group_contention"], atol=1e-12)
    area = draws_of(fit, choices)[0]
    share, _ = population_totals(area.density, area.theta)
    rest = np.delete(area.shares, 0)
    phi = np.insert(0.3 * rest / rest.sum(), 0, 0.7)
    pooled = np.einsum("h,dhk->dk", phi, share)
    expected = np.einsum("dg,gh,dh->d", pooled, choices.areas[0].conflict, pooled)
    np.testing.assert_allclose(changed["contention"].sel(scenario="what if").values[0], expected, atol=1e-12)
    # an agent removed takes its share away, by survey weight, and its group stays what it is
    gone = int(np.flatnonzero(choices.group_of_agent == 1)[0])
    removed = what_if(fit, remove=[str(choices.agents[gone])], by="group").sel(estimand="population", area="tax")
    np.testing.assert_allclose(
        removed["group_contention"].sel(scenario="what if"), same["group_contention"], atol=1e-12
    )
    weight = np.delete(choices.survey_weight, gone)
    prior = np.where(choices.group_of_agent < 0, 3, choices.group_of_agent)
    phi = np.bincount(np.delete(prior, gone), weight, 4) / weight.sum()
    pooled = np.einsum("h,dhk->dk", phi, share)
    expected = np.einsum("dg,gh,dh->d", pooled, choices.areas[0].conflict, pooled)
    np.testing.assert_allclose(removed["contention"].sel(scenario="what if").values[0], expected, atol=1e-12)


def test_an_agent_in_the_population_is_its_share_of_people_like_it():
    """With z and weight 1 for an agent of share ω in its group, the group holds (1 − ω) π + ω z."""
    choices, fit = grouped()
    at = int(np.flatnonzero(choices.group_of_agent == 0)[5])
    where = ("tax", str(choices.agents[at]))
    changed = what_if(fit, goal={where: "z"}, weight={where: 1.0}, by="group")
    changed = changed.sel(scenario="what if", estimand="population", area="tax")
    area = draws_of(fit, choices)[0]
    share, root = (part[:, 0].copy() for part in population_totals(area.density, area.theta))
    own = choices.survey_weight[at] / choices.survey_weight[choices.group_of_agent == 0].sum()
    conflict = choices.areas[0].conflict
    for name, before in (("contention", share), ("misalignment", root)):
        part = (1 - own) * before + own * np.array([0, 0, 1])
        expected = np.einsum("dg,gh,dh->d", part, conflict, part)
        within = changed[f"group_{name}"].sel(group="left", group_other="left").values[0]
        np.testing.assert_allclose(within, expected, atol=1e-12)


def test_weights_given_to_all_make_misalignment_known_where_answers_tell_none():
    """With weight w for everybody misalignment is w times contention."""
    changed = what_if(grouped()[1], weight={"vote": 0.6, "tax": 0.6}).sel(scenario="what if")
    for area in ("vote", "tax"):
        there = changed.sel(area=area)
        np.testing.assert_allclose(there["misalignment"], 0.6 * there["contention"], atol=1e-12)
        np.testing.assert_allclose(there["relative_misalignment"], there["contention"], atol=1e-9)
    some = what_if(grouped()[1], weight={("vote", "left"): 0.6})
    assert some["misalignment"].sel(area="vote").isnull().all()


@pytest.mark.parametrize(
    "changes",
    [
        {"goal": {"area": ("universalistic", 0.4)}},
        {"weight_factor": {"area": 1.6}},
        {"goal": {"area": "particularistic"}, "weight": {"area": 0.5}},
        {"remove": 60},
    ],
    ids=["share", "factor", "all", "remove"],
)
def test_large_groups_agree_with_agents_drawn_one_by_one(changes, monkeypatch):
    """Totals that are drawn as normal give the same scores, but for terms of order 1/n."""
    choices, fit = stouffer_toby()
    name = choices.areas[0].name
    chosen = np.random.default_rng(1).permutation(choices.agents.astype(str))
    fixed = {
        option: list(chosen[:given]) if option == "remove" else {name: next(iter(given.values()))}
        for option, given in changes.items()
    }
    exact = what_if(fit, **fixed)
    monkeypatch.setattr(posterior_states, "EXACT_AGENTS", 20)
    monkeypatch.setattr(posterior_states, "_MOST_EXACT", 20)
    normal = what_if(fit, **fixed)
    for score in SCORES:
        a, b = (x[score].sel(scenario="what if", estimand="sample").values.ravel() for x in (exact, normal))
        assert abs(a.mean() - b.mean()) < 4 * np.sqrt((a.var() + b.var()) / len(a)) + 2 / choices.n_agents
        assert b.std() == pytest.approx(a.std(), rel=0.15, abs=1e-9)


def test_a_refused_fit_needs_leave():
    broken = refused(grouped()[1])
    with pytest.raises(Refused, match="The draws are no good"):
        what_if(broken, goal={"tax": "x"})
    shown = what_if(broken, goal={"tax": "x"}, allow_unreliable=True)
    assert (shown.attrs["state"], shown.attrs["allow_unreliable"]) == ("refused", 1)


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"goal": {"taxx": "x"}}, "unknown-area", "Did you mean 'tax'"),
        ({"goal": {"tax": "w"}}, "unknown-goal", "The goals are 'x', 'y', 'z'; None is no goal."),
        ({"goal": {("tax", "lefft"): "x"}}, "unknown-name", "Did you mean 'left'"),
        ({"goal": {("tax", ("group", "lefft")): "x"}}, "unknown-group", "Did you mean 'left'"),
        ({"goal": {"tax": ("x", 1.2)}}, "goal", "from 0 to 1"),
        ({"weight": {"tax": -0.1}}, "weight", "from 0 to 1"),
        ({"weight": {"tax": float("nan")}}, "weight", "from 0 to 1"),
        ({"weight_factor": {"tax": -1}}, "weight_factor", "not below 0"),
        ({"weight_factor": {"tax": True}}, "weight_factor", "not below 0"),
        ({"conflict": {"tax": {"x|w": 0.1}}}, "conflict-names", "Did you mean"),
        ({"conflict": {"tax": {"x|y": 1.1}}}, "conflict", "from 0 to 1"),
        ({"conflict": {"tax": [[0, 1], [1, 0]]}}, "conflict-shape", "3 × 3"),
        ({"remove": ["nobody at all"]}, "unknown-name", "neither a group nor an agent"),
        ({"remove": [str(i) for i in range(1, 120)]}, "remove", "leaves 1 of 120 agents"),
        ({"group_share": {"left": 0.7, "right": 0.6}}, "group-share", "sum to 1.3"),
        ({"group_share": {"left": 0.7}, "remove": ["left"]}, "group-share", "which is removed"),
        ({"by": "area"}, "by", '"by" is'),
    ],
)
def test_faults_are_named_with_the_nearest_name(changes, code, message):
    with pytest.raises(InputError, match=message.replace("(", r"\(").replace(".", r"\.")) as error:
        what_if(grouped()[1], **changes)
    assert error.value.code == code


def test_a_name_that_is_both_a_group_and_an_agent_must_be_told_apart():
    choices, fit = grouped()
    both = changed_choices(choices, groups=("1", "right", "lone"))
    nothing = dict.fromkeys(("weight", "weight_factor", "conflict", "group_share"))
    with pytest.raises(InputError, match=r'both a group and an agent. Write \("group", "1"\)') as error:
        read_changes(both, draws_of(fit, choices), goal={("tax", "1"): "x"}, remove=(), **nothing)
    assert error.value.code == "ambiguous-name"
    goal = {("tax", ("agent", "1")): "x"}
    tax = read_changes(both, draws_of(fit, choices), goal=goal, remove=(), **nothing).areas[0]
    assert [tax.units.size[unit] for unit, change in enumerate(tax.changes) if change.goal == 0] == [1]


def test_every_fault_is_told_at_once():
    with pytest.raises(InputError) as error:
        what_if(grouped()[1], goal={"taxx": "x"}, weight={"tax": 3}, remove=["nobody at all"])
    assert [fault.code for fault in error.value.faults] == ["unknown-area", "weight", "unknown-name"]
