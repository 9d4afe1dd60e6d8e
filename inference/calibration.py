"""Are the intervals of the scores honest for a design of one's own? Simulation-based calibration of the whole path."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets.study import Study
from ..errors import Fault, InputError
from .calibration_design import Design, Quantity, quantities
from .calibration_folder import JOURNAL, PAGE, RESULTS, compact_json, made, replace_text, seed_of
from .calibration_gate import LEVEL, MOST_LOST, Verdict, gate
from .calibration_journal import Journal
from .calibration_pool import run_sets
from .calibration_power import Power, power_table, sets_needed
from .calibration_ranks import RANKS, SetResult
from .calibration_source import source_hash

FORMAT = 1
"""Version of the layout of the journal and of the results."""
_PACKAGES = ("dissensus", "numpy", "scipy", "arviz-stats", "nutpie")
_ENOUGH_POWER = 0.5  # chance of finding a posterior sd 20 % too small, below which a run is too small


@dataclass(frozen=True, eq=False)
class Calibration:
    """The outcome of :func:`calibrate`.

    Parameters
    ----------
    design
        What was simulated.
    seed
        Seed of the run.
    quantities
        What was ranked.
    results
        One entry per data set, by number.
    verdict
        What the gate says.
    power
        The chance that the gate would have failed, by fault.
    needed
        Number of data sets that would find a posterior sd 10 % too small with chance 0.9 if all quantities had it, and
        if one had it.
    """

    design: Design
    seed: int
    quantities: tuple[Quantity, ...]
    results: tuple[SetResult, ...]
    verdict: Verdict
    power: tuple[Power, ...]
    needed: tuple[int, int]

    @property
    def state(self) -> str:
        """``"passed"``, ``"failed"``, or ``"too few"``: nothing found, but far too few data sets to find much."""
        if not self.verdict.passed:
            return "failed"
        narrow = next(row.everywhere for row in self.power if row.fault.startswith("sd 20 %"))
        return "passed" if narrow >= _ENOUGH_POWER else "too few"

    @property
    def lost(self) -> tuple[tuple[int, str, str], ...]:
        """Fits that were lost: number of the data set, area, reason."""
        names = [area.name for area in self.design.study.areas]
        return tuple(
            (r.number, name, reason) for r in self.results for name, reason in zip(names, r.lost, strict=True) if reason
        )

    @property
    def fits(self) -> int:
        """Number of fits: one for each data set and area."""
        return len(self.results) * len(self.design.study.areas)

    @property
    def error(self) -> float:
        """Largest relative difference between the two routes to the log likelihood; NaN without any fit."""
        return max((r.error for r in self.results if not np.isnan(r.error)), default=float("nan"))

    @property
    def by_nuts(self) -> int:
        """Number of fits that went on to NUTS."""
        return sum(method == "nuts" for result in self.results for method in result.methods)

    def ranks(self, quantity: Quantity) -> list[int | None]:
        """Return the ranks of a quantity, 0 to 199, by data set; None where the fit was lost."""
        at = self.quantities.index(quantity)
        return [result.ranks[at] for result in self.results]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data, as in ``results.json``."""
        return {
            "format": FORMAT,
            "state": self.state,
            "reasons": list(self.verdict.reasons),
            **run_header(self.design, self.seed),
            "sets": len(self.results),
            "fits": self.fits,
            "nuts": self.by_nuts,
            "error": _number(self.error),
            "lost": [{"set": number, "area": area, "reason": reason} for number, area, reason in self.lost],
            "gate": {"p": _number(self.verdict.p), "level": LEVEL, "most_lost": MOST_LOST, "ranks": RANKS},
            "quantities": [
                {**vars(quantity), "name": quantity.name, **_tested(self, k)}
                for k, quantity in enumerate(self.quantities)
            ],
            "power": [vars(row) for row in self.power],
            "sets_needed": {"everywhere": self.needed[0], "alone": self.needed[1]},
            "ranks": {quantity.name: self.ranks(quantity) for quantity in self.quantities},
        }


