"""A column of any type as text: labels as they are written, numbers without a trailing .0, and a code per row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Fault, InputError, brief, shown
from .study import Limits

if TYPE_CHECKING:
    import pyarrow as pa

_EXACT = 2.0**53
"""From here on neighbouring whole numbers can be the same float."""


def encoded(column: Any, name: str, source: str) -> tuple[NDArray[np.integer], NDArray[np.object_]]:
    """Return codes and labels of an Arrow column; labels in order of appearance, each used at least once.

    Raises
    ------
    InputError
        If its values have no text.
    """
    import pyarrow as pa  # noqa: PLC0415 (half a second)

    try:
        return _encoded(column)
    except (pa.ArrowException, ValueError, TypeError, OverflowError, KeyError) as error:
        message = f"The column of type {shown(column.type)} cannot be read as text: {shown(error)}."
        raise InputError(
            Fault(code="column-type", message=message, remedy="Write it as text.", file=source, column=name)
        ) from None


def rounded(column: Any) -> bool:
    """Whether an Arrow column holds whole numbers as floats so large that different ones have become the same."""
    import pyarrow as pa  # noqa: PLC0415

    if not pa.types.is_floating(column.type):
        return False
    values = column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
    return bool((np.abs(values.astype(np.float64)) >= _EXACT).any())


def name_faults(names: Sequence[str], source: str, limits: Limits) -> list[Fault]:
    """Return the faults of the names of columns: too many, too long, twice the same."""
    if len(names) > limits.columns:
        message = f"The table has {len(names):,} columns, more than the limit of {limits.columns:,}."
        remedy = "Raise 'columns' below [table.limits] if that is meant."
        return [Fault(code="too-many-columns", message=message, remedy=remedy, file=source)]
    faults = [
        Fault(
            code="long-label",
            message=f"A column name has {len(name):,} characters, more than the limit of {limits.label:,}.",
            remedy="Rename it, or raise 'label' below [table.limits].",
            file=source,
            column=brief(name),
            value=brief(name),
        )
        for name in dict.fromkeys(names)
        if len(name) > limits.label
    ]
    twice = dict.fromkeys(name for name in names if names.count(name) > 1)
    return faults + [
        Fault(
            code="column-name-twice",
            message=f"{names.count(name)} columns have the name {shown(name)}.",
            remedy="Rename them.",
            file=source,
            column=name,
        )
        for name in twice
    ]


def refuse_nested(fields: Sequence[Any], source: str) -> None:
    """Raise :class:`InputError` for columns whose cells are lists, tables or bytes."""
    faults = [
        Fault(
            code="nested-column",
            message=f"The column holds values of type {brief(each.type)}, not single answers.",
            remedy="Write one value per cell.",
            file=source,
            column=each.name,
        )
        for each in fields
        if is_nested(each.type)
    ]
    if faults:
        raise InputError(faults)


def is_nested(kind: pa.DataType) -> bool:
    """Whether an Arrow type is one of lists, tables or bytes."""
    import pyarrow as pa  # noqa: PLC0415

    if isinstance(kind, pa.BaseExtensionType):
        return is_nested(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return is_nested(kind.value_type)
    tests = ("nested", "binary", "large_binary", "fixed_size_binary", "binary_view", "run_end_encoded", "interval")
    return any(getattr(pa.types, f"is_{test}")(kind) for test in tests)


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type is one of text."""
    import pyarrow as pa  # noqa: PLC0415

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _encoded(column: Any) -> tuple[NDArray[np.integer], NDArray[np.object_]]:
    """Return codes and labels of an Arrow column; labels in order of appearance, each used at least once."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    if pa.types.is_null(column.type):
        return np.full(len(column), -1, dtype=np.int64), np.array([], dtype=object)
    foreign = pa.types.is_dictionary(column.type)
    if not foreign:
        # as one chunk: unifying the dictionaries of many takes longer than encoding
        column = pc.dictionary_encode(column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column)
    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries().combine_chunks()
        if isinstance(column, pa.ChunkedArray):  # an empty column has no chunks
            column = column.chunk(0) if column.num_chunks else pa.array([], pa.string()).dictionary_encode()
    indices = column.indices.cast(pa.int32())
    codes = (indices.fill_null(-1) if indices.null_count else indices).to_numpy(zero_copy_only=False)
    texts = _texts(column.dictionary)
    if not foreign and is_text(column.dictionary.type):
        return codes, texts
    # a dictionary that came with the data may hold null, the same text twice, unused texts, and any order;
    # different values may have the same text
    null = np.array([text is None for text in texts], dtype=bool)
    if null.any():
        codes = np.append(np.where(null, -1, np.cumsum(~null) - 1), -1)[codes]
        texts = texts[~null]
    if len(set(texts)) < len(texts):
        texts, of_text = np.unique(texts, return_inverse=True)
        codes = np.append(of_text, -1)[codes]
    return _by_appearance(codes, texts)


def _by_appearance(
    codes: NDArray[np.integer], labels: NDArray[np.object_]
) -> tuple[NDArray[np.integer], NDArray[np.object_]]:
    first = np.full(len(labels) + 1, len(codes), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)  # the last entry collects nulls
    first = first[:-1]
    if (np.diff(first) > 0).all() and (not len(first) or first[-1] < len(codes)):
        return codes, labels
    order = np.argsort(first, kind="stable")[: np.count_nonzero(first < len(codes))]
    new = np.full(len(labels) + 1, -1, dtype=np.int64)
    new[order] = np.arange(len(order))
    return new[codes], labels[order]


def _texts(values: Any) -> NDArray[np.object_]:
    import pyarrow as pa  # noqa: PLC0415

    kind = values.type
    if pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        numbers = values.to_numpy(zero_copy_only=False)
        whole = (
            pa.types.is_floating(kind) and len(numbers) and bool((np.abs(numbers.astype(np.float64)) < _EXACT).all())
        )
        if whole and (numbers == np.floor(numbers)).all():
            return np.array(values.cast(pa.int64()).cast(pa.string()).to_pylist(), dtype=object)
        return np.array([None if value is None else text_of(value) for value in numbers], dtype=object)
    if pa.types.is_decimal(kind):
        plain = [value if value is None else format(value, "f") for value in values.to_pylist()]
        return np.array([t.rstrip("0").rstrip(".") if t and "." in t else t for t in plain], dtype=object)
    if pa.types.is_integer(kind) or is_text(kind):
        return np.array(values.cast(pa.string()).to_pylist(), dtype=object)
    return np.array([None if value is None else text_of(value) for value in values.to_pylist()], dtype=object)


def text_of(value: Any) -> str:
    """Return a number as it is written: no trailing .0, no exponent."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, float | np.floating):
        return np.format_float_positional(value + 0.0, trim="-") if np.isfinite(value) else str(value)
    return str(value)
