"""Columns that goals and weights depend on, and periods: read, checked, written, simulated."""

import numpy as np
import pandas as pd
import pytest
from dissensus.datasets.covariates import MAX_STRATA, Covariate, numeric, strata
from dissensus.datasets.periods import steps, walk
from dissensus.datasets.study import Table

from dissensus import datasets
from dissensus.errors import InputError

_AREAS = {"x": {"goals": ["A", "B"], "conflict": 1.0, "items": {"q": {"serves": {"a": "A", "b": "B"}}}}}


def _study(**table):
    return datasets.Study.from_dict({"table": {"agent": "id", **table}, "areas": _AREAS})


def _frame(**columns):
    n = len(next(iter(columns.values())))
    return pd.DataFrame({"id": np.arange(n), "q": np.resize(["a", "b"], n), **columns})


def _codes(error):
    return [fault.code for fault in error.value.faults]


def _refused(frame, **table):
    with pytest.raises(InputError) as error:
        datasets.read_table(frame, _study(**table))
    return error


def test_numbers_and_levels():
    frame = _frame(age=[20.0, 30.5, 41, 20, 50, 61, 72, 33, 34, 35, 36, 37], region=["n", "s"] * 6)
    choices = datasets.read_table(frame, _study(depends_on=["age", "region"]))
    age, region = choices.covariates
    assert age.numeric
    np.testing.assert_array_equal(age.value, frame["age"])
    assert age.centre == pytest.approx(frame["age"].mean())
    assert age.scale == pytest.approx(frame["age"].std(ddof=0))
    assert region.levels == ("n", "s")
    assert region.effects == ("region = n", "region = s")
    np.testing.assert_allclose(age.columns(age.value).mean(), 0, atol=1e-12)
    assert any(finding.code == "numeric-covariate" for finding in choices.findings)


