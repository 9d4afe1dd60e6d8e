"""What a result file may hold, looked at before it is parsed: no file can ask for more than it brings.

:func:`declaration_fault` looks at the declarations of the HDF5 bytes, without reading any values, and
:func:`layout_fault` at the parsed groups. Whether the numbers may be used is another question, that of
:func:`~dissensus.inference.verdict.verdict`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from typing import Any

import xarray as xr
from pydantic import ValidationError

from ..datasets.study import Priors, Study
from ..errors import InputError, brief, shown
from .checks import STATES, from_dataset

MAX_GROWTH = 4
"""How often its own size a result may declare. Results are stored as they are, so an honest one declares its size."""
SPARE_BYTES = 1 << 26
"""What any result may declare whatever its size: dimensions without labels take no room."""
MAX_OBJECTS = 10_000
"""Groups and variables of a result; one of 100 areas has some 400."""
_FILTERS = {1, 2, 3}
"""Deflate, shuffle and Fletcher's checksum; other filters are looked for in libraries on the disk."""

_LABELS = "OUST"
_VARIABLES: dict[str, dict[str, tuple[tuple[str, ...], str]]] = {
    "posterior": {"goal_share": (("chain", "draw", "goal"), "f"), "goal": (("goal",), _LABELS)},
    "unconstrained_posterior": {"theta": (("chain", "draw", "coordinate"), "f")},
    "observed_data": {"answers": (("agent", "area"), "iu"), "area": (("area",), _LABELS)},
    "constant_data": {
        "nodes": (("area",), "iu"),
        "group_of_agent": (("agent",), "iu"),
        "area": (("area",), _LABELS),
        "observed_conflict": (("estimand", "area"), "f"),
        "overall_observed_conflict": (("estimand",), "f"),
    },
    "scores": {
        **{
            name: (("chain", "draw", "estimand", "area"), "f")
            for name in ("contention", "misalignment", "relative_misalignment", "observed_conflict")
        },
        **{
            f"overall_{name}": (("chain", "draw", "estimand"), "f")
            for name in ("contention", "misalignment", "relative_misalignment", "observed_conflict")
        },
        "area": (("area",), _LABELS),
        "estimand": (("estimand",), _LABELS),
    },
    "agents": {
        "goal_probability": (("agent", "goal"), "f"),
        "weight": (("agent", "area"), "f"),
        "agent": (("agent",), _LABELS),
    },
    "alternatives": {
        **{
            name: (("area", "structure"), "f")
            for name in ("elpd", "log_density", "khat", "contention_mean", "contention_lower", "contention_upper")
        },
        "area": (("area",), _LABELS),
        "structure": (("structure",), _LABELS),
    },
    "checks": {
        **{name: (("check",), _LABELS) for name in ("name", "state", "area", "message", "scores")},
        **{name: (("check",), "fiu") for name in ("value", "threshold", "blank")},
    },
}
_ATTRIBUTES: dict[str, type | tuple[type, ...]] = {
    "study": dict,
    "priors": dict,
    "data_hash": str,
    "source": str,
    "seed": int,
    "n_agents": int,
    "versions": dict,
    "method": dict,
    "diagnostics": dict,
    "interval": dict,
    "reasons": list,
    "notes": list,
    "state": str,
}


def declaration_fault(data: bytes) -> str | None:
    """Return how HDF5 bytes declare more than they hold or ask for other files, None when they do not.

    Parameters
    ----------
    data
        The bytes, whose checksum is right.
    """
    return next(_declaration_faults(data), None)


def _declaration_faults(data: bytes) -> Iterator[str]:
    import h5py  # noqa: PLC0415

    allowed = MAX_GROWTH * len(data) + SPARE_BYTES
    with io.BytesIO(data) as stream, h5py.File(stream, "r") as file:
        total, n_objects = 0, 1
        seen: set[int] = set()
        found: list[tuple[str, Any]] = [("/", file)]
        while found:
            name, one = found.pop()
            place = h5py.h5o.get_info(one.id).addr
            if place in seen:
                yield f"{shown(name)} stands in it twice"
            seen.add(place)
            total += sum(_size(one.attrs.get_id(key)) for key in one.attrs)
            if isinstance(one, h5py.Group):
                n_objects += len(one)
                if n_objects > MAX_OBJECTS:
                    yield f"it holds more than {MAX_OBJECTS:,} groups and variables"
                if any(not isinstance(one.get(key, getlink=True), h5py.HardLink) for key in one):
                    yield f"{shown(name)} has a link to another place"
                found += [(key, one[key]) for key in one]
            elif isinstance(one, h5py.Dataset):
                yield from _variable_faults(one, name)
                total += _size(one)
            if total > allowed:
                yield f"it declares over {allowed:,} bytes, which its {len(data):,} cannot hold"


