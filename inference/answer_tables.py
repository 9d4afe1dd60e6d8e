"""Tables of answers to items and to pairs of items: as observed, and as the fitted model says they are.

Given the parameters θ, the answers of an agent of group h to items j and k are one draw from the table

    P_h(o, o') = Σ_s prior_h(s) P(o | s) P(o' | s),

so checks against the observed tables need no simulated agents.

**Repeated items.** An agent counts once: its answers to an item enter as shares, to a pair of items as the product of
shares, and to a repeated item with itself as the shares of ordered pairs of its answers.

**Survey weights.** The model describes the weighted population, so agents count by their weights, scaled to Kish's
effective number of agents as in the likelihood.

**One answer per agent.** Such areas hold no baseline to be checked, only the goals served: options that serve the same
goals count as one, and options that serve none are left out. Levels of stated importance stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .area_scores import unit_mixture
from .density import AreaDensity, at_face_value, chunks, option_log_probability, state_prior
from .parameters import constrain
from .thinning import evenly

Array = NDArray[np.float64]

MOST_DRAWS = 300
"""Draws used by predictive checks, taken evenly: more do not move a p-value by anything one would act upon."""
FEWEST_DRAWS = 50
"""Draws used where tables are so large that more would take seconds."""

_NUMBERS = 30_000_000


@dataclass(frozen=True, eq=False)
class Tables:
    """Observed tables of an area, one entry per prior over states (group) on the leading axis H.

    Parameters
    ----------
    merge
        Cell of the tables that each option belongs to, as 0 and 1, (option, cell).
    item
        Item of each cell, (cell,).
    label
        Name of each cell.
    share, pair
        Sums over agents of their shares of each cell, (H, cell), and of products of shares, (H, cell, cell).
    n, n_pair
        Number of agents behind them, (H, item) and (H, item, item).
    inverse, inverse_pair, inverse_both
        Sums over the same agents of 1 / times an item was answered: of the item, (H, item); of the first item of a
        pair and of the product for both, (H, item, item).
    own
        Sums over agents of (t−2)(t−3), t−2 and 1, divided by t(t−1), for t answers to the item, (3, H, item).
    repeated
        Whether someone answered the item more than once, (item,).
    """

    merge: Array
    item: NDArray[np.int64]
    label: tuple[str, ...]
    share: Array
    pair: Array
    n: Array
    n_pair: Array
    inverse: Array
    inverse_pair: Array
    inverse_both: Array
    own: Array
    repeated: NDArray[np.bool_]


def observed_tables(density: AreaDensity) -> Tables:
    """Return the observed one-way and two-way tables of an area."""
    area, rows = density.area, density.rows
    merge, item, label = _cells(density)
    counts = area.counts[rows.pattern] @ merge
    in_item = (item[:, None] == np.arange(len(area.items))).astype(float)
    times = counts @ in_item
    answered = (times > 0).astype(float)
    inverse = answered / np.maximum(times, 1)
    share = counts * inverse[:, item]
    pairs = times * (times - 1)
    twice = (pairs > 0).astype(float)
    per_pair = twice / np.maximum(pairs, 1)
    same = item[:, None] == item
    diagonal, cell = np.arange(len(area.items)), np.arange(len(item))

    n_groups, n_items, n_cells = density.n_units, len(area.items), len(item)
    n = np.zeros((n_groups, n_items))
    shares, pair = np.zeros((n_groups, n_cells)), np.zeros((n_groups, n_cells, n_cells))
    n_pair, one, both = (np.zeros((n_groups, n_items, n_items)) for _ in range(3))
    inverse_n, own = np.zeros((n_groups, n_items)), np.zeros((3, n_groups, n_items))
    for h in range(n_groups):
        mine = density.unit_of_row == h
        w, c, a, i = rows.multiplicity[mine], counts[mine], answered[mine], inverse[mine]
        n[h], inverse_n[h], shares[h] = w @ a, w @ i, w @ share[mine]
        ordered = (c * (w[:, None] * per_pair[mine][:, item])).T @ c
        ordered[cell, cell] -= w @ (c * per_pair[mine][:, item])
        pair[h] = np.where(same, ordered, (share[mine] * w[:, None]).T @ share[mine])
        n_pair[h], one[h], both[h] = ((x * w[:, None]).T @ y for x, y in ((a, a), (i, a), (i, i)))
        n_pair[h][diagonal, diagonal] = w @ twice[mine]
        t = times[mine]
        own[:, h] = [w @ (x * per_pair[mine]) for x in ((t - 2) * (t - 3), t - 2, np.ones_like(t))]
    many = times.max(axis=0, initial=0) > 1
    return Tables(merge, item, label, shares, pair, n, n_pair, inverse_n, one, both, own, many)


def _cells(density: AreaDensity) -> tuple[Array, NDArray[np.int64], tuple[str, ...]]:
    """Return what the cells of the tables are: options, or with one answer per agent the goals that options serve."""
    area, table = density.area, density.table
    if not at_face_value(area):
        return np.eye(len(area.options)), area.item_of_option, area.options
    columns: dict[tuple[int, bytes], list[int]] = {}
    for option in np.flatnonzero(~table.ignored):
        item = int(area.item_of_option[option])
        says = area.states_goals[item] and not area.is_pass[option]
        alike = area.serves[:, option].tobytes() if says else b"=" + area.options[option].encode()
        columns.setdefault((item, alike), []).append(int(option))
    merge = np.zeros((len(area.options), len(columns)))
    for cell, options in enumerate(columns.values()):
        merge[options, cell] = 1
    labels = tuple(" or ".join(area.options[option] for option in options) for options in columns.values())
    return merge, np.array([key[0] for key in columns], dtype=np.int64), labels


def cell_probabilities(
    density: AreaDensity, theta: Array, merge: Array, *, per_draw: int
) -> Iterator[tuple[Array, Array]]:
    """Yield P(cell | state), (draw, state, cell), and the prior over states, (draw, H, state), some draws at a time.

    The prior of a group whose agents differ in covariates is the mean over its agents.
    At most :data:`MOST_DRAWS` of the draws are used. ``merge`` is that of :class:`Tables`; ``per_draw`` is how many
    numbers the caller makes of each draw.
    """
    most = min(len(theta), MOST_DRAWS, max(FEWEST_DRAWS, _NUMBERS // max(per_draw, 1)))
    used = theta[evenly(len(theta), most)]
    for part in chunks(density, len(used), per_draw=per_draw):
        values = constrain(density.parameters, used[part], density.n_options)
        p = np.exp(option_log_probability(density, values)) @ merge
        prior = np.exp(state_prior(density, values))
        yield p, prior if density.parameters.design is None else np.matmul(unit_mixture(density), prior)