def test_levels_sum_to_zero_whatever_their_order():
    one = Covariate("r", ("a", "b", "c"), np.zeros(3))
    np.testing.assert_allclose(one.basis.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(one.basis.T @ one.basis, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(one.columns(np.arange(3.0)), one.basis)


def test_bins_make_levels():
    frame = _frame(age=[10, 29, 30, 59, 60, 61])
    (age,) = datasets.read_table(frame, _study(depends_on=["age"], covariates={"age": {"bins": [30, 60]}})).covariates
    assert age.levels == ("below 30", "30 to below 60", "60 and above")
    assert age.value.tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("values", "known"), [([1, 2, 3, 1, 2, 3], False), (["1", "x", "3"] * 2, False), (["u", "v", "w"] * 2, True)]
)
def test_whole_numbers_may_be_codes_so_the_study_says(values, known):
    frame = _frame(code=values)
    if known:
        assert not datasets.read_table(frame, _study(depends_on=["code"])).covariates[0].numeric
        return
    error = _refused(frame, depends_on=["code"])
    assert _codes(error) == ["unknown-kind"]
    assert 'kind = "categorical"' in str(error.value)


def test_missing_values_are_errors_or_a_level():
    frame = _frame(age=[20.5, None, 41, 50], region=["n", "", "s", "n"])
    error = _refused(frame, depends_on=["age", "region"])
    assert _codes(error) == ["covariate-missing"] * 2
    study = _study(depends_on=["age", "region"], covariate_missing="level")
    age, region = datasets.read_table(frame, study).covariates
    assert age.effects[1] == "age missing"
    assert age.columns(age.value)[1].tolist() == [0, 1]
    assert region.levels == ("n", "s", "missing")


def test_faults_of_columns_have_lines(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("id,q,age,region\n1,a,20,n\n2,b,old,s\n3,a,30,west\n")
    table = {
        "depends_on": ["age", "region"],
        "covariates": {"age": {"kind": "numeric"}, "region": {"levels": ["n", "s"]}},
    }
    error = _refused(path, **table)
    assert [(fault.code, fault.line) for fault in error.value.faults] == [("bad-number", 3), ("unknown-level", 4)]


def test_an_agent_has_one_value():
    raw = {
        "table": {"layout": "long", "agent": "id", "item": "item", "answer": "answer", "depends_on": ["region"]},
        "areas": {"x": {**_AREAS["x"], "items": {n: {"serves": {"a": "A", "b": "B"}} for n in "qr"}}},
    }
    frame = pd.DataFrame(
        {"id": [1, 1, 2, 2], "item": list("qrqr"), "answer": list("abab"), "region": ["n", "s", "n", "n"]}
    )
    with pytest.raises(InputError, match="covariate of the agent differs"):
        datasets.read_table(frame, datasets.Study.from_dict(raw))


def test_a_column_that_does_not_vary_is_an_error():
    assert _codes(_refused(_frame(region=["n"] * 4), depends_on=["region"])) == ["constant-covariate"]


def test_too_many_kinds_of_agents_are_an_error_with_the_remedy():
    frame = _frame(age=np.arange(MAX_STRATA + 1) + 0.5)
    error = _refused(frame, depends_on=["age"])
    assert _codes(error) == ["many-strata"]
    assert "bins" in error.value.faults[0].remedy


@pytest.mark.parametrize(
    ("table", "code"),
    [
        ({"depends_on": ["a", "a"]}, "wrong-value"),
        ({"depends_on": ["id"]}, "wrong-value"),
        ({"depends_on": ["a"], "covariates": {"b": {}}}, "unknown-covariate"),
        ({"depends_on": ["a"], "covariates": {"a": {"kinds": "x"}}}, "unknown-key"),
        ({"depends_on": ["a"], "covariates": {"a": {"bins": [2, 1]}}}, "wrong-value"),
        ({"depends_on": ["a"], "covariates": {"a": {"bins": [2], "kind": "categorical"}}}, "wrong-value"),
        ({"depends_on": ["a"], "covariates": {"a": {"levels": ["u"]}}}, "wrong-value"),
        ({"depends_on": ["a"], "covariates": {"a": {"levels": ["u", "v"], "kind": "numeric"}}}, "wrong-value"),
        ({"covariate_missing": "level"}, "wrong-value"),
        ({"period": "when", "group": "side"}, "not-supported"),
        ({"periods": ["1", "2"]}, "missing-key"),
        ({"period": "when", "periods": ["1", "1"]}, "wrong-value"),
    ],
)
def test_faults_of_the_study(table, code):
    with pytest.raises(InputError) as error:
        _study(**table)
    assert code in _codes(error)


def test_a_study_without_these_keys_is_stored_as_before():
    assert not {"depends_on", "covariates", "covariate_missing", "period", "periods"} & set(_study().to_dict()["table"])


def test_study_goes_through_its_dictionary():
    study = _study(depends_on=["age"], covariates={"age": {"bins": [30.0, 60.0]}}, period="when", periods=["1", "2"])
    assert datasets.Study.from_dict(study.to_dict()) == study


def test_strata_are_agents_of_one_group_with_equal_values():
    group = np.array([0, 0, 1, -1, 0])
    age = numeric("age", np.array([1.0, 2, 1, 1, 1]))
    found = strata((age,), group, 2)
    assert found.of_agent.tolist() == [0, 1, 2, 3, 0]
    assert found.group.tolist() == [0, 0, 1, 2]


def test_periods_are_groups_in_their_order():
    choices = datasets.read_table(_frame(when=["9", "10", "9", "11"]), _study(period="when"))
    assert choices.groups == ("9", "10", "11")
    assert choices.group_of_agent.tolist() == [0, 1, 0, 2]
    assert [finding.code for finding in choices.findings if finding.code == "order-of-periods"]


def test_an_agent_asked_twice_is_two_agents_and_that_is_said():
    frame = pd.DataFrame({"id": [1, 2, 1], "q": list("aba"), "when": ["1", "1", "2"]})
    choices = datasets.read_table(frame, _study(period="when"))
    assert choices.agents.tolist() == ["1 (1)", "2 (1)", "1 (2)"]
    assert [finding.state for finding in choices.findings if finding.code == "panel"] == ["caution"]


def test_unknown_and_missing_periods_are_errors():
    error = _refused(_frame(when=["1", "3", "", "2"]), period="when", periods=["1", "2"])
    assert sorted(_codes(error)) == ["period-missing", "unknown-period"]


def test_the_walk_is_centred_with_steps_as_long_as_the_gaps():
    table = Table(period="when", periods=("a", "b", "c", "d"))
    path = walk(steps(table, ("a", "b", "d")))
    np.testing.assert_allclose(path.sum(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(np.square(np.diff(path, axis=0)).sum(axis=1), [1, 2])


@pytest.mark.parametrize(
    "table",
    [
        {"depends_on": ["age", "region"], "covariates": {"age": {"kind": "numeric"}, "region": {"levels": ["n", "s"]}}},
        {"depends_on": ["age"], "covariates": {"age": {"bins": [2.5, 5.0]}}},
        {"period": "when", "periods": ["one", "two", "three"]},
    ],
)
def test_simulated_choices_are_read_as_they_were_written(table, tmp_path):
    choices = datasets.simulate(_study(**table), 60, seed=1)
    datasets.write_table(choices, tmp_path / "t.csv")
    again = datasets.read_table(tmp_path / "t.csv", choices.study)
    assert again.data_hash == choices.data_hash
    assert again.groups == choices.groups


def test_simulated_goals_follow_the_covariates():
    raw = {"goal_share": [0.5, 0.5], "covariate_goal": [[2.0, -2.0]]}
    age = np.repeat([-1.0, 1.0], 500)
    study = _study(depends_on=["age"], covariates={"age": {"kind": "numeric"}})
    choices = datasets.simulate(study, 1000, seed=1, truth={"x": raw}, covariates={"age": age})
    held = (choices.truth.goals["x"] == "A").to_numpy()
    expected = 1 / (1 + np.exp(-4.0))  # the effects of the two goals are 2 and −2
    assert held[500:].mean() == pytest.approx(expected, abs=0.03)
    assert held[:500].mean() == pytest.approx(1 - expected, abs=0.03)


@pytest.mark.parametrize(
    ("given", "words"),
    [({"height": [1, 2]}, "'depends_on' of the study names age"), ({"age": [1, 2]}, "shape")],
)
def test_simulation_refuses_other_columns(given, words):
    study = _study(depends_on=["age"], covariates={"age": {"kind": "numeric"}})
    with pytest.raises(ValueError, match=words):
        datasets.simulate(study, 10, seed=1, covariates=given)