def calibrate(
    study: Study,
    n_agents: int,
    *,
    sets: int = 200,
    seed: int | None = None,
    groups: Mapping[str, float] | None = None,
    missing: float = 0.0,
    answers_per_item: int = 5,
    folder: str | os.PathLike[str] | None = None,
    cores: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Return how honest the intervals of the scores are for data like those a study would give.

    Data sets are simulated from the study's priors, each goes through the whole automatic path of :func:`fit` (modes,
    importance draws, NUTS where those are not accepted, the checks of the draws), and the true value of every score is
    ranked among its posterior draws. If the posterior is right, ranks are uniform, and 50 % and 90 % intervals hold the
    truth in 50 % and 90 % of the data sets: on average over the prior, not at each truth, and for answers that come
    about as the model says. A passed calibration says that the computation can be trusted for this design; whether the
    model fits real answers is asked by the checks of :func:`fit`.

    Parameters
    ----------
    study
        The study: its areas, items, rules and priors. Survey weights are not simulated.
    n_agents
        Number of agents in each data set.
    sets
        Number of data sets.
    seed
        Seed; data set k depends on it and on k only, whatever the number of cores and of sets. One is drawn when none
        is given, or that of the folder is taken.
    groups
        Share of the agents by name of group, two groups or more; default no groups.
    missing
        Probability that an answer is missing, at random.
    answers_per_item
        Answers of an agent to a repeated item.
    folder
        Where finished data sets are kept, and the report is written. A run that was cut short goes on from there, and
        one with more data sets too. By default nothing is kept.
    cores
        Number of processes; default all cores. With 1 nothing is started; with more, a script needs the usual guard
        ``if __name__ == "__main__":``.
    progress
        Called with the number of finished data sets and of all.

    Returns
    -------
    Calibration
        Its ``state`` is ``"passed"``, ``"failed"`` or ``"too few"``, ``verdict`` says why, ``power`` what would have
        been found.

    Raises
    ------
    InputError
        If an option is out of range, or the folder holds data sets that were made otherwise.

    References
    ----------
    Talts, Betancourt, Simpson, Vehtari and Gelman, *Validating Bayesian inference algorithms with simulation-based
    calibration*, arXiv:1804.06788. Modrák et al., *Simulation-based calibration checking for Bayesian computation: The
    choice of test quantities shapes sensitivity*, doi:10.1214/23-BA1404.

    Examples
    --------
    >>> from dissensus import datasets, inference
    >>> study = datasets.Study.from_toml("study.toml")  # doctest: +SKIP
    >>> inference.calibrate(study, 500, sets=200, seed=1, folder="calibration").state  # doctest: +SKIP
    'passed'
    """
    design = Design(study, n_agents, tuple((groups or {}).items()), missing, answers_per_item)
    _check_numbers(sets=sets, seed=seed, cores=cores)
    target = None if folder is None else made(Path(folder))
    if seed is None:
        seed = seed_of(target)
    say = progress or (lambda *_: None)
    journal = None if target is None else Journal(target / JOURNAL, run_header(design, seed))
    with journal or nullcontext():
        done = {} if journal is None else journal.results
        left = [number for number in range(sets) if number not in done]
        say(sets - len(left), sets)
        with closing(run_sets(design, seed, left, cores)) as stream:
            for finished, result in enumerate(stream, start=sets - len(left) + 1):
                if journal is None:
                    done[result.number] = result
                else:
                    journal.add(result)
                say(finished, sets)
    outcome = judged(design, seed, [done[number] for number in range(sets)])
    if target is not None:
        from .calibration_page import page  # noqa: PLC0415 - plotly costs a second

        replace_text(target / RESULTS, compact_json(outcome.to_dict()))
        replace_text(target / PAGE, page(outcome))
    return outcome


def judged(design: Design, seed: int, results: list[SetResult]) -> Calibration:
    """Return the outcome of finished data sets."""
    asked = quantities(design)
    lost = sum(bool(reason) for result in results for reason in result.lost)
    error = max((result.error for result in results if not np.isnan(result.error)), default=float("nan"))
    verdict = gate(
        [[result.ranks[k] for result in results] for k in range(len(asked))],
        [quantity.name for quantity in asked],
        fits=len(results) * len(design.study.areas),
        lost=lost,
        error=error,
    )
    power = power_table(len(results), len(asked), fits=len(results) * len(design.study.areas))
    needed = sets_needed(len(asked)), sets_needed(len(asked), alone=True)
    return Calibration(design, seed, asked, tuple(results), verdict, tuple(power), needed)


def run_header(design: Design, seed: int) -> dict[str, Any]:
    """Return what the data sets of a run are a function of, as plain data."""
    versions = {name: version(name) for name in _PACKAGES}
    return {"kind": "dissensus calibration", **design.to_dict(), "seed": seed, "source": source_hash()} | {
        "versions": versions
    }


def _tested(calibration: Calibration, k: int) -> dict[str, Any]:
    tests = calibration.verdict.tests[k]
    if tests is None:
        return {"sets": 0}
    return {
        "sets": tests.sets,
        "cover50": tests.coverage[0],
        "cover90": tests.coverage[1],
        "p50": tests.p_coverage[0],
        "p90": tests.p_coverage[1],
        "p_uniform": tests.p_uniform,
    }


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _check_numbers(*, sets: int, seed: int | None, cores: int | None) -> None:
    checks = (("sets", sets, 1), ("seed", seed, 0), ("cores", cores, 1))
    faults = [
        Fault(code=name, message=f'"{name}" is {value}.', remedy=f"Use {least} or more.", value=str(value))
        for name, value, least in checks
        if value is not None and value < least
    ]
    if faults:
        raise InputError(faults)
