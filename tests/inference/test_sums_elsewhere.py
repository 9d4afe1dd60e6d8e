"""Sums over rows by JAX, Dask and Spark are those of the plain path; each is looked at where it is installed."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from dissensus.inference.large import some_rows, with_rows
from dissensus.inference.large_density import value_and_gradient_of_rows, value_gradient_hessian
from dissensus.inference.large_fit import polish
from dissensus.inference.mode import find_modes
from dissensus.inference.partition_sums import over_dask, over_spark
from dissensus.inference.row_sums import Sums, part_of
from dissensus.inference.sum_over_parts import over_rows, slices

from dissensus import datasets

from .builders import density_of, make_area, make_study, points_of


@functools.cache
def _density():
    """Return the density of agents of two groups who answered often, its rows summed in parts."""
    study = make_study(make_area("x y z -", "x y", repeated=True, no_goal=True))
    density = density_of(datasets.simulate(study, 500, seed=3, answers_per_item=30, groups=("p", "q")))
    rows = density.rows
    return with_rows(density, np.arange(rows.n_rows), rows.agents, rows.multiplicity, rows.row_of_agent)


def _held_to_the_plain_path(summation):
    density = _density()
    for theta in list(points_of(density).values())[:3]:
        expected, found = value_gradient_hessian(density, theta), value_gradient_hessian(density, theta, summation)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8 * np.abs(other).max())
        for one, other in zip(
            value_and_gradient_of_rows(density, theta[None], summation),
            value_and_gradient_of_rows(density, theta[None]),
            strict=True,
        ):
            np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8)


@pytest.mark.filterwarnings("ignore")
def test_jax_adds_up_the_same():
    pytest.importorskip("jax", reason="JAX is not installed (the extra jax)")
    from dissensus.inference.jax_sums import over_devices

    _held_to_the_plain_path(over_devices(_density().rows, block=64))


def _parts():
    rows = _density().rows
    return [part_of(rows, at) for at in slices(rows, size=150)]


@pytest.mark.filterwarnings("ignore")
def test_dask_adds_up_the_same():
    dask = pytest.importorskip("dask", reason="Dask is not installed")
    with dask.config.set(scheduler="threads"):
        _held_to_the_plain_path(over_dask([dask.delayed(part) for part in _parts()], dask))


@pytest.mark.filterwarnings("ignore")
def test_spark_adds_up_the_same():
    pytest.importorskip("pyspark", reason="PySpark is not installed (the extra spark)")
    from pyspark import SparkContext

    with SparkContext("local[2]", "sums") as context:
        _held_to_the_plain_path(over_spark(context.parallelize(_parts(), 2).cache()))


class _Rdd:
    """What :func:`over_spark` asks of an RDD: partitions that a function is sent to, and what it broadcasts."""

    def __init__(self, partitions):
        self.context, self.partitions, self.destroyed = self, partitions, 0

    def broadcast(self, value):
        self.value = value
        return self

    def destroy(self):
        self.destroyed += 1

    def mapPartitions(self, function):
        self.found = [one for partition in self.partitions for one in function(iter(partition))]
        return self

    def collect(self):
        return self.found


def test_partitions_send_back_sums_only():
    parts = _parts()
    rdd = _Rdd([parts[:2], parts[2:3], [], parts[3:]])
    _held_to_the_plain_path(over_spark(rdd))
    assert rdd.destroyed == 6
    assert [type(found) for found in rdd.found] == [Sums] * len(parts)


def test_mode_and_laplace_need_a_few_sums():
    density, asked = _density(), []
    few, inner = some_rows(density, 200, np.random.default_rng(1)), over_rows(density.rows)

    def counted(point):
        asked.append(point)
        return inner(point)

    start = find_modes(few, np.random.default_rng(2), starts=2)[0].theta
    found, expected = polish(density, start, counted), find_modes(density, np.random.default_rng(2), starts=2)[0]
    np.testing.assert_allclose(found.mode.theta, expected.theta, atol=1e-3)
    assert found.mode.log_mass == pytest.approx(expected.log_mass, abs=1e-3) and len(asked) < 25
