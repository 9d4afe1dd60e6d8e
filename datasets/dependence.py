"""Dependent areas in a study, and hidden types of simulated agents: ``[dependence]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from .study_part import Part

if TYPE_CHECKING:
    from .study import Area, Priors, Table
    from .validation import StudyFaults

Array = NDArray[np.float64]

MAX_TYPES = 6
"""Most types of agents of a study: the images of a posterior under their renumberings are all looked at."""
KEY = "dependence"


class Dependence(Part):
    """Hidden types of agents, by which the goals of an agent in different areas depend on each other.

    Parameters
    ----------
    types
        Number T of types. With one, areas are independent.
    """

    types: Annotated[int, Field(ge=1, le=MAX_TYPES)]


def check_dependence(
    dependence: Dependence | None, areas: Sequence[Area], table: Table | None, faults: StudyFaults
) -> None:
    """Add what keeps the areas of a study from depending on each other by types of agents."""
    if dependence is None:
        return
    if table is not None and (table.depends_on or table.periods):
        message = "[dependence] cannot be combined with covariates (depends_on) or periods yet."
        faults.add("dependence-covariates", message, "Leave one of them out.", KEY)
    if len(areas) < 2:
        message = "[dependence] is about how areas depend on each other, and the study has fewer than two."
        faults.add("one-area", message, "Leave [dependence] out, or add an area.", KEY)
    for area in areas:
        if area.several:
            message = (
                f"Agents of area '{area.name}' may follow several goals, which cannot be combined with [dependence]."
            )
            remedy = "Remove several = true, or leave [dependence] out."
            faults.add("not-supported", message, remedy, "several", f"[areas.{area.name}]")
        if area.learned:
            message = f"Area '{area.name}' has learned goals, which cannot be combined with [dependence] yet."
            faults.add("learned-dependence", message, "Give the goals of all areas, or leave [dependence] out.", KEY)


def draw_types(
    areas: Sequence[Area],
    priors: Priors,
    number: int,
    rng: np.random.Generator,
    *,
    given: Mapping[str, ArrayLike] | None = None,
) -> dict[str, Array]:
    """Draw the shares of types and how far each leans to the goals of every area, except those given.

    Parameters
    ----------
    areas, priors
        The areas of the study and the priors.
    number
        Number T of types.
    rng
        Source of chance; as many numbers are drawn whatever is given.
    given
        ``type_share``, (type,), and by the name of an area its leanings, (type, goal), log odds with "no goal" last
        where the area allows it.

    Returns
    -------
    dict
        ``type_share`` and the leanings by area, zero-sum over types and over goals.

    Raises
    ------
    ValueError
        If something given has another shape or range, or is unknown.
    """
    drawn = {"type_share": rng.dirichlet(np.full(number, priors.type_share))}
    for area in areas:
        z = rng.standard_normal((number, len(area.goals) + area.no_goal))
        drawn[area.name] = priors.type_sd * _centred(z)
    for name, value in (given or {}).items():
        if name not in drawn:
            raise ValueError(f"'truth' names {name!r} under 'dependence'; known are {', '.join(drawn)}")
        array = np.array(value, dtype=np.float64)
        if array.shape != drawn[name].shape or not np.isfinite(array).all():
            raise ValueError(f"'truth' has {name!r} under 'dependence' that is not finite of shape {drawn[name].shape}")
        if name == "type_share":
            if not ((array > 0).all() and np.isclose(array.sum(), 1, rtol=0, atol=1e-9)):
                raise ValueError("'truth' has 'type_share' that is not positive with the sum 1")
        else:
            array = _centred(array)
        drawn[name] = array
    return drawn


def type_given_goal(share: Array, types: Array, leaning: Array) -> Array:
    """Return P(type | goal), (type, goal), by iterative proportional fitting.

    Parameters
    ----------
    share
        Shares of the goals, (goal,); a goal of share 0 has any probabilities.
    types
        Shares of the types, (type,).
    leaning
        Log odds, (type, goal).
    """
    odds = np.exp(leaning - leaning.max(axis=0)) * types[:, None]
    for _ in range(100_000):
        odds /= odds.sum(axis=0)
        reached = odds @ share
        if np.abs(reached - types).max() < 1e-15:
            break
        odds *= (types / reached)[:, None]
    return np.asarray(odds / odds.sum(axis=0))


def with_types(
    area: Area,
    parameters: Mapping[str, Array],
    stratum: NDArray[np.int64],
    types: Mapping[str, Array],
    type_of_agent: NDArray[np.int64],
) -> tuple[dict[str, Array], NDArray[np.int64]]:
    """Return parameters by stratum and type in the place of those by stratum, and the stratum and type of each agent.

    Parameters
    ----------
    area, parameters, stratum
        The area, its parameters, and the stratum of each agent, (agent,), whose goal shares they hold.
    types
        What :func:`draw_types` returned.
    type_of_agent
        Type of each agent, (agent,).
    """
    number = len(types["type_share"])
    share = draw_goal_shares(area, parameters, types)
    changed = {**parameters, "group_goal_share": share.reshape(-1, share.shape[2])}
    if "weight_mean" in parameters:
        mean = parameters.get("group_weight_mean", parameters["weight_mean"][None])
        changed["group_weight_mean"] = np.repeat(np.broadcast_to(mean, len(share)), number)
    return changed, stratum * number + type_of_agent


def draw_goal_shares(area: Area, parameters: Mapping[str, Array], types: Mapping[str, Array]) -> Array:
    """Return the goal shares of each type, (group, type, goal), of all agents as one group where there are none."""
    share = parameters.get("group_goal_share", parameters["goal_share"][None])
    tau = types["type_share"]
    joint = np.stack([type_given_goal(own, tau, types[area.name]) * own for own in share])
    return np.asarray(joint / tau[:, None])


def _centred(z: Array) -> Array:
    """Project on the tables whose rows and columns sum to zero."""
    return np.asarray(z - z.mean(axis=0) - z.mean(axis=1, keepdims=True) + z.mean())
