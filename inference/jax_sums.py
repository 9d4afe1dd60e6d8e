"""Sums over rows on devices, by JAX: rows are spread over them, and what they add comes back in float64.

A :class:`~dissensus.inference.sum_over_parts.Summation` like that of :mod:`.sum_over_parts`; it agrees with it to
1e-8. Needs the extra ``jax``; nothing else does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .marginal import Rows
from .row_sums import Point, Sums
from .sum_over_parts import Summation

BLOCK = 8_192
"""Rows evaluated at once on a device."""


def over_devices(rows: Rows, *, devices: Sequence[Any] | None = None, block: int = BLOCK) -> Summation:
    """Return the sum over rows that are spread over devices.

    Parameters
    ----------
    rows
        Rows whose patterns are not split.
    devices
        JAX devices; default all.
    block
        Rows evaluated at once on a device.

    Raises
    ------
    ImportError
        If JAX is not installed.
    """
    import jax  # noqa: PLC0415 - optional
    from jax.sharding import Mesh, NamedSharding, PartitionSpec  # noqa: PLC0415

    jax.config.update("jax_enable_x64", True)
    used = list(devices) if devices is not None else jax.devices()
    mesh = Mesh(np.array(used), ("rows",))
    step = block * len(used)
    size = -(-rows.n_rows // step) * step  # rows of multiplicity 0 fill the last block

    def spread(values: Any, fill: float) -> Any:
        filled = np.full((size, *values.shape[1:]), fill, dtype=np.float64)
        filled[: len(values)] = values
        shaped = filled.reshape(-1, step, *values.shape[1:])
        return jax.device_put(shaped, NamedSharding(mesh, PartitionSpec(None, "rows")))

    members = rows.group[:, None] == np.arange(rows.n_priors)
    held = (spread(rows.first[rows.first_of_row], 0.0), spread(members, 1.0), spread(rows.multiplicity, 0.0))
    first, second = jax.jit(_first_sums), jax.jit(_second_sums)

    def total(point: Point) -> Sums:
        if point.slope_p is None or point.slope_prior is None:
            value, by_prior, by_table = first(held, point.log_p, point.log_prior)
            return Sums(float(value), np.asarray(by_prior), np.asarray(by_table))
        slope = np.concatenate([point.slope_prior, np.moveaxis(point.slope_p, 1, 0)])
        value, by_prior, by_table, scatter = second(held, point.log_p, point.log_prior, slope)
        return Sums(float(value), np.asarray(by_prior), np.asarray(by_table), np.asarray(scatter))

    return total


def _state(counts: Any, member: Any, log_p: Any, log_prior: Any) -> tuple[Any, Any]:
    import jax.numpy as jnp  # noqa: PLC0415

    joint = counts @ log_p.T + member @ log_prior / jnp.maximum(member.sum(axis=1, keepdims=True), 1)
    top = joint.max(axis=1, keepdims=True)
    state = jnp.exp(joint - top)
    sums = state.sum(axis=1, keepdims=True)
    return (top + jnp.log(sums))[:, 0], state / sums


def _first_sums(held: Any, log_p: Any, log_prior: Any) -> Any:
    import jax  # noqa: PLC0415
    import jax.numpy as jnp  # noqa: PLC0415

    def add(total: Any, block: Any) -> tuple[Any, None]:
        counts, member, weight = block
        loglik, state = _state(counts, member, log_p, log_prior)
        more = weight @ loglik, (member * weight[:, None]).T @ state, state.T @ (counts * weight[:, None])
        return jax.tree.map(jnp.add, total, more), None

    zero = (jnp.zeros(()), jnp.zeros_like(jnp.asarray(log_prior)), jnp.zeros_like(jnp.asarray(log_p)))
    return jax.lax.scan(add, zero, held)[0]


def _second_sums(held: Any, log_p: Any, log_prior: Any, slope: Any) -> Any:
    import jax  # noqa: PLC0415
    import jax.numpy as jnp  # noqa: PLC0415

    def add(total: Any, block: Any) -> tuple[Any, None]:
        counts, member, weight = block
        loglik, state = _state(counts, member, log_p, log_prior)
        row = jnp.hstack([member, counts])
        first = weight @ loglik, (member * weight[:, None]).T @ state, state.T @ (counts * weight[:, None])
        mean = jnp.einsum("rs,rk,ksc->rc", state, row, slope, optimize="optimal")
        squares = jnp.einsum("rs,rk,rl->skl", state * weight[:, None], row, row, optimize="optimal")
        scatter = jnp.einsum("skl,ksc,lsd->cd", squares, slope, slope, optimize="optimal")
        return jax.tree.map(jnp.add, total, (*first, scatter - (mean * weight[:, None]).T @ mean)), None

    size = slope.shape[2]
    zero = (jnp.zeros(()), jnp.zeros_like(jnp.asarray(log_prior)), jnp.zeros_like(jnp.asarray(log_p)))
    return jax.lax.scan(add, (*zero, jnp.zeros((size, size))), held)[0]
