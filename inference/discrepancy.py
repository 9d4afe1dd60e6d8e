"""Discrepancies that speak for one kind of misfit: how certain each is, and how far it moves a score.

A discrepancy D(y, θ) has mean 0 for answers y drawn at θ. Its posterior mean d is set against its variance e² over data
sets of the model, as in :mod:`~dissensus.inference.calibrated`. Were the model widened by the one parameter that D
speaks for, the posterior mean of a score S would move, to first order, by

    Cov(S, D | y) d / e²,

which is Oberski's expected change of the parameter of interest, computed from draws; in a linear Gaussian model it is
exact. A misfit that is certain but leaves the score where it was is a note; one that moves it is a caution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .calibrated import calibrated
from .checks import Check
from .pearson_tail import holm

Array = NDArray[np.float64]

SIGNIFICANT = 0.05
"""Level of all discrepancies of an area together (Holm)."""
MOVED = 0.5
"""Posterior standard deviations of a score by which a misfit must move it to weaken it."""

TRUSTED = 0.75
"""Part of a score up to which a first-order estimate of its move is told as a number."""


@dataclass(frozen=True, eq=False)
class Discrepancy:
    """One discrepancy at every draw.

    Parameters
    ----------
    name
        Name of the check it belongs to; several may share one.
    gap
        D(y, θ), of mean 0 for y drawn at θ, (draw,).
    variance
        Posterior mean of its variance.
    sentence
        What to tell a person, from the sign of the gap, without the full stop.
    one_sided
        Whether only a positive gap means anything.
    """

    name: str
    gap: Array
    variance: float
    sentence: Callable[[float], str]
    one_sided: bool = False


@dataclass(frozen=True, eq=False)
class Finding:
    """What a discrepancy amounts to.

    Parameters
    ----------
    discrepancy
        The discrepancy.
    z
        Posterior mean in standard errors.
    p
        p-value, adjusted by Holm's method over all discrepancies of the area.
    shift
        By how much each score would move if the model allowed for it.
    """

    discrepancy: Discrepancy
    z: float
    p: float
    shift: dict[str, float]


def assess(discrepancies: Sequence[Discrepancy], scores: Mapping[str, Array]) -> list[Finding]:
    """Return how certain each discrepancy is, and by how much it would move the scores.

    Parameters
    ----------
    discrepancies
        Discrepancies of one area, at the same draws.
    scores
        Scores at those draws, (draw,).

    References
    ----------
    Oberski, D. L. (2014). Evaluating sensitivity of parameters of interest to measurement invariance in latent variable
    models. Political Analysis 22. doi:10.1093/pan/mpt014
    """
    if not discrepancies:
        return []
    gap = np.stack([d.gap for d in discrepancies], axis=1)
    result = calibrated(gap, np.array([d.variance for d in discrepancies]))
    error = np.maximum(result.error, 1e-300)
    z = result.gap / error
    tails = np.where([d.one_sided for d in discrepancies], ndtr(-z), 2 * ndtr(-np.abs(z)))
    p = holm(tails.tolist())
    centred = gap - gap.mean(axis=0)
    moves = {name: (s - s.mean()) @ centred / len(s) * result.gap / error**2 for name, s in scores.items()}
    return [
        Finding(d, float(z[k]), float(p[k]), {name: float(move[k]) for name, move in moves.items()})
        for k, d in enumerate(discrepancies)
    ]


def checks_of(area: str, findings: Sequence[Finding], scores: Mapping[str, Array]) -> list[Check]:
    """Return one check for each name, with the finding that moves a score farthest.

    Parameters
    ----------
    area
        Name of the area.
    findings
        What :func:`assess` gives.
    scores
        The scores at the draws, (draw,).
    """
    by_name: dict[str, list[Finding]] = {}
    for finding in findings:
        by_name.setdefault(finding.discrepancy.name, []).append(finding)
    return [_check(name, area, mine, scores) for name, mine in by_name.items()]


def _check(name: str, area: str, findings: Sequence[Finding], scores: Mapping[str, Array]) -> Check:
    least = min(finding.p for finding in findings)
    certain = [f for f in findings if f.p < SIGNIFICANT or not np.isfinite(f.z)]
    if not certain:
        return Check(name, "ok", area, "", least, SIGNIFICANT)
    moved = {f: {s: abs(f.shift[s]) / max(float(np.std(scores[s])), 1e-12) for s in scores} for f in certain}
    worst = max(certain, key=lambda f: max(moved[f].values()))
    far = tuple(s for s in scores if any(not moved[f][s] < MOVED for f in certain))
    p = "p < 0.001" if worst.p < 0.001 else f"p = {worst.p:.3f}"
    text = f"{worst.discrepancy.sentence(worst.z)} ({p})"
    if not far:
        return Check(name, "note", area, f"{text}; allowing for that would hardly move the scores.", least, SIGNIFICANT)
    score = max(far, key=lambda s: moved[worst][s])
    now = float(np.mean(scores[score]))
    then, moving = now + worst.shift[score], score.replace("_", " ")
    if abs(then - now) > TRUSTED * now or then > 1:
        text += f"; allowing for that would move {moving} from {now:.2f}, too far for this check to say where to."
    else:
        digits = 2 if f"{now:.2f}" != f"{then:.2f}" else 3
        text += f"; allowing for that would move {moving} from {now:.{digits}f} to about {then:.{digits}f}."
    return Check(name, "caution", area, text, least, SIGNIFICANT, far)
