"""Whether answers tell how likely each place is looked at, and how the result says what was done about places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from ..datasets.choices import AreaChoices
from ..datasets.validation import listed
from ..errors import shown
from .checks import MIN_WEIGHT_CONTRACTION, Check
from .density import AreaDensity

Array = NDArray[np.float64]

_FULL = 0.95
"""An examination probability from which a place is as good as the first."""


def places_told(area: AreaChoices) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which places are linked with the first, and which have answers, (place,) each.

    Places are linked by what is shown, and answered, at both, or at places between. Where one is not linked, how likely
    it is looked at and how often agents take what is shown there are one.
    """
    examined = area.examined
    assert examined is not None
    answered = area.answered.any(axis=0)
    shown_at = np.zeros((len(area.items), len(examined.places)), dtype=bool)
    placed = np.flatnonzero((examined.place_of_item >= 0) & answered)
    shown_at[examined.same_as[placed], examined.place_of_item[placed]] = True
    linked = np.arange(len(examined.places)) == 0
    for _ in examined.places:
        linked |= shown_at[shown_at[:, linked].any(axis=1)].any(axis=0)
    return linked, shown_at.any(axis=0)


def examination_checks(density: AreaDensity, theta: Array) -> list[Check]:
    """Return the checks of an area with places whose examination is learned; none of other areas.

    Parameters
    ----------
    density
        Density of the area.
    theta
        Posterior draws, (draw, coordinate).
    """
    area, n = density.area, density.parameters.n_places
    if not n or area.examined is None:
        return []
    x, (_, sd) = theta[:, density.parameters.slices["place"]], density.parameters.priors.examination
    contraction = 1 - x.var(axis=0) / sd**2
    names = np.array(area.examined.learned, dtype=object)
    linked, answered = (which[1:] for which in places_told(area))
    apart, alone = [], answered & ~linked
    if alone.any():
        apart.append(
            f"Nothing that is shown at {listed(names[alone])} is also shown at the first place, nor at places linked "
            "with it: how likely it is looked at cannot be told from how often agents take what is shown there."
        )
    weak = answered & linked & (contraction < MIN_WEIGHT_CONTRACTION)
    if weak.any():
        apart.append(
            f"How likely {listed(names[weak])} is looked at comes largely from the prior (contraction "
            f"{contraction[weak].min():.2f})."
        )
    full = (expit(x) > _FULL).mean(axis=0) > 0.5
    above = (
        f"{listed(names[full])} is looked at as often as the first place, {shown(area.examined.places[0])}, or more, "
        "and the model takes the first for the one looked at most: name another first, if it is."
    )
    least = float(contraction[answered].min()) if answered.any() else float("nan")
    told = Check(
        "examination-from-prior",
        "caution" if apart else "ok",
        area.name,
        " ".join(apart),
        least,
        MIN_WEIGHT_CONTRACTION,
    )
    lower, upper = np.quantile(expit(x), [0.05, 0.95], axis=0)
    each = zip(names, expit(x).mean(axis=0), lower, upper, strict=True)
    said = ", ".join(f"{shown(str(name))} {mean:.2f} [{low:.2f}, {high:.2f}]" for name, mean, low, high in each)
    found = f"Looked at, of 1 for {shown(area.examined.places[0])}: {said} (mean and 90 % interval)."
    return [
        told,
        Check("first-place", "caution" if full.any() else "ok", area.name, above if full.any() else ""),
        Check("examination", "note", area.name, found),
    ]


def examination_note(area: AreaChoices) -> str:
    """Return what is taken for granted of the places of an area."""
    examined = area.examined
    assert examined is not None
    if examined.known is not None:
        each = ", ".join(f"{place} {e:g}" for place, e in zip(examined.places, examined.known, strict=True))
        how = f"with known probabilities ({each})"
    else:
        how = f"with learned probabilities, relative to {shown(examined.places[0])}"
    return (
        f"{area.name}: Places are looked at {how}, the same for all agents and items of the area (other areas have "
        "theirs); who does not look leaves what is shown. Observed conflict counts every answer, looked at or not."
    )
