"""Answers given by habit instead of by a goal: at random, in a straight line, or with a favoured label.

Suppose that a share ε of agents answers in such a style, so that a set of answers y has probability
(1 − ε) f(y) + ε h(y), with f that of the model and h that of the style:

    careless        every option of an item alike
    straight line   one label, drawn at random, wherever an item offers it
    favoured label  as the model says, but 0.4 of the answers are one label, drawn at random for each agent

What speaks for the style is D = Σ_i T(y_i) − n E T, with T = h / (0.9 f + 0.1 h): the score of ε, taken at 0.1 so that
no rare set of answers decides alone. Whole sets of answers are looked at because little of a style shows in pairs of
items: baselines and weights make up for nearly all of it there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from .density import AreaDensity, option_log_probability, state_prior
from .discrepancy import Discrepancy
from .expected_patterns import Patterns
from .marginal import evaluate
from .parameters import constrain

Array = NDArray[np.float64]

SHARE = 0.1
"""Share of agents with the style at which the score is taken."""
HABIT = 0.4
"""Share of answers that an agent with a favoured label gives by habit."""
FEWEST_ITEMS = 3
"""Items with a label in common, and items in all, below which nothing is said."""
MOST_LABELS = 6

_IMPOSSIBLE = -200.0


def answer_styles(patterns: Patterns, theta: Array) -> list[Discrepancy]:
    """Return what speaks for careless answers, straight lines and favoured labels; nothing with fewer than 3 items.

    Nor where no answer is one of the options, as in areas of numbers.

    Parameters
    ----------
    patterns
        Sets of answers of the area, observed and expected.
    theta
        The draws they are expected at, (draw, coordinate).
    """
    area, n = patterns.density.area, patterns.n_agents
    if patterns.density.face_value or len(area.items) < FEWEST_ITEMS or n == 0:
        return []
    found = []
    for name, sentence, log_h in _styles(patterns, theta):
        t = 1 / (SHARE + (1 - SHARE) * np.exp(np.clip(patterns.loglik - log_h, -50, 300)))
        mean = (patterns.expected * t).sum(axis=1)
        spread = (patterns.expected * np.square(t)).sum(axis=1) - mean**2 / n
        # One agent more or less is no evidence, however rare its answers.
        variance = float(spread.mean()) * (1 + patterns.noise) + float(t.max()) ** 2
        found.append(Discrepancy(name, t @ patterns.observed - mean, variance, _always(sentence), one_sided=True))
    return found


def _always(text: str) -> Callable[[float], str]:
    return lambda gap: text


type _Style = tuple[str, str, Array]


def _styles(patterns: Patterns, theta: Array) -> list[_Style]:
    """Return the styles that the items of an area can show: name, sentence, log h of each row."""
    area, mean = patterns.density.area, theta.mean(axis=0, keepdims=True)
    item, counts = area.item_of_option, patterns.counts.astype(np.float64)
    uniform: Array = -np.log(np.bincount(item)[item].astype(float))
    styles: list[_Style] = [("careless", "More agents answer as if at random than the model expects", counts @ uniform)]
    labels = _common_labels(area.options)
    if labels:
        names = np.array(area.options, dtype=object)
        has = [(names == label) for label in labels]
        offered = [np.isin(item, item[mine]) for mine in has]
        line = [
            counts @ np.where(o, np.where(mine, 0.0, _IMPOSSIBLE), uniform)
            for mine, o in zip(has, offered, strict=True)
        ]
        habit = [_habit(patterns.density, mean, mine, o) for mine, o in zip(has, offered, strict=True)]
        styles += [
            ("straight-lines", "More agents give the same answer throughout than the model expects", _mixed(line)),
            (
                "favoured-answer",
                "More agents favour one and the same answer, whatever is asked, than the model expects",
                _mixed(habit),
            ),
        ]
    return styles


def _common_labels(labels: Sequence[str]) -> list[str]:
    return [label for label, n in Counter(labels).most_common(MOST_LABELS) if n >= FEWEST_ITEMS]


def _mixed(log_h: list[Array]) -> Array:
    return np.asarray(logsumexp(np.stack(log_h), axis=0) - np.log(len(log_h)))


def _habit(density: AreaDensity, mean: Array, mine: NDArray[np.bool_], offered: NDArray[np.bool_]) -> Array:
    """Return the log probability of each row when a part of the answers is one label, where it is offered."""
    values = constrain(density.parameters, mean, density.n_options)
    p = np.exp(option_log_probability(density, values))
    mixed = np.where(offered, (1 - HABIT) * p + HABIT * mine, p)
    log_p = np.log(np.maximum(mixed, 1e-300))
    return np.asarray(evaluate(density.rows, log_p, state_prior(density, values)).row_loglik[0])
