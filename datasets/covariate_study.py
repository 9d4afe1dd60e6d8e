"""What a study says of a column that goals and weights depend on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .study_part import Part, Texts


class CovariateColumn(Part):
    """A column of ``depends_on``: ``[table.covariates.X]``.

    Parameters
    ----------
    kind
        ``"numeric"``: a number, whose effect is linear in the logits. ``"categorical"``: levels, each with an effect of
        its own. None: numeric when all its labels are numbers and there are more than 10 of them, or they are not all
        whole; categorical when some label is no number, or there are two.
    levels
        The levels of a categorical column in order, all of them; empty for those of the table.
    bins
        Where a numeric column is cut into levels, increasing: ``[30, 60]`` makes three, below 30, from 30 to below 60,
        and from 60 on.
    """

    kind: Literal["numeric", "categorical"] | None = None
    levels: Texts = ()
    bins: Annotated[tuple[float, ...], Field(strict=False)] = ()
