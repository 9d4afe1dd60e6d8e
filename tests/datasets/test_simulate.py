"""Simulated choices: what they were made from, what they look like, and the table they are written to."""

import numpy as np
import pyarrow.csv
import pyarrow.parquet
import pytest
from dissensus.datasets.parameters import draw_parameters
from dissensus.datasets.study import Study
from dissensus.datasets.writing import to_arrow
from scipy import stats

from dissensus import datasets

SIGMAS = 4.5
"""Monte-Carlo standard errors allowed; with fixed seeds nothing is left to chance but the first run."""

AREA = """
[areas.park]
goals = ["build", "keep", "close"]
conflict = 1.0
{extra}
"""
ITEM = """
[areas.park.items.q{number}]
serves = {{ a = "build", b = ["keep"], c = ["close", "keep"], d = [] }}
"""


def make(items=3, extra="", table="", priors="", item=ITEM):
    body = table + AREA.format(extra=extra) + "".join(item.format(number=k) for k in range(1, items + 1)) + priors
    return Study.from_text(body)


def band(p, n):
    """Half-width of the band around a probability estimated from n draws."""
    return SIGMAS * np.sqrt(p * (1 - p) / n) + 1e-12


def per_agent(choices, area_name, item):
    """Option chosen by each agent, -1 for none, of an item answered once."""
    area = choices.area(area_name)
    counts = area.counts[:, area.item_of_option == area.items.index(item)]
    return np.where(counts.any(axis=1), counts.argmax(axis=1), -1)[area.pattern_of_agent]


TRUTH = {
    "park": {
        "goal_share": [0.5, 0.3, 0.2],
        "weight_mean": 0.6,
        "weight_concentration": 4.0,
        "baseline": [0.1, 0.2, 0.3, 0.4] * 3,
    }
}


