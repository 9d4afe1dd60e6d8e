"""The folder of a calibration: its journal of data sets, its results and its report."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import Fault, InputError, shown
from .calibration_journal import stored_header

JOURNAL = "data_sets.jsonl"
"""The journal in the folder of a calibration."""
RESULTS, PAGE = "results.json", "report.html"
"""What is written into the folder at the end."""


def compact_json(record: Mapping[str, Any]) -> str:
    """Return a record as JSON with a line for every entry of its lists and tables, and no more."""
    lines = []
    for key, value in record.items():
        if isinstance(value, dict | list) and value:
            pairs = value.items() if isinstance(value, dict) else ((None, part) for part in value)
            inner = [
                "  " + ("" if name is None else f"{json.dumps(name)}: ") + json.dumps(part, allow_nan=False)
                for name, part in pairs
            ]
            opening, closing = "{}" if isinstance(value, dict) else "[]"
            lines.append(f" {json.dumps(key)}: {opening}\n" + ",\n".join(inner) + f"\n {closing}")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value, allow_nan=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def made(folder: Path) -> Path:
    """Return the folder, made where there is none, if it may be written to and holds nothing of something else."""
    try:
        folder.mkdir(exist_ok=True)
    except FileNotFoundError:
        message = f"There is no folder {shown(folder.parent)}."
        raise _folder_fault("no-folder", message, "Make it, or give another path.", folder) from None
    except (OSError, ValueError) as error:
        message = f"The folder cannot be made: {shown(error)}."
        raise _folder_fault("not-writable", message, "Give another path.", folder) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _folder_fault("not-writable", "The folder cannot be written to.", "Check its permissions.", folder)
    there = [name for name in (RESULTS, PAGE) if (folder / name).exists()]
    if there and not (folder / JOURNAL).exists():
        message = f"The folder holds {' and '.join(there)} of something else: it has no {JOURNAL}."
        raise _folder_fault("exists", message, "Give another folder.", folder)
    return folder


def _folder_fault(code: str, message: str, remedy: str, folder: Path) -> InputError:
    return InputError(Fault(code=code, message=message, remedy=remedy, file=str(folder)))


def seed_of(folder: Path | None) -> int:
    """Return the seed of the folder's run, or a new one."""
    header = None if folder is None else stored_header(folder / JOURNAL)
    if header is not None and isinstance(header.get("seed"), int):
        return int(header["seed"])
    return int(np.random.SeedSequence().generate_state(1)[0])


def replace_text(path: Path, text: str) -> None:
    """Write a file whole or not at all; it can always be made again from the journal."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        message = f"The file cannot be written: {error.strerror or shown(error)}."
        raise _folder_fault("not-writable", message, "Check free space and permissions.", path) from None
    finally:
        partial.unlink(missing_ok=True)
