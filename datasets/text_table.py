"""Any table as columns of text: CSV, TSV, Parquet and data frames, with nothing guessed."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import Fault, InputError, shown
from .csv_file import CsvFile, open_csv
from .study import Limits

if TYPE_CHECKING:
    import pyarrow as pa

_CSV = {".csv", ".tsv", ".tab", ".txt", ".dat", ".data"}
_PARQUET = {".parquet", ".pq"}
_MAGIC = (
    (b"PAR1", "a Parquet file", "Rename it to end in .parquet."),
    (b"PK\x03\x04", "a zip archive or an Excel file", "Export the table as CSV."),
    (b"\xd0\xcf\x11\xe0", "an old Excel file", "Export the table as CSV."),
    (b"\x1f\x8b", "a gzip file", "Let its name end in .csv.gz."),
    (b"$FL2", "an SPSS file", "Export the table as CSV."),
    (b"<stata_dta>", "a Stata file", "Export the table as CSV."),
    (b"\x89HDF", "an HDF5 file", "Export the table as CSV."),
    (b"%PDF", "a PDF file", "Export the table as CSV."),
    (b"RDX", "an R data file", "Export the table as CSV."),
    (b"SQLite format", "an SQLite database", "Export the table as CSV."),
)


@dataclass
class TextTable:
    """A table whose columns are given as text.

    Parameters
    ----------
    names
        Names of all columns.
    source
        Where it came from, for messages.
    faults
        What is wrong with it as a file.
    """

    names: tuple[str, ...]
    source: str
    faults: list[Fault] = field(default_factory=list)
    _arrow: Any = None
    _csv: CsvFile | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self._arrow.num_rows)

    def lines(self, rows: Sequence[int]) -> list[int | None]:
        """Return the line of each row in the file; None where a table has no lines."""
        return [None] * len(rows) if self._csv is None else self._csv.lines(rows)

    def place(self, line: int | None, row: int) -> str:
        """Return how a message speaks of a row."""
        return f"row {row + 1:,}" if line is None else f"line {line:,}"

    def column(self, name: str) -> tuple[NDArray[np.integer], NDArray[np.object_]]:
        """Return a column as codes, (row,), −1 for null, and the distinct labels in order of appearance."""
        return _encoded(self._arrow.column(name))

    def numbers(self, name: str) -> NDArray[np.float64] | None:
        """Return a column of numbers, (row,), NaN for null; None when it is text."""
        import pyarrow as pa  # noqa: PLC0415 (half a second)

        column = self._arrow.column(name)
        kind = column.type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            return None
        values: NDArray[np.float64] = column.cast(pa.float64()).to_numpy()
        return values


def open_table(
    table: Any,
    wanted: Sequence[str],
    limits: Limits,
    *,
    plain: str | None = None,
    delimiter: str | None = None,
    source: str | None = None,
) -> TextTable:
    """Open a table and read the wanted columns, those that it has.

    Parameters
    ----------
    table
        Path of a CSV, TSV or Parquet file, or a data frame.
    wanted
        Names of columns.
    limits
        Sizes above which it is refused.
    plain
        A column whose labels hardly repeat, so that encoding them while reading would be wasted.
    delimiter
        Character between fields, None for that of the kind of file.
    source
        Name in messages.

    Raises
    ------
    InputError
        If it cannot be read at all.
    TypeError
        If ``table`` is no path and no data frame.
    """
    if isinstance(table, str | os.PathLike):
        return _open_file(table, wanted, limits, plain, delimiter, source)
    return _open_frame(table, wanted, limits, source)


def _open_file(
    table: str | os.PathLike[str],
    wanted: Sequence[str],
    limits: Limits,
    plain: str | None,
    delimiter: str | None,
    source: str | None,
) -> TextTable:
    path = Path(table)
    file = source or str(table)

    def refuse(code: str, message: str, remedy: str) -> InputError:
        return InputError(Fault(code=code, message=message, remedy=remedy, file=file))

    if "://" in str(table):
        raise refuse("url", "A table is read from disk, never from an address.", "Download it first.")
    try:
        state = path.stat()
        head = b""
        if stat.S_ISREG(state.st_mode):  # asked before opening: opening a FIFO would wait for its writer
            with path.open("rb") as stream:
                head = stream.read(16)
    except FileNotFoundError:
        raise refuse("no-file", "There is no such file.", "Check the path.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        raise refuse("unreadable", f"The file cannot be read: {shown(error)}.", "Check its permissions.") from None
    if not stat.S_ISREG(state.st_mode):
        what = "a folder" if stat.S_ISDIR(state.st_mode) else "not an ordinary file"
        raise refuse("not-a-file", f"The path is {what}.", "Give the path of a CSV, TSV or Parquet file.")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    gz = suffixes[-1:] == [".gz"]
    kind = (suffixes[:-1] if gz else suffixes)[-1:]
    if kind and kind[0] in _PARQUET and not gz:
        return _open_parquet(path, file, head, wanted, limits, plain)
    if delimiter is None and not (kind and kind[0] in _CSV):
        message = f"{shown(path.suffix)} is no kind of table that is read here."
        raise refuse("unknown-kind", message, "Give a .csv, .tsv or .parquet file, or a delimiter in [table].")
    for magic, what, remedy in _MAGIC:
        if head.startswith(magic) and not (gz and magic == b"\x1f\x8b"):
            raise refuse("wrong-kind", f"The name says text, but this is {what}.", remedy)
    opened = open_csv(path, file, delimiter, limits)
    arrow = opened.read([name for name in dict.fromkeys(wanted) if name in opened.names], limits, plain)
    return TextTable(opened.names, file, opened.faults, arrow, opened)


def _open_parquet(
    path: Path, file: str, head: bytes, wanted: Sequence[str], limits: Limits, plain: str | None
) -> TextTable:
    import pyarrow as pa  # noqa: PLC0415 (half a second)
    from pyarrow import parquet  # noqa: PLC0415

    def refuse(code: str, message: str, remedy: str) -> InputError:
        return InputError(Fault(code=code, message=message, remedy=remedy, file=file))

    if not head:
        raise refuse("empty-file", "The file is empty.", "Write the table anew.")
    if not head.startswith(b"PAR1"):
        kinds = [what for magic, what, _ in _MAGIC if head.startswith(magic)]
        looks = kinds[0] if kinds else "text" if head.isascii() and b"\0" not in head else "something else"
        raise refuse("wrong-kind", f"This is not a Parquet file but {looks}.", "Give the file its right ending.")
    try:
        opened = parquet.ParquetFile(path)
    except (pa.ArrowException, OSError, ValueError) as error:  # ValueError: names that are not UTF-8
        message = f"The Parquet file is truncated or damaged: {shown(error)}."
        raise refuse("damaged", message, "Write or fetch it anew.") from None
    with opened:
        schema = opened.schema_arrow
        table = TextTable(tuple(schema.names), file, _name_faults(schema.names, file, limits))
        present = [name for name in dict.fromkeys(wanted) if name in schema.names]
        _refuse_nested([schema.field(name) for name in present if schema.names.count(name) == 1], file)
        size = max(
            sum(opened.metadata.row_group(g).total_byte_size for g in range(opened.metadata.num_row_groups)),
            4 * opened.metadata.num_rows * len(present),
        )
        if size > limits.bytes:
            message = f"The table takes {size:,} bytes, more than the limit of {limits.bytes:,}."
            raise refuse("too-large", message, "Raise 'bytes' below [table.limits] if that is meant.")
        if table.faults:
            raise InputError(table.faults)
        # text that repeats stays in the file's own dictionaries: faster, and a fraction of the memory
        texts = [name for name in present if name != plain and _is_text(schema.field(name).type)]
    try:
        table._arrow = parquet.read_table(path, columns=present, read_dictionary=texts, partitioning=None)
        table._arrow.validate(full=True)  # text that is no UTF-8, positions outside a dictionary
    except (pa.ArrowException, OSError, ValueError) as error:
        message = f"The Parquet file is truncated or damaged: {shown(error)}."
        raise refuse("damaged", message, "Write or fetch it anew.") from None
    return table


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa  # noqa: PLC0415

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _refuse_nested(fields: Sequence[Any], file: str) -> None:
    import pyarrow as pa  # noqa: PLC0415

    faults = [
        Fault(
            code="nested-column",
            message=f"The column holds values of type {each.type}, not single answers.",
            remedy="Write one value per cell.",
            file=file,
            column=each.name,
        )
        for each in fields
        if pa.types.is_nested(each.type) or pa.types.is_binary(each.type) or pa.types.is_large_binary(each.type)
    ]
    if faults:
        raise InputError(faults)


def _name_faults(names: Sequence[str], source: str, limits: Limits) -> list[Fault]:
    if len(names) > limits.columns:
        message = f"The table has {len(names):,} columns, more than the limit of {limits.columns:,}."
        remedy = "Raise 'columns' below [table.limits] if that is meant."
        return [Fault(code="too-many-columns", message=message, remedy=remedy, file=source)]
    twice = dict.fromkeys(name for name in names if names.count(name) > 1)
    return [
        Fault(
            code="column-name-twice",
            message=f"{names.count(name)} columns have the name {shown(name)}.",
            remedy="Rename them.",
            file=source,
            column=name,
        )
        for name in twice
    ]


def _open_frame(frame: Any, wanted: Sequence[str], limits: Limits, source: str | None) -> TextTable:
    import pyarrow as pa  # noqa: PLC0415 (half a second)

    source = source or type(frame).__name__
    if isinstance(frame, pd.DataFrame):
        names = [str(name) for name in frame.columns]
    elif isinstance(frame, pa.Table | pa.RecordBatch):
        names = list(frame.schema.names)
    else:
        frame = _native(frame)
        names = list(frame.collect_schema().names())
    faults = _name_faults(names, source, limits)
    if faults:
        raise InputError(faults)
    present = [name for name in dict.fromkeys(wanted) if name in names]
    if isinstance(frame, pd.DataFrame):
        arrays = [_from_pandas(frame.iloc[:, names.index(name)]) for name in present]
        arrow = pa.table(dict(zip(present, arrays, strict=True))) if present else _no_columns(len(frame))
    elif isinstance(frame, pa.Table | pa.RecordBatch):
        arrow = frame.select(present) if isinstance(frame, pa.Table) else pa.table(frame.select(present))
    else:
        import narwhals as nw  # noqa: PLC0415

        chosen = frame.select(present)
        arrow = chosen.collect("pyarrow").to_native() if isinstance(chosen, nw.LazyFrame) else chosen.to_arrow()
    _refuse_nested([arrow.schema.field(name) for name in present], source)
    return TextTable(tuple(names), source, [], arrow)


def _no_columns(n: int) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    return pa.table({"": pa.nulls(n)}).select([])


def _native(frame: Any) -> Any:
    import narwhals as nw  # noqa: PLC0415

    try:
        return nw.from_native(frame)
    except TypeError:
        message = f"'table' is a {type(frame).__name__}: give a path, or a pandas, Arrow, Polars or DuckDB table."
        raise TypeError(message) from None


def _from_pandas(column: pd.Series[Any]) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    if column.dtype == object and not set(map(type, column)) <= {str, type(None)}:
        # a column of mixed values has no Arrow type: take the text of each value, as a file would have held it
        absent = column.map(_refuse_several).isna()
        return pa.array([None if gone else _text(v) for v, gone in zip(column, absent, strict=True)], pa.string())
    try:
        return pa.array(column, from_pandas=True)
    except UnicodeEncodeError:
        raise InputError(
            Fault(
                code="encoding",
                message="The column holds text with characters that are no characters (lone surrogates).",
                remedy="Read the file it came from with its right encoding.",
                column=str(column.name),
            )
        ) from None


def _refuse_several(value: Any) -> Any:
    if isinstance(value, list | tuple | set | dict | np.ndarray):
        message = f"The column holds values of type {type(value).__name__}, not single answers."
        raise InputError(Fault(code="nested-column", message=message, remedy="Write one value per cell."))
    return value


def _text(value: Any) -> str:
    """Return a number as it is written: no trailing .0, no exponent."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, float | np.floating):
        return np.format_float_positional(value + 0.0, trim="-") if np.isfinite(value) else str(value)
    return str(value)


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
    if not foreign and _is_text(column.dictionary.type):
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
        whole = pa.types.is_floating(kind) and len(numbers) and bool((np.abs(numbers) < 2**53).all())
        if whole and (numbers == np.floor(numbers)).all():
            return np.array(values.cast(pa.int64()).cast(pa.string()).to_pylist(), dtype=object)
        return np.array([None if value is None else _text(value) for value in numbers], dtype=object)
    if pa.types.is_decimal(kind):
        plain = [value if value is None else format(value, "f") for value in values.to_pylist()]
        return np.array([t.rstrip("0").rstrip(".") if t and "." in t else t for t in plain], dtype=object)
    if pa.types.is_integer(kind) or _is_text(kind):
        return np.array(values.cast(pa.string()).to_pylist(), dtype=object)
    return np.array([None if value is None else _text(value) for value in values.to_pylist()], dtype=object)
