"""Passing: "don't know", a skipped question, as evidence that an agent cares little for the area or has no goal there.

``[areas.X.abstain]`` makes of such codes one more option of every item, the last, which serves no goal. Whether an
agent passes comes first, and then, if it does not, its answer as without it:

    P(pass | state) = logistic(ν_j − λ(x − ½)),    P(o | state) = (1 − P(pass | state)) · P(o | state, answered),

x the weight of the state, or whether it has a goal; ν_j of the item, λ > 0 of the area. So answers that are missing are
not missing at random: who passes has a lower weight, or sooner no goal, and who answers a higher one.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .study_part import Part, Texts

KINDS = ("choice", "ordinal", "pairwise")
"""Kinds of items that an agent may pass on."""


class Abstain(Part):
    """What passing means in an area: ``[areas.X.abstain]``.

    Parameters
    ----------
    codes
        The answers that mean it, in all items of the area of kind ``choice``, ``ordinal`` or ``pairwise`` that do not
        say ``passes = []``. ``""`` stands for an empty cell, which then must not be among the codes of ``missing``.
    means
        ``"low_weight"``: the smaller the weight, the likelier. ``"no_goal"``: likelier without a goal.
    """

    codes: Texts = Field(min_length=1)
    means: Literal["low_weight", "no_goal"]
