"""Memory is estimated before a fit, near what it then takes, and a fit that would not find it is refused."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from dissensus.inference.memory import estimate_memory, free_memory, require_memory

from dissensus import datasets, inference
from dissensus.errors import InputError

from .builders import density_of, make_area, make_study

MEASURED = """
import json, resource, sys
import psutil
from dissensus import datasets, inference
from dissensus.inference.memory import estimate_memory
from dissensus.inference.model import area_densities
from dissensus.inference.result import LOG_LIKELIHOOD_NUMBERS
study = datasets.Study.from_dict(json.loads(sys.argv[1]))
choices = datasets.simulate(study, int(sys.argv[2]), seed=1)
held = psutil.Process().memory_info().rss
needed = estimate_memory(choices, area_densities(choices), draws=2_000, stored=LOG_LIKELIHOOD_NUMBERS)
inference.save(inference.fit(choices, seed=1), sys.argv[3])
print(json.dumps([held + needed, 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss is that of Linux")
def test_the_estimate_is_within_a_quarter_of_the_peak(tmp_path):
    study = make_study(*(make_area(*["x y z -"] * 6, name=name) for name in "ab"))
    command = [sys.executable, "-P", "-c", MEASURED, json.dumps(study.to_dict()), "6000", str(tmp_path / "r.nc")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    predicted, peak = json.loads(done.stdout)
    assert predicted == pytest.approx(peak, rel=0.25)


def _choices(n=50):
    return datasets.simulate(make_study(make_area(*["x y"] * 4)), n, seed=1)


@pytest.mark.parametrize(("less", "more"), [((50, 1_000), (5_000, 1_000)), ((5_000, 1_000), (5_000, 4_000))])
def test_more_agents_and_more_draws_need_more(less, more):
    def needed(agents, draws):
        choices = _choices(agents)
        return estimate_memory(choices, [density_of(choices)], draws=draws, stored=10**9, cores=2)

    assert needed(*less) < needed(*more)


def test_a_fit_that_would_not_find_its_memory_is_refused_before_it_begins():
    said = []
    words = r"would take about 0\.\d GB of memory, more than 0\.0 GB.*max_memory"
    with pytest.raises(InputError, match=words) as caught:
        inference.fit(_choices(), seed=1, max_memory=1e6, progress=said.append)
    assert (caught.value.code, said) == ("memory", [])


def test_the_limit_is_seventy_percent_of_what_is_free(monkeypatch):
    monkeypatch.setattr("dissensus.inference.memory.free_memory", lambda: 1_000)
    require_memory(700)
    with pytest.raises(InputError):
        require_memory(701)


def test_free_memory_is_that_of_the_machine():
    assert 10**7 < free_memory() < 10**14
