"""Choices from sets that differ, and numbers, in a result: the variables that hold them, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from ..datasets.choices import AreaChoices
from ..datasets.numbers import Numbers
from ..datasets.stages import Stages
from ..datasets.study import Area

_ONE = {
    "shown": ("stage", "place"),
    "chosen": ("stage",),
    "worst": ("stage",),
    "features": ("stage", "place", "feature"),
}
_HELD = ("pattern", "stage", "times")


def stage_variables(place: int, area: AreaChoices) -> dict[str, Any]:
    """Return the variables that hold the stages of an area, by name.

    Parameters
    ----------
    place
        Position of the area.
    area
        The area.
    """
    found: dict[str, Any] = {}
    for stages in area.stages:
        end = f"_{place}_{stages.item}"
        for name, dims in _ONE.items():
            value = getattr(stages, name)
            if value.size:
                found[f"stages_{name}{end}"] = (
                    tuple(f"{dim}{end}" for dim in dims),
                    value.astype(np.int8) if value.dtype == bool else value,
                )
        if len(stages.pattern):
            held = np.stack([getattr(stages, name) for name in _HELD])
            found[f"stages_held{end}"] = (("held", f"entry{end}"), held)
    return found


def stages_of(place: int, area: Area, constant: xr.Dataset) -> tuple[Stages, ...]:
    """Return the stages of an area from the variables that hold them; items without any are left out."""
    return tuple(
        _stages(area, item, f"_{place}_{item}", constant)
        for item in range(len(area.items))
        if f"stages_held_{place}_{item}" in constant
    )


def _stages(area: Area, item: int, end: str, constant: Mapping[Any, Any]) -> Stages:
    shown = constant[f"stages_shown{end}"].values.astype(np.int64)
    features = f"stages_features{end}"
    held = constant[f"stages_held{end}"].values.astype(np.int64)
    return Stages(
        item,
        shown,
        constant[f"stages_chosen{end}"].values.astype(np.int64),
        constant[f"stages_worst{end}"].values.astype(bool),
        constant[features].values.astype(np.float64) if features in constant else np.zeros((*shown.shape, 0)),
        pattern=held[0],
        stage=held[1],
        times=held[2],
        names=tuple(f"{area.items[item].name}: {name}" for name in area.items[item].features),
    )


def number_variables(place: int, area: AreaChoices) -> dict[str, Any]:
    """Return the variables that hold the counts and durations of an area, by name; see :func:`stage_variables`."""
    found: dict[str, Any] = {}
    for numbers in area.numbers:
        end = f"_{place}_{numbers.item}"
        if not len(numbers.pattern):
            continue
        found[f"numbers_value{end}"] = (("number_part", f"value{end}"), np.stack([numbers.value, numbers.exposure]))
        held = np.stack([numbers.pattern, numbers.which, numbers.times])
        found[f"numbers_held{end}"] = (("held", f"number_entry{end}"), held)
    return found


def numbers_of(place: int, area: Area, constant: xr.Dataset) -> tuple[Numbers, ...]:
    """Return the counts and durations of an area from the variables that hold them; items without any are left out."""
    found = []
    for item, written in enumerate(area.items):
        end = f"_{place}_{item}"
        if f"numbers_held{end}" in constant:
            value, exposure = constant[f"numbers_value{end}"].values.astype(np.float64)
            held = constant[f"numbers_held{end}"].values.astype(np.int64)
            found.append(Numbers(item, written.kind, value, exposure, *held))
    return tuple(found)
