"""What one part of the package hands to another cannot be changed behind its back, and can be a key of a cache."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from dissensus.inference.checkpoint import Finished, Recovered
from dissensus.inference.checks import Check
from dissensus.inference.density import AreaDensity, evaluate_rows
from dissensus.inference.marginal import Evaluation, Rows
from dissensus.inference.option_table import OptionTable
from dissensus.inference.parameters import Parameters, Values
from dissensus.inference.states import States
from dissensus.inference.verdict import Verdict

from .builders import CASES, density_of


def _made():
    density = density_of(CASES["groups"]())
    values, _, parts = evaluate_rows(density, np.zeros((1, density.size)))
    of_arrays = [density, density.states, density.table, density.rows, density.parameters, values, parts]
    return of_arrays, [
        *(Check("khat", "ok", None, ""), Verdict("ok", (), (), ())),
        *(Finished("a", 0, (5, 5)), Recovered({}, (), {})),
    ]


OF_ARRAYS, PLAIN = _made()


@pytest.mark.parametrize("one", [*OF_ARRAYS, *PLAIN], ids=lambda one: type(one).__name__)
def test_no_field_can_be_set(one):
    for field in dataclasses.fields(one):
        before = getattr(one, field.name)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(one, field.name, before)
        assert getattr(one, field.name) is before


@pytest.mark.parametrize("one", OF_ARRAYS, ids=lambda one: type(one).__name__)
def test_what_holds_arrays_is_equal_to_itself_only(one):
    """Arrays have no truth value, so comparing field by field would fail, and a cache could not hold it."""
    again = dataclasses.replace(one)
    assert one == one  # noqa: PLR0124 - what is asked
    assert one != again
    assert len({one, again}) == 2


def test_these_are_all_of_them():
    found = {type(one) for one in (*OF_ARRAYS, *PLAIN)}
    assert found == {
        *(AreaDensity, States, OptionTable, Rows, Values, Evaluation),
        *(Parameters, Check, Verdict, Finished, Recovered),
    }


def test_what_holds_no_arrays_is_compared_by_what_it_says():
    assert Finished("a", 0, (5, 5)) == Finished("a", 0, (5, 5)) != Finished("a", 1, (5, 5))
    assert Verdict("ok", (), (), ()) == Verdict("ok", (), (), ()) != Verdict("refused", (), (), ())