class TestTruth:
    def test_goals_and_weights_follow_their_parameters(self):
        """Goal shares and the Beta of weights, within bands of the sample size."""
        n = 40_000
        choices = datasets.simulate(make(), n, seed=1, truth=TRUTH)
        truth = choices.truth
        assert truth.goals.shape == truth.weights.shape == (n, 1)
        for goal, share in zip(("build", "keep", "close"), TRUTH["park"]["goal_share"], strict=True):
            assert abs((truth.goals["park"] == goal).mean() - share) < band(share, n)
        beta = stats.beta(1 + 0.6 * 4, 1 + 0.4 * 4)
        weights = truth.weights["park"].to_numpy()
        assert abs(weights.mean() - beta.mean()) < SIGMAS * beta.std() / np.sqrt(n)
        assert stats.kstest(weights, beta.cdf).pvalue > 1e-4

    @pytest.mark.parametrize("rule", ["follow", "luce"])
    def test_answers_follow_the_choice_rule(self, rule):
        """Answers given the goal against the rule averaged over the weights these agents have."""
        n = 40_000
        choices = datasets.simulate(make(extra=f'rule = "{rule}"'), n, seed=2, truth=TRUTH)
        baseline = np.array([0.1, 0.2, 0.3, 0.4])
        serving = {"build": [1, 0, 0, 0], "keep": [0, 1, 1, 0], "close": [0, 0, 1, 0]}
        for goal, row in serving.items():
            holders = (choices.truth.goals["park"] == goal).to_numpy()
            w = choices.truth.weights["park"].to_numpy()[holders, None]
            served = np.array(row)
            if rule == "follow":
                p = w * served / served.sum() + (1 - w) * baseline
            else:
                p = baseline * np.exp(3.0 * w * served)
                p /= p.sum(axis=1, keepdims=True)
            for item in ("q1", "q2", "q3"):
                seen = np.bincount(per_agent(choices, "park", item)[holders], minlength=4) / holders.sum()
                sd = np.sqrt((p * (1 - p)).mean(axis=0) / holders.sum())
                assert (np.abs(seen - p.mean(axis=0)) < SIGMAS * sd).all()

    def test_no_goal_has_weight_zero_and_follows_the_baseline(self):
        """The last share belongs to agents without a goal."""
        n = 40_000
        given = {"park": {**TRUTH["park"], "goal_share": [0.2, 0.2, 0.2, 0.4]}}
        choices = datasets.simulate(make(extra="no_goal = true"), n, seed=3, truth=given)
        without = choices.truth.goals["park"].map(lambda goal: goal is None).to_numpy()
        assert abs(without.mean() - 0.4) < band(0.4, n)
        assert (choices.truth.weights["park"].to_numpy()[without] == 0).all()
        assert (choices.truth.weights["park"].to_numpy()[~without] > 0).all()
        seen = np.bincount(per_agent(choices, "park", "q1")[without], minlength=4) / without.sum()
        for share, expected in zip(seen, (0.1, 0.2, 0.3, 0.4), strict=True):
            assert abs(share - expected) < band(expected, without.sum())

    def test_an_item_that_serves_no_goal_is_chosen_by_the_baseline(self):
        """A goal that no option serves leaves the choice to the baseline."""
        item = '[areas.park.items.q{number}]\nserves = {{ a = "build", b = [] }}\n'
        given = {"park": {"goal_share": [0, 1, 0], "baseline": [0.3, 0.7] * 2}}
        choices = datasets.simulate(make(items=2, item=item), 20_000, seed=4, truth=given)
        share = (per_agent(choices, "park", "q2") == 0).mean()
        assert abs(share - 0.3) < band(0.3, 20_000)

    def test_groups_have_their_own_parameters(self):
        """Sizes are exact, goals follow the shares of the group."""
        given = {"park": {"group_goal_share": [[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]], "group_weight_mean": [0.9, 0.1]}}
        choices = datasets.simulate(make(), 30_000, seed=5, truth=given, groups={"left": 2, "right": 1})
        assert choices.groups == ("left", "right")
        assert np.bincount(choices.group_of_agent).tolist() == [20_000, 10_000]
        for group, n in enumerate((20_000, 10_000)):
            members = choices.group_of_agent == group
            share = (choices.truth.goals["park"] == "build").to_numpy()[members].mean()
            expected = given["park"]["group_goal_share"][group][0]
            assert abs(share - expected) < band(expected, n)
        weights = choices.truth.weights["park"].groupby(choices.group_of_agent).mean()
        assert weights[0] > weights[1]

    def test_equal_groups_by_name(self):
        """Names alone give groups whose sizes differ by one at most."""
        choices = datasets.simulate(make(), 32, seed=6, groups=["x", "y", "z"])
        assert sorted(np.bincount(choices.group_of_agent).tolist()) == [10, 11, 11]

    def test_parameters_of_a_simulation_make_another(self):
        """What was drawn can be given."""
        study = make(extra="no_goal = true")
        first = datasets.simulate(study, 500, seed=7, groups=["x", "y"])
        second = datasets.simulate(study, 500, seed=8, groups=["x", "y"], truth=first.truth.parameters)
        for name, value in first.truth.parameters["park"].items():
            assert np.array_equal(value, second.truth.parameters["park"][name])
        assert first.data_hash != second.data_hash


class TestPriors:
    def test_parameters_follow_the_priors(self):
        """Dirichlet, Beta, Gamma and zero-sum normal logits of covariance sd²(I − 1/n)."""
        study = make(items=1, priors="[priors]\nbaseline_sd = 0.7\n", extra="no_goal = true")
        rng = np.random.default_rng(9)
        draws = [draw_parameters(study.areas[0], study.priors, rng) for _ in range(4_000)]
        share = np.array([draw["goal_share"] for draw in draws])
        assert share.shape == (4_000, 4)
        assert stats.kstest(share[:, 0], stats.beta(1, 3).cdf).pvalue > 1e-4
        assert stats.kstest([draw["weight_mean"] for draw in draws], stats.beta(2, 2).cdf).pvalue > 1e-4
        assert stats.kstest([draw["weight_concentration"] for draw in draws], stats.gamma(4).cdf).pvalue > 1e-4
        logits = np.log([draw["baseline"] for draw in draws])
        logits -= logits.mean(axis=1, keepdims=True)
        scale = 0.7 * np.sqrt(1 - 1 / 4)
        assert stats.kstest(logits[:, 2], stats.norm(scale=scale).cdf).pvalue > 1e-4
        assert np.cov(logits.T)[0, 1] == pytest.approx(-(0.7**2) / 4, abs=SIGMAS * scale**2 / np.sqrt(4_000))

    def test_groups_deviate_by_the_group_scale(self):
        """Logits of goals deviate zero-sum about the common ones, the logit of the mean weight freely."""
        study = make(items=2, priors="[priors]\ngroup_sd = 0.4\n")
        draw = draw_parameters(study.areas[0], study.priors, np.random.default_rng(10), n_groups=3_000)
        step = np.log(draw["group_goal_share"]) - np.log(draw["goal_share"])
        step -= step.mean(axis=1, keepdims=True)
        assert stats.kstest(step[:, 1], stats.norm(scale=0.4 * np.sqrt(2 / 3)).cdf).pvalue > 1e-4
        m, common = draw["group_weight_mean"], draw["weight_mean"]
        step = np.log(m / (1 - m)) - np.log(common / (1 - common))
        assert stats.kstest(step, stats.norm(scale=0.4).cdf).pvalue > 1e-4

    def test_uniform_baseline_is_uniform(self):
        """A declared uniform baseline is not drawn."""
        choices = datasets.simulate(make(extra='baseline = "uniform"'), 50, seed=11)
        assert choices.truth.parameters["park"]["baseline"].tolist() == [0.25] * 12


