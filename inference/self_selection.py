"""Self-selected answers: the densities under other odds, what everybody would answer, and what a reader is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .area_fit import AreaFit
from .area_scores import shares_of_priors
from .density import AreaDensity, area_table, chunks, state_prior
from .option_table import log_option_probability
from .parameters import constrain

Array = NDArray[np.float64]


def answers_of_population(density: AreaDensity, theta: Array, shares: Array) -> Array:
    """Return the probability of every answer to an agent of the population, were it recorded in any case.

    Parameters
    ----------
    density
        Density of an area whose answers are selected.
    theta
        Parameter vectors, (draw, coordinate).
    shares
        Share of each group in the population, those in none last, (group,).

    Returns
    -------
    ndarray
        (draw, answer), for the answers of :class:`~dissensus.inference.selection_table.SelectionTable`.
    """
    table = density.table
    assert table.selection is not None and table.answers is not None
    found = np.empty((len(theta), len(table.selection.answers)))
    share = shares_of_priors(density, shares)
    for part in chunks(density, len(theta)):
        values = constrain(density.parameters, theta[part], density.n_options)
        logits = values.baseline_logits[..., table.selection.answers]
        p = np.exp(log_option_probability(np, table.answers, logits, values.scale))
        found[part] = np.einsum("h,dhs,dso->do", share, np.exp(state_prior(density, values)), p)
    return found


def other_odds(density: AreaDensity) -> Iterator[tuple[str, AreaDensity]]:
    """Yield in words other odds of recording, and the density under them.

    They are: all answers recorded alike, as if nothing were selected; and where nothing was shown at random, which
    would tell the odds, both ends of the ranges in the study, and half and twice the odds stated as numbers.

    Parameters
    ----------
    density
        Density of an area; nothing is yielded where no answer is selected.
    """
    recorded = density.area.recorded
    if recorded is None:
        return
    middle, sd = recorded.prior
    spread = 1.6448536269514722 * sd
    stated = recorded.log_odds != 0
    ways = [("all recorded alike", np.zeros(len(middle)), np.zeros(len(stated)))]
    for word, sign in (("low", -1.0), ("high", 1.0)) if not recorded.at_random.any() else ():
        text = f"{word} end of the range" if len(middle) else ("× 1/2" if sign < 0 else "× 2")
        ways.append((text, middle + sign * spread, np.where(stated, recorded.log_odds + sign * np.log(2), 0.0)))
    for word, unknown, known in ways:
        log_odds = np.where(recorded.selected[density.area.item_of_option], known + recorded.basis @ unknown, 0.0)
        none = np.zeros((len(log_odds), 0))
        fixed = replace(recorded, log_odds=log_odds, basis=none, prior=np.zeros((2, 0)), names=())
        area = replace(density.area, recorded=fixed)
        parameters = replace(density.parameters, odds=None)
        yield word, replace(density, area=area, table=area_table(area, density.states), parameters=parameters)


def on_selection(fit: AreaFit) -> str:
    """Return how the answers of an area are selected, and what tells by how much; empty where they are not."""
    area, recorded = fit.density.area, fit.density.area.recorded
    if recorded is None:
        return ""
    options = np.array(area.options, dtype=object)
    stated = {str(options[o]): np.exp(recorded.log_odds[o]) for o in np.flatnonzero(recorded.log_odds)}
    said = [f"{name} by odds of {odds:.3g}" for name, odds in stated.items()]
    if recorded.names:
        theta = fit.flat[:, fit.density.parameters.slices["odds"]]
        low, middle, high = np.exp(np.quantile(theta, [0.05, 0.5, 0.95], axis=0))
        found = zip(recorded.names, low, middle, high, strict=True)
        said += [f"{name} by odds of {m:.2g} [{a:.2g}, {b:.2g}]" for name, a, m, b in found]
    what = f"{area.name}: agents choose what they answer, and some answers are recorded sooner: {', '.join(said)}."
    if recorded.at_random.any() and recorded.names:
        return (
            f"{what} Answers to what was shown at random tell these odds, taken to be alike for all agents and items."
        )
    ranges = " The intervals of the scores allow for the range." if recorded.names else ""
    follows = area.rule == "follow" or fit.density.face_value
    why = "Nothing else" if follows else "Under luce odds and baselines cannot be told apart: nothing"
    return (
        f"{what} {why} in these answers tells the odds but the study, and the scores depend on them: see "
        f"`dissensus check RESULT --conventions`.{ranges}"
    )
