"""Replicated answers: whose they are, their probabilities, and their limit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from dissensus.inference import replicated_answers
from dissensus.inference.density import evaluate_rows
from dissensus.inference.parameters import draw_prior
from dissensus.inference.replicated_answers import posterior_predictive_answers

from dissensus.errors import InputError

from .builders import CASES, counts_of_agents, density_of
from .predicted import case_density


class TestReplicates:
    @pytest.mark.parametrize("case", CASES)
    def test_every_answer_belongs_to_its_item(self, case):
        """Replicates have the answering pattern of the data, option by option, and follow the seed."""
        choices = CASES[case]()
        density = density_of(choices)
        theta = draw_prior(density.parameters, 3, np.random.default_rng(1))
        new = posterior_predictive_answers(density, theta, seed=5)
        assert (density.area.item_of_option[new.option] == new.item).all()
        assert not density.table.ignored[new.option].any()
        times = np.zeros((choices.n_agents, len(density.area.items)), dtype=int)
        np.add.at(times, (new.agent, new.item), 1)
        kept = replace(density.area, counts=density.area.counts * ~density.table.ignored)
        assert (times == kept.item_answers[density.area.pattern_of_agent]).all()
        assert (np.diff(new.agent) >= 0).all()
        assert (posterior_predictive_answers(density, theta, seed=5).option == new.option).all()

    @pytest.mark.parametrize("case", ["follow", "luce, no goal", "groups and agents in none"])
    def test_answers_have_the_probabilities_of_the_model(self, case):
        """Patterns of replicated answers are as frequent as the likelihood of the rows says."""
        choices = CASES[case]()
        density = density_of(choices)
        theta = draw_prior(density.parameters, 1, np.random.default_rng(2))
        new = posterior_predictive_answers(density, np.repeat(theta, 4_000, axis=0), seed=6)
        loglik = evaluate_rows(density, theta)[2].row_loglik[0]
        counts = counts_of_agents(density.area)
        hits = np.zeros((4_000, choices.n_agents))
        for i in range(choices.n_agents):
            observed = np.sort(np.repeat(np.arange(density.n_options), counts[i]))
            hits[:, i] = (np.sort(new.option[:, new.agent == i], axis=1) == observed).all(axis=1)
        expected = np.exp(loglik[density.rows.row_of_agent])
        error = np.sqrt(expected * (1 - expected) / len(hits))
        assert (np.abs(hits.mean(axis=0) - expected) <= 5 * error + 1e-3).all()

    def test_too_many_are_refused_with_the_number_that_fits(self, monkeypatch):
        """Memory is looked at before anything is drawn."""
        monkeypatch.setattr(replicated_answers, "MOST_ANSWERS", 1_000)
        density = case_density("follow")
        theta = np.zeros((40, density.size))
        with pytest.raises(InputError, match="Ask for at most 31 draws") as error:
            posterior_predictive_answers(density, theta)
        assert error.value.code == "too-large"
