"""Whether the items of an area measure one goal.

Under ``follow`` two answers of an agent serve a common goal more often than if they were independent, whatever the
baselines, unless weights are 0 or all agents hold one goal. With agreement A of a pair of items, its expectation C
under independence with the same shares and its largest possible value M, (A − C) / (M − C) is the agreement beyond
chance; for an area numerators and denominators are summed over pairs, each times its agents. Below
:data:`MIN_AGREEMENT` the items have next to nothing in common, which the fitted model can only imitate by small weights
or by giving nearly everybody one goal, however diverse the answers. It is what a weight of 0.22 gives when answers and
goals are split evenly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .answer_tables import Tables, observed_tables
from .density import AreaDensity
from .item_agreement import Agreement, agreement_errors, expected_agreement, levels

Array = NDArray[np.float64]

MIN_AGREEMENT = 0.05
"""Agreement beyond chance below which items do not measure one goal."""
MISSED = 2.5
"""Standard errors by which the agreement of an item or a pair must fall short of the model's to count against it."""

FEWEST = 10
"""Agents who answer two items, below which their agreement has no error to be judged by: one agent may answer alike."""


@dataclass(frozen=True)
class Togetherness:
    """Whether the items of an area measure one thing.

    Parameters
    ----------
    area
        The area.
    items
        Items that do not go together, or with the others; empty when all do.
    agreement, error
        Agreement beyond chance over all pairs, 1 at best, with its standard error.
    expected
        Posterior mean of what the fitted model expects of it.
    item_agreement
        Agreement beyond chance of each item with the others, by item.
    state
        ``"ok"`` or ``"caution"``.
    sentence
        What to tell a person; empty when ok.
    """

    area: str
    items: tuple[str, ...]
    agreement: float
    error: float
    expected: float
    item_agreement: dict[str, float]
    state: str
    sentence: str


def hang_together(density: AreaDensity, theta: Array, *, tables: Tables | None = None) -> Togetherness | None:
    """Return whether the items of an area measure one thing; None where no two answers of an agent can be compared.

    They do not when their agreement beyond chance is below :data:`MIN_AGREEMENT` or not positive by two standard
    errors, or when that holds for some item, or for half of the pairs, and the fitted model expects more by
    :data:`MISSED` standard errors (single items and pairs are noisy, so the data must contradict the model there).

    Parameters
    ----------
    density, theta, tables
        As for :func:`option_share_check`.

    Notes
    -----
    In 240 data sets simulated from the default priors (300 to 2,000 agents, 3 to 6 items, 2 or 3 goals) 3.8 % were
    found not to hang together, and 1 of the 204 whose mean weight was above 0.3 and whose contention was above a tenth
    of its maximum.
    """
    seen = tables or observed_tables(density)
    served = density.area.serves.astype(float) @ seen.merge > 0
    common = (served.T.astype(float) @ served > 0).astype(float)
    agreement = Agreement(seen.item, common, seen.n_pair.sum(axis=0))
    table = seen.pair.sum(axis=0)
    excess, room = agreement.beyond_chance(table)
    used = (room > 1e-9 * np.maximum(agreement.n, 1)) & (agreement.n >= FEWEST)
    if density.face_value or not used.any():
        return None
    sizes = levels(room, used)
    found = [x / size for x, size in zip(levels(excess, used), sizes, strict=True)]
    errors = [x / size for x, size in zip(agreement_errors(density, seen, agreement, table, used), sizes, strict=True)]
    model = expected_agreement(density, theta, seen, agreement, used)
    lacking = [(x < MIN_AGREEMENT) | (x < 2 * error) for x, error in zip(found, errors, strict=True)]
    missed = [
        bad & (m.mean(axis=0) - x > MISSED * np.sqrt(error**2 + m.var(axis=0)))
        for bad, x, error, m in zip(lacking, found, errors, model, strict=True)
    ]

    items, pairs = density.area.items, np.triu(used)
    loose: tuple[str, ...] = ()
    sentence, size = "", f"{found[0]:.2f} ± {errors[0]:.2f}"
    if lacking[0]:
        loose = items
        sentence = f"{_listed(items)} do not measure one goal: agreement beyond chance is {size}, hardly any."
    elif missed[1].any() and not missed[1].all():
        loose = tuple(item for item, bad in zip(items, missed[1], strict=True) if bad)
        most = f"{found[1][missed[1]].max():.2f}"
        do = "does" if len(loose) == 1 else "do"
        sentence = f"{_listed(loose)} {do} not go with the other items: agreement beyond chance is {most}, not {size}."
    elif 2 * missed[2][pairs].sum() >= pairs.sum():
        loose = items
        number = f"{missed[2][pairs].sum()} of {pairs.sum()} pairs of them"
        sentence = f"{_listed(items)} do not measure one goal: {number} agree hardly more than by chance."
    return Togetherness(
        density.area.name,
        loose,
        float(found[0]),
        float(errors[0]),
        float(model[0].mean()),
        dict(zip(items, found[1].tolist(), strict=True)),
        "caution" if loose else "ok",
        sentence,
    )


def _listed(names: Sequence[str]) -> str:
    quoted = [f"'{name}'" for name in names]
    return " and ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))