def _size(one: Any) -> int:
    return math.prod((int(one.dtype.itemsize), *map(int, one.shape or ())))


def _variable_faults(found: Any, name: str) -> Iterator[str]:
    if found.external or found.is_virtual:
        yield f"{shown(name)} lies in another file"
    created = found.id.get_create_plist()
    if any(created.get_filter(place)[0] not in _FILTERS for place in range(created.get_nfilters())):
        yield f"{shown(name)} is packed with an unknown filter"
    if found.dtype.kind not in "iufbSO" or found.shape is None:
        yield f"{shown(name)} is of type {brief(found.dtype)}"


def _is_empty(found: xr.Variable) -> bool:
    """Return whether a variable holds nothing; there may be no unknown parameter (one goal, one answer per agent)."""
    return any(size == 0 for dim, size in found.sizes.items() if dim != "coordinate")


def layout_fault(groups: Mapping[str, xr.Dataset], attributes: Mapping[str, Any]) -> str | None:
    """Return what a result lacks or holds in another form, None when it has the form of a result.

    Parameters
    ----------
    groups
        The groups by path.
    attributes
        The attributes, decoded.
    """
    return next(_faults(groups, attributes), None)


def _faults(groups: Mapping[str, xr.Dataset], attributes: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong; each question may take for granted that those before it were answered well."""
    for name, kind in _ATTRIBUTES.items():
        if name not in attributes:
            yield f"it has no {name}"
        elif not isinstance(attributes[name], kind) or isinstance(attributes[name], bool):
            yield f"its {name} is of another type"
    for name, variables in _VARIABLES.items():
        if name not in groups:
            yield f"it has no {name}"
        for variable, (dims, kinds) in variables.items():
            found = groups[name].variables.get(variable)
            if found is None:
                yield f"its {name} have no {variable}"
            elif found.dims != dims or found.dtype.kind not in kinds or _is_empty(found):
                yield f"the {variable} of its {name} has another form"
    yield from _attribute_faults(attributes)
    yield from _agreement_faults(groups, attributes)


def _attribute_faults(attributes: Mapping[str, Any]) -> Iterator[str]:
    if attributes["state"] not in STATES:
        yield "its state is none"
    for name in ("reasons", "notes"):
        if not all(isinstance(text, str) for text in attributes[name]):
            yield f"its {name} are not texts"
    if not isinstance(attributes["versions"].get("dissensus"), str):
        yield "its versions do not name dissensus"
    interval = attributes["interval"]
    if interval.get("kind") != "eti" or not isinstance(interval.get("prob"), float):
        yield "its interval is of another kind"
    if not all(isinstance(value, str) for value in attributes["method"].values()):
        yield "its method is not a text"
    if not all(isinstance(value, dict) and "effective" in value for value in attributes["diagnostics"].values()):
        yield "its diagnostics are not tables"
    try:
        Study.from_dict(attributes["study"])
    except InputError as error:
        yield f"its study is faulty ({brief(error.faults[0].message)})"
    try:
        Priors(**attributes["priors"])
    except (ValidationError, TypeError):
        yield "its priors are faulty"


def _agreement_faults(groups: Mapping[str, xr.Dataset], attributes: Mapping[str, Any]) -> Iterator[str]:
    """Yield what in one part of a result does not fit another."""
    areas = list(attributes["study"]["areas"])
    for name in ("observed_data", "constant_data", "scores", "alternatives"):
        if groups[name]["area"].values.tolist() != areas:
            yield f"the areas of its {name} are not those of its study"
    for name in ("method", "diagnostics"):
        if list(attributes[name]) != areas:
            yield f"the areas of its {name} are not those of its study"
    if groups["scores"]["estimand"].values.tolist() != ["sample", "population"]:
        yield "its estimands are others"
    if {groups[name].sizes["agent"] for name in ("observed_data", "constant_data", "agents")} != {
        attributes["n_agents"]
    }:
        yield "its numbers of agents differ"
    for place in range(len(areas)):
        counts = groups["constant_data"].variables.get(f"counts_{place}")
        if counts is None or counts.ndim != 2 or counts.dtype.kind not in "iu":
            yield f"its constant_data have no counts_{place}"
    try:
        checks = from_dataset(groups["checks"])
    except (ValueError, TypeError, RecursionError) as error:
        yield f"its checks are faulty ({shown(error)})"
    else:
        if not all(check.state in STATES for check in checks):
            yield "a check has no state"
