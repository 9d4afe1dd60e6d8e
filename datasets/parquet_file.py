"""Parquet files: their kind and their size are looked at before anything is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Fault, InputError, shown
from .column_text import is_text, name_faults, refuse_nested
from .file_bytes import SMALL, grows, kind_of_file
from .study import Limits

if TYPE_CHECKING:
    import pyarrow as pa


def read_parquet(
    path: Path, file: str, head: bytes, wanted: Sequence[str], limits: Limits, plain: str | None
) -> tuple[tuple[str, ...], pa.Table]:
    """Return the names of all columns of a Parquet file and, as an Arrow table, those that are wanted.

    Parameters
    ----------
    path, file
        The file, and its name in messages.
    head
        Its first bytes.
    wanted
        Names of columns; those it does not have are left out.
    limits
        Sizes above which it is refused.
    plain
        A column whose labels hardly repeat.

    Raises
    ------
    InputError
        If it is too large, damaged, or no Parquet file.
    """
    import pyarrow as pa  # noqa: PLC0415 (half a second)
    from pyarrow import parquet  # noqa: PLC0415

    def refuse(code: str, message: str, remedy: str) -> InputError:
        return InputError(Fault(code=code, message=message, remedy=remedy, file=file))

    if not head:
        raise refuse("empty-file", "The file is empty.", "Write the table anew.")
    if not head.startswith(b"PAR1"):
        known = kind_of_file(head)
        looks = known[0] if known else "text" if head.isascii() and b"\0" not in head else "something else"
        raise refuse("wrong-kind", f"This is not a Parquet file but {looks}.", "Give the file its right ending.")
    try:
        opened = parquet.ParquetFile(path)
    except (pa.ArrowException, OSError, ValueError) as error:  # ValueError: names that are not UTF-8
        message = f"The Parquet file is truncated or damaged: {shown(error)}."
        raise refuse("damaged", message, "Write or fetch it anew.") from None
    with opened:
        schema = opened.schema_arrow
        faults = name_faults(schema.names, file, limits)
        if faults:
            raise InputError(faults)
        present = [name for name in dict.fromkeys(wanted) if name in schema.names]
        refuse_nested([schema.field(name) for name in present], file)
        size = max(
            sum(opened.metadata.row_group(g).total_byte_size for g in range(opened.metadata.num_row_groups)),
            4 * opened.metadata.num_rows * len(present),
        )
        if size > max(SMALL, limits.ratio * path.stat().st_size):
            raise InputError(grows(file, limits))
        if size > limits.bytes:
            message = f"The table takes {size:,} bytes, more than the limit of {limits.bytes:,}."
            raise refuse("too-large", message, "Raise 'bytes' below [table.limits] if that is meant.")
        # text that repeats stays in the file's own dictionaries: faster, and a fraction of the memory
        texts = [name for name in present if name != plain and is_text(schema.field(name).type)]
    try:
        table = parquet.read_table(path, columns=present, read_dictionary=texts, partitioning=None)
        table.validate(full=True)  # text that is no UTF-8, positions outside a dictionary
    except (pa.ArrowException, OSError, ValueError) as error:
        message = f"The Parquet file is truncated or damaged: {shown(error)}."
        raise refuse("damaged", message, "Write or fetch it anew.") from None
    return tuple(schema.names), table
