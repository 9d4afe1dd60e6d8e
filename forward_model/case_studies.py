"""The two case studies of the paper, ready to run.

References
----------
Kierans, Ghosh, Hazan and Dori-Hacohen, *Quantifying Misalignment Between Agents*, arXiv:2406.04231.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike

from .experiments import whole_number
from .problem_area import ProblemArea
from .score import score

CAR_WEIGHTS: Final = (0.50, 0.40, 0.35, 0.30, 0.20, 0.30, 0.30, 0.30)
PEDESTRIAN_WEIGHTS: Final = (0.99, 0.15, 0.15, 0.05, 0.05, 0.05, 0.01, 0.05)


def shopping_areas() -> list[ProblemArea]:
    """Return the two problem areas of the shopping recommender, ``p_f`` and ``p_h``.

    Three goals: that of the customer ``c``, of the recommender ``R`` and of the recommender under the shop's
    strategy ``R_S``. In the authors' code one row of the matrix of ``p_h`` is misplaced, so that its answer
    depends on the order of the agents; here the conflict of R and R_S is 0.3 both ways, which gives the
    published value.
    """
    goals = ["c", "R", "R_S"]
    return [
        ProblemArea("p_f", goals, 0.1),
        ProblemArea("p_h", goals, {"c|R": 0.5, "c|R_S": 0.9, "R|R_S": 0.3}),
    ]


def shopping_agents() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return goals and weights of the three agents of the shopping recommender, (agent, area)."""
    agents = pd.Index(["c", "R", "R_S"], name="agent")
    goals = pd.DataFrame({"p_f": agents, "p_h": agents}, index=agents)
    weights = pd.DataFrame({"p_f": [0.8, 0.9, 1.0], "p_h": [0.6, 0.7, 1.0]}, index=agents)
    return goals, weights


def shopping() -> xr.Dataset:
    """Return the scores of the shopping recommender: a customer and two versions of what recommends to it.

    Returns
    -------
    xarray.Dataset
        As :func:`.score`; ``overall_misalignment`` is the published 0.2568893.
    """
    return score(*shopping_agents(), shopping_areas())


def cars_and_pedestrians(
    car_share: ArrayLike | None = None,
    *,
    n_agents: int = 1000,
    conflict: float = 1.0,
    car_weights: Sequence[float] = CAR_WEIGHTS,
    pedestrian_weights: Sequence[float] = PEDESTRIAN_WEIGHTS,
    unit_sum: bool = False,
) -> xr.Dataset:
    """Return the scores of self-driving cars and pedestrians against the share of cars, in eight areas.

    Cars hold one goal in every area and pedestrians the other; each kind has its own weights. The score is
    largest at an even split however different the weights are: with geometric means it is a product of a
    number of mixed pairs and a constant.

    Parameters
    ----------
    car_share
        Shares of cars in [0, 1]; default 51 from 0 to 1. The number of cars is rounded down.
    n_agents
        Number of agents.
    conflict
        Conflict between the two goals; 0.5 and 1 in the paper.
    car_weights, pedestrian_weights
        Weights by area, (area,). The defaults are the paper's scenario; its "maximum" has 1 everywhere.
    unit_sum
        Divide each agent's weights by their sum.

    Returns
    -------
    xarray.Dataset
        As :func:`.score`, with the dim ``car_share``.
    """
    shares = np.linspace(0, 1, 51) if car_share is None else np.asarray(car_share, dtype=np.float64)
    names = [f"p_{p + 1}" for p in range(len(car_weights))]
    number = xr.DataArray(whole_number(shares * n_agents), dims="car_share", coords={"car_share": shares})
    is_car = xr.DataArray(np.arange(n_agents), dims="agent") < number
    cars, pedestrians = (
        xr.DataArray(np.array(w) / (sum(w) if unit_sum else 1.0), dims="area", coords={"area": names})
        for w in (car_weights, pedestrian_weights)
    )
    kind = is_car.copy(data=np.where(is_car, "car", "pedestrian")).expand_dims(area=names)
    areas = [ProblemArea(name, ["car", "pedestrian"], conflict) for name in names]
    return score(kind, cars.where(is_car, pedestrians), areas)
