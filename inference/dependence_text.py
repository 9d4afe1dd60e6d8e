"""The dependence between areas as a person reads it."""

from __future__ import annotations

import numpy as np
import xarray as xr
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..errors import clean
from .dependence import GROUP, dependence


def dependence_lines(fit: xr.DataTree) -> list[RenderableType]:
    """Return the dependence between areas and its effect on pairs; nothing where areas are independent."""
    if GROUP not in fit.children:
        return []
    data = dependence(fit, allow_unreliable=True)
    names = [str(name) for name in data["area"].values]
    table = Table("", *map(clean, names[1:]), box=None, pad_edge=False)
    for p, name in enumerate(names[:-1]):
        cells = ["" if q <= p else _shown(data["association"][..., p, q]) for q in range(1, len(names))]
        table.add_row(clean(name), *cells)
    none, every = (data[key] for key in ("pairs_without_conflict", "pairs_in_conflict_everywhere"))
    sd = data["pair_sd"].sel(score="contention")

    def both(values: xr.DataArray) -> str:
        fitted, independent = (values.sel(scenario=scenario) for scenario in ("as fitted", "independent"))
        return f"{_shown(fitted)}; {float(independent.mean()):.2f} if areas were independent"

    whole, apart = (float(data[key].sel(score="misalignment")) for key in ("posterior_sd", "posterior_sd_independent"))
    lines = [
        f"Pairs of agents who conflict in no area: {both(none)}.",
        f"Pairs who conflict in every area: {both(every)}.",
        f"Standard deviation over pairs of their overall conflict: {both(sd)}.",
        worth(float(data["elpd_gain"]), float(data["elpd_gain_se"]), int(data["types"])),
    ]
    if np.isfinite([whole, apart]).all():
        told = f"{whole:.4f}; {apart:.4f} if areas told nothing of each other"
        lines.insert(3, f"Posterior standard deviation of the overall misalignment of these agents: {told}.")
    title = f"Dependence between areas ({int(data['types'])} hidden types of agents)"
    about = "Cramér's V between the goals of an agent: 0 independent, 1 determined; never below 0."
    return [
        "",
        Text(title, "bold"),
        Padding(table, (0, 0, 0, 2)),
        Text("  " + about, "dim"),
        *(Padding(Text(line), (0, 0, 0, 2)) for line in lines),
    ]


def worth(gain: float, error: float, types: int) -> str:
    """Return the sentence that says whether types of agents are worth it.

    Parameters
    ----------
    gain, error
        Expected log predictive density above that of independent areas, summed over agents, and its standard error.
    types
        Number of types.
    """
    if not np.isfinite([gain, error]).all():
        return f"Whether {types} types predict better than independent areas could not be computed."
    by = f"ELPD {gain:+.1f} ± {error:.1f}"
    if gain > 2 * error:
        return f"Worth it: with {types} types the answers of an agent left out are predicted better ({by})."
    if gain < -2 * error:
        return f"Not worth it: independent areas predict the answers of an agent left out better ({by})."
    return f"Not needed: independent areas predict the answers of an agent left out as well ({by})."


def _shown(values: xr.DataArray) -> str:
    low, high = np.quantile(values.values, [0.05, 0.95])
    return f"{float(values.mean()):.2f} [{low:.2f}, {high:.2f}]"
