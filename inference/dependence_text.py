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

    gain, error = float(data["elpd_gain"]), float(data["elpd_gain_se"])
    lines = [
        f"Pairs of agents who conflict in no area: {both(none)}.",
        f"Pairs who conflict in every area: {both(every)}.",
        f"Standard deviation over pairs of their overall conflict: {both(sd)}.",
        f"Answers of an agent left out are predicted better than with independent areas by {gain:.1f} ± {error:.1f}.",
    ]
    title = f"Dependence between areas ({int(data['types'])} hidden types of agents)"
    about = "Cramér's V between the goals of an agent: 0 independent, 1 determined; never below 0."
    return [
        "",
        Text(title, "bold"),
        Padding(table, (0, 0, 0, 2)),
        Text("  " + about, "dim"),
        *(Padding(Text(line), (0, 0, 0, 2)) for line in lines),
    ]


def _shown(values: xr.DataArray) -> str:
    low, high = np.quantile(values.values, [0.05, 0.95])
    return f"{float(values.mean()):.2f} [{low:.2f}, {high:.2f}]"