class TestOneAnswer:
    def test_one_item_is_answered_at_face_value(self):
        """With one answer per agent the goal decides alone, and shares of goals are the only parameters."""
        choices = datasets.simulate(make(items=1), 400, seed=12)
        assert list(choices.truth.parameters["park"]) == ["goal_share"]
        assert (choices.truth.weights["park"] == 1).all()
        option = per_agent(choices, "park", "q1")
        goal = choices.truth.goals["park"].to_numpy()
        assert (option[goal == "build"] == 0).all()
        assert np.isin(option[goal == "keep"], [1, 2]).all()
        assert (option[goal == "close"] == 2).all()

    def test_unseen_parameters_cannot_be_given(self):
        """A weight that plays no part is refused, not ignored."""
        with pytest.raises(ValueError, match=r"'weight_mean' in area 'park'; the parameters are goal_share$"):
            datasets.simulate(make(items=1), 20, truth={"park": {"weight_mean": 0.5}})


class TestSeeds:
    def test_same_seed_same_choices(self):
        """Data and truth repeat; another seed gives others; no seed gives new ones."""
        study = make(extra="no_goal = true")
        first, again, other = (datasets.simulate(study, 300, seed=s, missing=0.1) for s in (1, 1, 2))
        assert first.data_hash == again.data_hash != other.data_hash
        assert first.truth.goals.equals(again.truth.goals)
        assert first.truth.weights.equals(again.truth.weights)
        assert datasets.simulate(study, 300).data_hash != datasets.simulate(study, 300).data_hash

    def test_what_is_given_for_one_area_leaves_others(self):
        """Each area has its own stream."""
        two = Study.from_text(
            "\n".join(
                f'[areas.{a}]\ngoals = ["x", "y"]\nconflict = 1.0\n'
                + "".join(f'[areas.{a}.items.{a}{k}]\nserves = {{ u = "x", v = "y" }}\n' for k in (1, 2))
                for a in ("first", "second")
            )
        )
        free = datasets.simulate(two, 200, seed=3)
        given = datasets.simulate(two, 200, seed=3, truth={"first": {"goal_share": [0.9, 0.1]}})
        assert free.truth.goals["second"].equals(given.truth.goals["second"])
        assert per_agent(free, "second", "second2").tolist() == per_agent(given, "second", "second2").tolist()

    def test_a_generator_moves_on(self):
        """One generator gives different data each time, the same from the same start."""
        study = make()

        def pair(rng):
            return [datasets.simulate(study, 100, seed=rng).data_hash for _ in range(2)]

        first, second = pair(np.random.default_rng(4)), pair(np.random.default_rng(4))
        assert first == second
        assert first[0] != first[1]


class TestMissing:
    def test_answers_go_missing_at_random(self):
        """The share of missing answers is the one asked for; agents without any are left out with their truth."""
        n = 20_000
        choices = datasets.simulate(make(), n, seed=13, missing=0.5)
        area = choices.area("park")
        answered = area.n_answers[area.pattern_of_agent].sum()
        assert abs(answered / (3 * n) - 0.5) < band(0.5, 3 * n)
        silent = n - choices.n_agents
        assert abs(silent / n - 0.125) < band(0.125, n)
        assert list(choices.truth.goals.index) == choices.agents.tolist()
        assert any(finding.code == "silent-agents" for finding in choices.findings)


