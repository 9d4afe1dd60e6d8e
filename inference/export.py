"""The published rows as a CSV file: every number with what belongs to it, and no text that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import os
import re
import secrets
import unicodedata
from collections.abc import Iterable
from typing import Any

import pandas as pd
import xarray as xr

from ..errors import Fault, InputError, shown
from .group_sizes import group_sizes, small_groups_of
from .result import attribute
from .result_file import check_target, move_into_place
from .summary import summarize
from .verdict import require_reliable

_FORMULA = "=+-@−"
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


def to_csv(
    fit: xr.DataTree,
    path: str | os.PathLike[str],
    *,
    by: str | None = None,
    small_groups: bool = False,
    allow_unreliable: bool = False,
    force: bool = False,
) -> tuple[str, ...]:
    r"""Write the rows of :func:`summarize` as a CSV file, whole or not at all.

    Every row carries, beside its numbers at full length: ``mcse``, ``state``, ``reasons``, ``n_agents`` (of the
    result), ``n_group`` and ``n_group_other``, ``interval`` and ``interval_prob``, ``data_hash``, ``seed``,
    ``version``, and whether it was refused and is shown all the same (``allow_unreliable``). Undefined numbers are
    empty cells.

    Text that a spreadsheet could take for a formula gets an apostrophe in front, as OWASP advises: text whose first
    character, after quotes, spaces and invisible characters, is ``=``, ``+``, ``-`` or ``@``, also in their other
    widths. :func:`as_written` takes it off again. Control and direction characters are written as ``\u001b``, which
    nothing takes back.

    Parameters
    ----------
    fit
        A result of :func:`fit` or :func:`load`.
    path
        The file to write.
    by
        ``"group"`` adds rows within and between groups.
    small_groups
        Write the rows of groups of fewer than 10 agents too: few people can be told apart by what they chose.
    allow_unreliable
        Write the numbers of a refused fit too, with state ``refused`` in every row.
    force
        Replace a file that exists.

    Returns
    -------
    tuple of str
        The groups left out because they are small.

    Raises
    ------
    Refused
        If the fit is refused and ``allow_unreliable`` is False.
    InputError
        If the file exists and ``force`` is False, or cannot be written; if there are no groups and ``by`` asks for
        them.
    """
    found = require_reliable(fit, allow_unreliable=allow_unreliable)
    frame = summarize(fit, by=by, allow_unreliable=allow_unreliable)
    sizes = group_sizes(fit) if by == "group" else {}
    left_out = small_groups_of(fit) if sizes and not small_groups else ()
    frame = frame[~(frame["group"].isin(left_out) | frame["group_other"].isin(left_out))]
    _write(path, _text(_with_origin(frame, fit, sizes, refused=found.refused)), force=force)
    return left_out


def neutral(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula, and no terminal for a command."""
    safe = _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return f"'{safe}" if _is_formula(safe) else safe


def as_written(text: str) -> str:
    """Return the label that :func:`to_csv` wrote, without the apostrophe it may have put in front."""
    return text[1:] if text.startswith("'") and _is_formula(text[1:]) else text


def _is_formula(text: str) -> bool:
    written = re.sub(r"\\u([0-9a-f]{4})", lambda found: chr(int(found[1], 16)), text[:200])  # a tab, say
    for character in unicodedata.normalize("NFKC", written):
        if character in _FORMULA:
            return True
        quote = unicodedata.category(character) in {"Pi", "Pf"} or character in "'\"`´"
        if not (quote or character.isspace() or unicodedata.category(character) in {"Cc", "Cf", "Mn", "Zs"}):
            return False
    return False


def _with_origin(frame: pd.DataFrame, fit: xr.DataTree, sizes: dict[str, int], *, refused: bool) -> pd.DataFrame:
    interval = attribute(fit, "interval")
    rows = frame.assign(reasons=[" ".join(reasons) for reasons in frame["reasons"]])
    return rows.assign(
        n_agents=attribute(fit, "n_agents"),
        n_group=pd.array([sizes.get(name) for name in frame["group"]], dtype="Int64"),
        n_group_other=pd.array([sizes.get(name) for name in frame["group_other"]], dtype="Int64"),
        interval=interval["kind"],
        interval_prob=interval["prob"],
        data_hash=attribute(fit, "data_hash"),
        seed=attribute(fit, "seed"),
        version=attribute(fit, "versions")["dissensus"],
        allow_unreliable=refused,
    )


def _text(frame: pd.DataFrame) -> str:
    stream = io.StringIO(newline="")
    # texts in quotes: a reader that splits at other marks than commas finds no new cell in them
    writer = csv.writer(stream, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows(_cells(row) for row in frame.itertuples(index=False))
    return stream.getvalue()


def _cells(row: Iterable[Any]) -> list[Any]:
    return [_cell(value) for value in row]


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return neutral(value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if pd.isna(value) else value


def _write(path: str | os.PathLike[str], text: str, *, force: bool) -> None:
    target = check_target(path, force=force)
    partial = target.with_name(f".dissensus-{secrets.token_hex(8)}.partial")
    try:
        with open(partial, "x", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        move_into_place(partial, target, path, force=force)
    except OSError as error:
        message = f"The table cannot be written: {error.strerror or shown(error)}."
        remedy = "Check free space and permissions."
        raise InputError(Fault(code="not-writable", message=message, remedy=remedy, file=str(path))) from None
    finally:
        partial.unlink(missing_ok=True)
