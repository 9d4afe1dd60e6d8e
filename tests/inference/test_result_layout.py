"""What a result file may declare and must hold, asked of the declarations and of the parsed groups."""

from __future__ import annotations

import functools
import io
import json

import h5py
import numpy as np
import pytest
import xarray as xr
from dissensus.inference import result_layout as module
from dissensus.inference.result_layout import declaration_fault, layout_fault

from .fitted import stouffer_toby


@functools.cache
def _whole():
    fit = stouffer_toby()[1]
    groups = {name: node.to_dataset().isel(draw=slice(3), missing_dims="ignore") for name, node in fit.children.items()}
    return groups, {str(key): json.loads(text) for key, text in fit.attrs.items()}


def _fault(groups=None, **attributes):
    """Return the fault of a result some groups or attributes of which are others; None takes one out."""
    whole, said = _whole()
    changed = {k: v for k, v in (whole | (groups or {})).items() if v is not None}
    return layout_fault(changed, {k: v for k, v in (said | attributes).items() if v is not None})


def test_a_result_has_the_form_of_one():
    assert _fault() is None
    assert _fault(mine="something more") is None
    assert _fault({"prior": xr.Dataset({"x": ("draw", [1.0])})}) is None


NEEDED = [(group, name) for group, variables in module._VARIABLES.items() for name in variables]


@pytest.mark.parametrize("group", sorted(module._VARIABLES))
def test_every_group_is_needed(group):
    assert _fault({group: None}) == f"it has no {group}"


@pytest.mark.parametrize(("group", "name"), NEEDED)
def test_every_variable_is_needed_in_its_form(group, name):
    data = _whole()[0][group].reset_coords()
    found = data[name].variable

    def fault(variable):
        plain = data.drop_vars(name).drop_indexes(data.indexes, errors="ignore")
        return _fault({group: plain.assign({name: variable} if variable is not None else {})})

    another_form = f"the {name} of its {group} has another form"
    assert fault(None) == f"its {group} have no {name}"
    assert fault(xr.Variable(found.dims, found.values)) is None
    assert fault(xr.Variable([f"other_{dim}" for dim in found.dims], found.values)) == another_form
    assert fault(xr.Variable((*found.dims, "more"), found.values[..., None])) == another_form
    assert fault(xr.Variable(found.dims, np.zeros(found.shape, dtype="c16"))) == another_form
    wrong = np.zeros(found.shape) if found.dtype.kind in "OUST" else np.full(found.shape, "x")
    assert fault(xr.Variable(found.dims, wrong)) == another_form


def test_a_variable_without_any_value_is_none():
    data = _whole()[0]["unconstrained_posterior"].isel(draw=slice(0))
    assert _fault({"unconstrained_posterior": data}) == "the theta of its unconstrained_posterior has another form"


OTHER_TYPES = {dict: [1], str: 3, int: "3", list: {"a": 1}}


@pytest.mark.parametrize("name", sorted(module._ATTRIBUTES))
def test_every_attribute_is_needed_in_its_type(name):
    assert _fault(**{name: None}) == f"it has no {name}"
    assert _fault(**{name: OTHER_TYPES[module._ATTRIBUTES[name]]}) == f"its {name} is of another type"
    assert _fault(**{name: True}) == f"its {name} is of another type"


