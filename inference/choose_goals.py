"""How many learned goals: each number fitted, held beside the others by leaving agents out, and averaged over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..datasets.choices import AreaChoices, Choices
from ..datasets.learned_goals import largest_number
from ..errors import Fault, InputError, shown
from .area_fit import AreaFit, fit_area
from .area_scores import area_scores
from .compare import stacking_weights
from .density import area_density, with_number
from .left_out import TRUSTED_K, entries_of_area
from .loo import area_loo, standard_error
from .parallel import parallel_map
from .structure_checks import interval
from .thinning import evenly

Array = NDArray[np.float64]

_DRAWS = 2_000
_COUNTS = 0.01  # weight below which a number of goals does not matter to the average
SCORES = ("contention", "misalignment", "relative_misalignment")


@dataclass(frozen=True, eq=False)
class _Numbered:
    """The fit of one number of goals."""

    fitted: AreaFit
    scores: dict[str, Array]
    elpd: Array
    lppd: Array
    khat: Array


def choose_goals(
    choices: Choices,
    numbers: Sequence[int] = range(1, 7),
    *,
    area: str | None = None,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> pd.DataFrame:
    """Return fits of an area with several numbers of learned goals beside each other.

    Parameters
    ----------
    choices
        The observed choices. The area must have learned goals without anchors.
    numbers
        Numbers of goals. Those that the items cannot tell apart are left out, and said in the attribute ``left_out``.
    area
        Name of the area; may be left out where there is one.
    seed
        Seed of the fits.
    progress
        Called with a sentence at each step.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``goals``, and last ``"averaged"``: ``elpd``, the expected log predictive density of agents left out
        (PSIS-LOO), with ``se``; ``elpd_diff`` to the best and its standard error ``dse``; ``p_loo``; ``n_high_k``,
        agents with Pareto k̂ above 0.7; ``weight`` in the mixture that predicts best (stacking); ``modes``; ``trusted``,
        whether the draws are accepted; and mean, lower and upper (90 %) of each score in the sample, ``averaged`` over
        the numbers by their weights. A number not better than a smaller one by two standard errors is not needed to
        predict; it is no proof that there are so many goals.

    Raises
    ------
    InputError
        If the area has given goals, anchors, or no such number can be told apart.
    """
    own = _area(choices, area)
    sizes = np.bincount(own.item_of_option)[own.states_goals].tolist()
    most = largest_number(sizes)
    asked = sorted({int(number) for number in numbers})
    used = [number for number in asked if 1 <= number <= most]
    if not used:
        message = f"The items of area {shown(own.name)} can tell apart {most} learned goals, none of those asked for."
        raise InputError(Fault(code="learned-goals", message=message, remedy="Ask for fewer, or add items."))
    streams = np.random.SeedSequence(seed).spawn(len(used))

    def run(work: tuple[int, np.random.SeedSequence]) -> _Numbered:
        progress(f"{own.name}: {work[0]} goals")
        return _fitted(choices, own, *work)

    found = parallel_map(run, list(zip(used, streams, strict=True)))
    weight = np.ones(choices.n_agents) if choices.fit_weight is None else choices.fit_weight
    elpd = np.stack([one.elpd for one in found], axis=1)
    shares = stacking_weights(elpd, weight) if len(found) > 1 else np.ones(1)
    best = int(np.argmax(weight @ elpd))
    rows = [_row(one, elpd[:, k] - elpd[:, best], weight, shares[k], k == best) for k, one in enumerate(found)]
    rows.append(_averaged(found, shares))
    index = pd.Index([*used, "averaged"], name="goals")
    frame = pd.DataFrame(rows, index=index)
    frame.attrs["left_out"] = [number for number in asked if number not in used]
    return frame


def _area(choices: Choices, name: str | None) -> AreaChoices:
    if name is None:
        learned = [area for area in choices.areas if any(area.learned)]
        if len(learned) != 1:
            message = f"{len(learned)} areas have learned goals."
            raise InputError(Fault(code="area", message=message, remedy='Name one: area="…".'))
        own = learned[0]
    else:
        own = next((area for area in choices.areas if area.name == name), choices.areas[0])
        if own.name != name:
            names = ", ".join(shown(area.name) for area in choices.areas)
            raise InputError(
                Fault(code="area", message=f"There is no area {shown(name)}.", remedy=f"The areas are {names}.")
            )
    if not any(own.learned) or own.serves.any():
        what = "anchors" if any(own.learned) else "given goals"
        message = f"Area {shown(own.name)} has {what}, which fix the number of its goals."
        raise InputError(Fault(code="area", message=message, remedy="Write goals = 2, say, and options for each item."))
    return own


def _fitted(choices: Choices, own: AreaChoices, number: int, stream: np.random.SeedSequence) -> _Numbered:
    density = with_number(area_density(choices, own, choices.study.priors), number)
    fitting, scoring = stream.spawn(2)
    fitted = fit_area(density, np.random.default_rng(fitting), method="auto", draws=_DRAWS)
    overall = area_scores(fitted.density, fitted.flat, np.random.default_rng(scoring)).sample.overall
    entries = entries_of_area(fitted.density, fitted.flat, choices.fit_weight, fitted.effective)
    elpd, lppd, khat = (part[entries.of_agent] for part in area_loo(entries))
    values = {name: np.asarray(getattr(overall, name)) for name in SCORES}
    if not fitted.density.states.weighted:
        values |= {name: np.full_like(values[name], np.nan) for name in SCORES[1:]}
    return _Numbered(fitted, values, elpd, lppd, khat)


def _row(one: _Numbered, gap: Array, weight: Array, share: float, is_best: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "elpd": float(weight @ one.elpd),
        "se": standard_error(one.elpd, weight),
        "elpd_diff": float(weight @ gap),
        "dse": 0.0 if is_best else standard_error(gap, weight),
        "p_loo": float(weight @ (one.lppd - one.elpd)),
        "n_high_k": int((~(one.khat <= TRUSTED_K)).sum()),
        "weight": float(share),
        "modes": len(one.fitted.modes),
        "trusted": _trusted(one),
    }
    return row | _described(one.scores)


def _averaged(found: Sequence[_Numbered], shares: Array) -> dict[str, Any]:
    """Return the scores averaged over the numbers of goals: draws of each as often as its weight says."""
    total = len(found[0].scores[SCORES[0]])
    number = np.floor(shares * total).astype(int)
    number[int(np.argmax(shares))] += total - number.sum()
    pooled = {
        name: np.concatenate([one.scores[name][evenly(total, k)] for one, k in zip(found, number, strict=True)])
        for name in SCORES
    }
    used = [one for one, share in zip(found, shares, strict=True) if share > _COUNTS]
    return {"weight": 1.0, "trusted": all(_trusted(one) for one in used)} | _described(pooled)


def _trusted(one: _Numbered) -> bool:
    return one.fitted.method == "nuts" or bool(one.fitted.importance and one.fitted.importance.accepted)


def _described(values: dict[str, Array]) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for name, draws in values.items():
        lower, upper = interval(draws)
        numbers |= {name: float(draws.mean()), f"{name}_lower": lower, f"{name}_upper": upper}
    return numbers