LONG = '[table]\nlayout = "long"\nagent = "who"\nitem = "what"\nanswer = "said"\n'
REPEATED = ITEM + "repeated = true\n"


class TestRepeated:
    def test_repeated_items_hold_counts(self):
        """Every agent answers as often as asked, and the counts follow the rule."""
        n = 5_000
        study = make(table=LONG, item=REPEATED)
        choices = datasets.simulate(study, n, seed=14, truth=TRUTH, answers_per_item=7)
        area = choices.area("park")
        assert (area.item_answers == 7).all()
        w = choices.truth.weights["park"].to_numpy()
        build = (choices.truth.goals["park"] == "build").to_numpy()
        p = w[build] + (1 - w[build]) * 0.1
        seen = area.counts[area.pattern_of_agent][build, 0]
        assert abs(seen.mean() - 7 * p.mean()) < SIGMAS * np.sqrt(7 * (p * (1 - p)).mean() / build.sum())

    def test_missing_thins_the_counts(self):
        """Each of the repeated answers goes missing by itself."""
        choices = datasets.simulate(make(table=LONG, item=REPEATED), 4_000, seed=15, missing=0.25, answers_per_item=4)
        area = choices.area("park")
        assert abs(area.item_answers[area.pattern_of_agent].mean() / 4 - 0.75) < band(0.75, 4_000 * 12)


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"n_agents": 1}, "'n_agents' is 1; a score needs at least two"),
            ({"missing": 1.0}, "'missing' is 1.0; it is a probability below 1"),
            ({"answers_per_item": 0}, "'answers_per_item' is 0; it is at least 1"),
            ({"truth": {"lake": {}}}, "names the area 'lake'; the areas are park"),
            (
                {"truth": {"park": {"goals": [1, 0, 0]}}},
                "'goals' in area 'park'; the parameters are goal_share, weight_mean",
            ),
            ({"truth": {"park": {"group_goal_share": [[1, 0, 0]]}}}, "'group_goal_share' in area 'park'"),
            ({"truth": {"park": {"goal_share": [0.5, 0.5]}}}, r"of shape \(2,\); it should be \(3,\)"),
            ({"truth": {"park": {"goal_share": [0.5, 0.5, 0.5]}}}, "with sums 1.5; they should be 1"),
            ({"truth": {"park": {"baseline": [0.25] * 11 + [0.5]}}}, "with sums .*1.25"),
            ({"truth": {"park": {"weight_mean": 1.2}}}, "should lie between 0 and 1"),
            ({"truth": {"park": {"weight_mean": np.nan}}}, "should lie between 0 and 1"),
            ({"truth": {"park": {"weight_concentration": -1}}}, "should be positive"),
            ({"groups": {"x": 1, "y": 0}}, "distinct names and positive shares"),
            ({"groups": ["x", "x"]}, "distinct names and positive shares"),
        ],
    )
    def test_arguments_out_of_range(self, arguments, message):
        """The message names the argument, the value and what is allowed."""
        n_agents = arguments.pop("n_agents", 20)
        with pytest.raises(ValueError, match=message):
            datasets.simulate(make(), n_agents, seed=1, **arguments)

    def test_zero_baseline_under_luce(self):
        """The logarithm of a baseline of 0 is refused."""
        truth = {"park": {"baseline": [0, 0.5, 0.25, 0.25] * 3}}
        with pytest.raises(ValueError, match="'luce' takes the logarithm"):
            datasets.simulate(make(extra='rule = "luce"'), 20, truth=truth)


ODD = """
[areas."a, b"]
goals = ["g", "h"]
conflict = 1.0
[areas."a, b".items."=x"]
serves = { "=SUM(A1)" = "g", "+1" = "h", "-1" = [], "@y" = [] }
[areas."a, b".items."NA"]
serves = { "null" = "g", "NA" = "h", "TRUE" = [], "007" = [], "7" = [] }
[areas."a, b".items."say ""]
serves = { "a, \\"quoted\\"" = "g", "semi;colon" = "h", "ä é 山" = [], " lead" = [] }
"""