@pytest.mark.parametrize(
    ("attributes", "fault"),
    [
        ({"state": "note"}, None),
        ({"state": "fine"}, "its state is none"),
        ({"reasons": ["a", "b"]}, None),
        ({"reasons": ["a", 1]}, "its reasons are not texts"),
        ({"notes": [None, "a"]}, "its notes are not texts"),
        ({"versions": {"dissensus": "9", "numpy": 3}}, None),
        ({"versions": {"dissensus": 9}}, "its versions do not name dissensus"),
        ({"interval": {"kind": "eti", "prob": 0.5}}, None),
        ({"interval": {"kind": "eti", "prob": "0.5"}}, "its interval is of another kind"),
        ({"interval": {"kind": "hdi", "prob": 0.5}}, "its interval is of another kind"),
        ({"interval": {}}, "its interval is of another kind"),
        ({"method": {"role_conflict": "nuts"}}, None),
        ({"method": {"role_conflict": 1}}, "its method is not a text"),
        ({"method": {}}, "the areas of its method are not those of its study"),
        ({"method": {"role_conflict": "nuts", "b": "nuts"}}, "the areas of its method are not those of its study"),
        ({"diagnostics": {"role_conflict": {"effective": 1}}}, None),
        ({"diagnostics": {"role_conflict": {}}}, "its diagnostics are not tables"),
        ({"diagnostics": {"role_conflict": "effective"}}, "its diagnostics are not tables"),
        ({"diagnostics": {}}, "the areas of its diagnostics are not those of its study"),
        ({"priors": {"goal_share": "many"}}, "its priors are faulty"),
        ({"priors": {"nothing": 1.0}}, "its priors are faulty"),
        ({"n_agents": 215}, "its numbers of agents differ"),
    ],
)
def test_what_attributes_say(attributes, fault):
    assert list(_whole()[1]["study"]["areas"]) == ["role_conflict"]
    assert _fault(**attributes) == fault


@pytest.mark.parametrize("group", ["observed_data", "constant_data", "scores", "alternatives"])
def test_areas_are_those_of_the_study_everywhere(group):
    data = _whole()[0][group].assign_coords(area=["elsewhere"])
    assert _fault({group: data}) == f"the areas of its {group} are not those of its study"


@pytest.mark.parametrize("estimands", [["population", "sample"], ["sample", "other"]])
def test_estimands_are_sample_and_population_in_this_order(estimands):
    assert _fault({"scores": _whole()[0]["scores"].assign_coords(estimand=estimands)}) == "its estimands are others"


@pytest.mark.parametrize("group", ["observed_data", "constant_data", "agents"])
def test_every_group_has_all_agents(group):
    assert _fault({group: _whole()[0][group].isel(agent=slice(1, None))}) == "its numbers of agents differ"


@pytest.mark.parametrize("wrong", [None, ("x", [1, 2]), (("x", "y"), [[0.5]]), (("x", "y", "z"), [[[1]]])])
def test_counts_are_whole_numbers_by_pattern_and_option(wrong):
    data = _whole()[0]["constant_data"].drop_vars("counts_0")
    changed = data if wrong is None else data.assign(counts_0=wrong)
    assert _fault({"constant_data": changed}) == "its constant_data have no counts_0"
    assert _fault({"constant_data": data.assign(counts_0=(("x", "y"), [[1, 0]]))}) is None


def _checks(**values):
    data = _whole()[0]["checks"].copy(deep=True)
    for name, value in values.items():
        data[name].values[1] = value
    return {"checks": data}


def test_checks_can_be_read_and_have_states():
    assert _fault(_checks(state="caution", scores="[]", area="")) is None
    assert _fault(_checks(state="fine")) == "a check has no state"
    assert _fault(_checks(scores="{")).startswith("its checks are faulty (")
    assert _fault(_checks(scores="3")).startswith("its checks are faulty (")


def _file(change):
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        change(file)
    return stream.getvalue()


def _of_size(numbers, attributes=0):
    """Return a file that declares so many numbers of 8 bytes and stores none."""

    def change(file):
        one = file.create_dataset("x", (numbers,), "f8", chunks=(100,))
        if attributes:
            one.attrs["x"] = np.zeros(attributes)

    return _file(change)


@pytest.mark.parametrize("attributes", [0, 50])
def test_a_file_declares_four_times_its_size_and_some_spare_bytes_at_most(attributes, monkeypatch):
    monkeypatch.setattr(module, "SPARE_BYTES", 80_000)
    size = len(_of_size(1_000, attributes))
    most = (4 * size + 80_000) // 8 - attributes
    assert len(_of_size(most, attributes)) == size
    assert declaration_fault(_of_size(most, attributes)) is None
    fault = declaration_fault(_of_size(most + 1, attributes))
    assert fault == f"it declares over {4 * size + 80_000:,} bytes, which its {size:,} cannot hold"


