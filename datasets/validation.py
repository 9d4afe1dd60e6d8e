"""How faults are found and told: nearest names, lines of a study file, and the models of its parts."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from itertools import islice
from typing import Any

from pydantic import BaseModel, ValidationError

from ..errors import LISTED, Fault, brief, shown
from .covariate_study import CovariateColumn
from .look_alike import folded
from .study import Feature, Limits

RESERVED = ("cluster", "strata", "replicate_weights")
"""Keys whose meaning is planned; ignoring them would give intervals that are too narrow."""

_COMPARED = 100  # characters of a name that enter the search for the nearest one: the search is quadratic
_TRIED = 500  # names that enter it
_LOCATED = 5 * LISTED  # faults whose lines are looked for


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known name most like ``word``, or None when none is like it."""
    names = [name for name in known if len(name) <= _COMPARED][:_TRIED]
    by_fold = {folded(name): name for name in reversed(names)}
    fold = folded(word[:_COMPARED])
    if fold in by_fold:
        return by_fold[fold]
    close = difflib.get_close_matches(fold, by_fold, n=1, cutoff=0.6)
    return by_fold[close[0]] if close else None


def hint(word: str, known: Iterable[str], otherwise: str) -> str:
    """Return "Did you mean …?" with the nearest known name, or ``otherwise``."""
    name = nearest(word, known)
    if name is None:
        return otherwise
    other = [c for c in dict.fromkeys(word) if c not in name and not c.isascii()]
    if not other or folded(word) != folded(name):
        return f"Did you mean {shown(name)}?"
    codes = ", ".join(f"U+{ord(c):04X}" for c in other[:4])
    return f"Did you mean {shown(name)}? It looks the same but has no {codes}."


def listed(names: Iterable[str], most: int = 10) -> str:
    """Return names in quotes, separated by commas, the rest counted."""
    everything = list(names)
    more = f" and {len(everything) - most:,} more" if len(everything) > most else ""
    return ", ".join(map(shown, everything[:most])) + more


class StudyFaults:
    """Collects the faults of one study and finds their lines."""

    def __init__(self, file: str | None, text: str | None) -> None:
        self.file = file
        self.text = text or ""
        self.found: list[Fault] = []

    def add(self, code: str, message: str, remedy: str, *words: object, value: object = None, count: int = 1) -> None:
        """Add a fault; its line is that of the first of ``words`` which stands in the text exactly once."""
        self.found.append(
            Fault(
                code=code,
                message=message,
                remedy=remedy,
                file=self.file,
                line=self.first_line(*words),
                value=None if value is None else brief(value),
                count=count,
            )
        )

    def first_line(self, *words: object) -> int | None:
        """Return the line of the first of ``words`` that stands in the text exactly once."""
        if len(self.found) >= _LOCATED:
            return None  # no message lists so many
        return next(filter(None, map(self.line, words)), None)

    def line(self, word: object) -> int | None:
        """Return the line of a word that stands in the text exactly once, outside comments."""
        if not isinstance(word, str) or not word or word not in self.text:
            return None
        if len(word) > _COMPARED:
            return self.text.count("\n", 0, self.text.find(word)) + 1 if self.text.count(word) == 1 else None
        pattern = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
        places = [match.start() for match in islice(pattern.finditer(self.text), 2)]
        if len(places) != 1:
            return None
        start = self.text.rfind("\n", 0, places[0]) + 1
        if self.text[start : places[0]].lstrip().startswith("#"):
            return None
        return self.text.count("\n", 0, start) + 1


def parse_part[Part: BaseModel](
    model: type[Part], raw: Any, path: str, faults: StudyFaults, *, known: Iterable[str] | None = None
) -> Part | None:
    """Check a part of the study against its model; None when it has faults."""
    if not isinstance(raw, dict):
        faults.add("wrong-type", f"{shown(path)} is {kind_of(raw)}.", f"Write it as [{path}] with keys below it.", path)
        return None
    names = tuple(known or model.model_fields)
    unknown = [key for key in raw if key not in model.model_fields]
    for key in unknown[:LISTED]:
        _add_unknown(key, path, names, faults)
    if unknown[LISTED:]:
        count = len(unknown) - LISTED
        message, remedy = f"More unknown keys in {shown(path)}.", f"Known keys: {_keys(names)}."
        faults.add("unknown-key", message, remedy, count=count)
    try:
        part = model.model_validate({key: value for key, value in raw.items() if key in model.model_fields})
        return None if unknown else part
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            _add_problem(problem, path, names, faults)
    return None


def _add_unknown(key: Any, path: str, known: tuple[str, ...], faults: StudyFaults) -> None:
    name = f"{path}.{key}" if path else str(key)
    if key in RESERVED:
        remedy = "Remove it: intervals then cover unequal weights, but neither clusters nor strata."
        faults.add("not-supported", f"{shown(name)} is not supported yet.", remedy, key)
        return
    faults.add("unknown-key", f"Unknown key {shown(name)}.", hint(str(key), known, f"Known keys: {_keys(known)}."), key)


def _keys(known: tuple[str, ...]) -> str:
    return listed((name for name in known if name != "name"), len(known))


def _add_problem(problem: Any, path: str, known: tuple[str, ...], faults: StudyFaults) -> None:
    loc = [str(part) for part in problem["loc"]]
    key = loc[-1] if loc else path
    name = ".".join([*([path] if path else []), *loc])
    kind, value = problem["type"], problem["input"]
    if kind == "extra_forbidden":  # within [table.limits] or a feature, the parts within a part
        part = CovariateColumn if loc[0] == "covariates" else Feature if "features" in loc[:-1] else Limits
        _add_unknown(key, ".".join([path, *loc[:-1]]), tuple(part.model_fields), faults)
    elif kind == "missing":
        faults.add("missing-key", f"The key {shown(name)} is missing.", f"Add it below [{path}].", f"[{path}]")
    else:
        said = problem["msg"].replace("Input should", "It should").replace("a valid tuple", "a list").removesuffix(".")
        said = said.replace("Tuple should", "It should").replace("String should", "It should")
        said = said.replace(" after validation", "")
        if kind == "string_type":
            said = "It should be text in quotes"
        close = ""
        if kind == "literal_error" and isinstance(value, str):
            close = hint(value, re.findall(r"'([^']*)'", problem["ctx"]["expected"]), "")
        remedy = f"{said}. {close}".strip()
        is_type = kind.endswith("_type") or kind.endswith("_parsing")
        faults.add(
            "wrong-type" if is_type else "wrong-value",
            f"{shown(name)} is {kind_of(value)}.",
            remedy,
            key,
            value,
            *reversed(loc[:-1]),
            value=value,
        )


def kind_of(value: Any) -> str:
    """Return how a message speaks of a value in a study file."""
    if isinstance(value, str):
        return f"the text {shown(value)}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {shown(value)[1:-1]}"
    if isinstance(value, dict):
        return "a table of keys"
    if isinstance(value, list | tuple):
        return "a list"
    return f"a value of type {type(value).__name__}"