def round_trip(choices, path):
    datasets.write_table(choices, path)
    return datasets.read_table(path, choices.study)


class TestWriteTable:
    @pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
    @pytest.mark.parametrize("missing", [0.0, 0.4])
    @pytest.mark.parametrize("layout", ["wide", "long", "repeated"])
    def test_round_trip(self, tmp_path, suffix, missing, layout):
        """What is written reads as the same choices, for every layout and format."""
        item = REPEATED if layout == "repeated" else ITEM
        study = make(table="" if layout == "wide" else LONG, item=item, extra="no_goal = true")
        choices = datasets.simulate(study, 200, seed=16, missing=missing, groups=["p", "q"])
        again = round_trip(choices, tmp_path / f"table{suffix}")
        assert again.data_hash == choices.data_hash
        assert again.groups == choices.groups
        assert sorted(path.name for path in tmp_path.iterdir()) == [f"table{suffix}"]

    @pytest.mark.parametrize("suffix", [".csv", ".parquet"])
    def test_labels_are_kept_exactly(self, tmp_path, suffix):
        """Formula-like, null-like and quoted labels are data."""
        study = Study.from_text(ODD.replace('"say ""', "'say \"'"))
        choices = datasets.simulate(study, 300, seed=17, missing=0.2)
        again = round_trip(choices, tmp_path / f"t{suffix}")
        assert again.data_hash == choices.data_hash

    def test_agents_without_answers_do_not_shift_labels(self, tmp_path):
        """Labels are written even where the study names no agent column."""
        choices = datasets.simulate(make(items=2), 100, seed=18, missing=0.7)
        assert choices.n_agents < 100
        assert choices.study.table.agent == "agent"
        assert round_trip(choices, tmp_path / "t.csv").data_hash == choices.data_hash

    def test_merged_groups_are_written_by_a_code(self, tmp_path):
        """A group that merges codes is written as its first code."""
        table = '[table]\nagent = "id"\ngroup = "party"\n[table.groups]\nleft = ["0", "1"]\nright = ["2"]\n'
        choices = datasets.simulate(make(table=table), 50, seed=19, groups=["left", "right"])
        path = tmp_path / "t.csv"
        again = round_trip(choices, path)
        assert again.data_hash == choices.data_hash
        columns = pyarrow.csv.read_csv(path)
        assert set(columns["party"].to_pylist()) == {0, 2}

    def test_real_table_is_written_back(self, tmp_path):
        """Also a table that was read, not simulated."""
        choices = datasets.load("stouffer_toby")
        assert round_trip(choices, tmp_path / "t.csv").data_hash == choices.data_hash

    def test_declared_columns(self, tmp_path):
        """A wide table has the agent and the items, null for no answer; text throughout."""
        choices = datasets.simulate(make(items=2), 60, seed=20, missing=0.3)
        datasets.write_table(choices, tmp_path / "t.parquet")
        table = pyarrow.parquet.read_table(tmp_path / "t.parquet")
        assert table.column_names == ["agent", "q1", "q2"]
        assert {str(kind) for kind in table.schema.types} == {"string"}
        assert table.equals(to_arrow(choices))
        assert table["q1"].null_count + table["q2"].null_count > 0

    def test_other_endings_are_refused(self, tmp_path):
        """The format is that of the ending."""
        with pytest.raises(ValueError, match=r"should end in \.csv, \.tsv, \.tab or \.parquet"):
            datasets.write_table(datasets.simulate(make(), 20, seed=1), tmp_path / "t.xlsx")

    def test_existing_file_survives_a_failure(self, tmp_path, monkeypatch):
        """The old file is there until the new one is complete, and no part of the new one is left."""

        def broken(table, part, options):
            part.write_text("agent,q1")
            raise OSError("no space left")

        path = tmp_path / "t.csv"
        path.write_text("old")
        monkeypatch.setattr(pyarrow.csv, "write_csv", broken)
        with pytest.raises(OSError, match="no space left"):
            datasets.write_table(datasets.simulate(make(), 20, seed=1), path)
        assert path.read_text() == "old"
        assert [entry.name for entry in tmp_path.iterdir()] == ["t.csv"]