def test_sizes_of_all_variables_count_together_and_texts_by_their_width(monkeypatch):
    monkeypatch.setattr(module, "SPARE_BYTES", 10_000)

    def change(file):
        for name in "abc":
            file.create_dataset(f"{name}/x", (50, 20), "S100", chunks=(50, 20))

    data = _file(change)
    allowed = 4 * len(data) + 10_000
    assert allowed < 300_000
    assert "declares over" in declaration_fault(data)
    monkeypatch.setattr(module, "SPARE_BYTES", 300_000 - 4 * len(data))
    assert declaration_fault(data) is None
    monkeypatch.setattr(module, "SPARE_BYTES", 300_000 - 4 * len(data) - 1)
    assert "declares over" in declaration_fault(data)


@pytest.mark.parametrize("groups", [1, 3])
def test_groups_and_variables_are_counted_wherever_they_stand(groups, monkeypatch):
    """The file itself counts as one."""

    def change(file):
        for place in range(groups):
            for number in range(4):
                file.create_dataset(f"g{place}/x{number}", data=1.0)

    number = 1 + groups + 4 * groups
    monkeypatch.setattr(module, "MAX_OBJECTS", number)
    assert declaration_fault(_file(change)) is None
    monkeypatch.setattr(module, "MAX_OBJECTS", number - 1)
    assert declaration_fault(_file(change)) == f"it holds more than {number - 1} groups and variables"


def test_limits_are_those_of_the_page():
    assert (module.MAX_GROWTH, module.SPARE_BYTES, module.MAX_OBJECTS) == (4, 64 * 2**20, 10_000)


@pytest.mark.parametrize("deep", ["", "a/b/"])
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            lambda f, at: f.create_dataset(f"{at}x", (10,), "f8", compression="gzip", shuffle=True, fletcher32=True),
            None,
        ),
        (
            lambda f, at: f.create_dataset(f"{at}x", (10,), "f8", compression="lzf"),
            "'x' is packed with an unknown filter",
        ),
        (lambda f, at: f.create_dataset(f"{at}x", (10,), "f8", shuffle=True, compression="lzf"), "unknown filter"),
        (lambda f, at: f.create_dataset(f"{at}x", data=h5py.Empty("f8")), "'x' is of type float64"),
        (lambda f, at: f.create_dataset(f"{at}x", (2,), "c16"), "'x' is of type complex128"),
        (lambda f, at: f.create_dataset(f"{at}x", (2,), "u2"), None),
        (lambda f, at: f.create_dataset(f"{at}x", (2,), "S3"), None),
        (lambda f, at: f.create_dataset(f"{at}x", (2,), "?"), None),
        (lambda f, at: f.create_dataset(f"{at}x", (2,), h5py.string_dtype()), None),
        (lambda f, at: f.create_dataset(f"{at}x", (9,), "f8", external=[("o", 0, 72)]), "'x' lies in another file"),
        (lambda f, at: f.__setitem__(f"{at}x", h5py.SoftLink("/")), "has a link to another place"),
        (lambda f, at: f.__setitem__(f"{at}x", h5py.ExternalLink("o.nc", "/")), "has a link to another place"),
        (lambda f, at: (f.require_group(f"{at}y"), f.__setitem__(f"{at}x", f["/"])), "stands in it twice"),
    ],
)
def test_variables_are_plain_and_in_the_file(change, fault, deep):
    found = declaration_fault(_file(lambda file: change(file, deep)))
    assert found is None if fault is None else fault in found


def test_one_variable_under_two_names_is_found():
    def change(file):
        file["x"] = np.zeros(3)
        file["group/y"] = file["x"]

    assert "stands in it twice" in declaration_fault(_file(change))
