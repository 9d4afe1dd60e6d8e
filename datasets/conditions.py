"""Conditions on values of a column: comparisons with numbers, and codes; read exactly, applied to distinct values."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_COMPARISON = re.compile(r"\s*(<=|>=|<|>)\s*([+-]?\d{1,30}(?:\.\d{1,30})?)\s*", re.ASCII)
_NUMBER = re.compile(r"\s*[+-]?(\d{1,300}\.?\d{0,300}|\.\d{1,300})([eE][+-]?\d{1,3})?\s*", re.ASCII)
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Test:
    """A condition that has been read: comparisons that all must hold, or codes of which one must be met."""

    comparisons: tuple[tuple[str, Decimal], ...] = ()
    codes: frozenset[str] = frozenset()

    def holds(self, text: str) -> bool:
        """Whether a value, given as text, meets the condition."""
        if not self.comparisons:
            return text in self.codes
        value = number(text)
        return value is not None and all(compared(value, sign, limit) for sign, limit in self.comparisons)


def parse_condition(condition: str | Iterable[str]) -> Test | None:
    """Return a condition as written in a study file, or None for comparisons that cannot be read."""
    if not isinstance(condition, str):
        return Test(codes=frozenset(condition))
    if condition.lstrip()[:1] not in {"<", ">"}:
        return Test(codes=frozenset([condition]))
    parts = [_COMPARISON.fullmatch(part) for part in condition.split(",")]
    if any(part is None for part in parts):
        return None
    return Test(comparisons=tuple((part[1], Decimal(part[2])) for part in parts if part is not None))


def number(text: str) -> Decimal | None:
    """Return the value of a text that is a plain number, exactly; else None."""
    return Decimal(text.strip()) if _NUMBER.fullmatch(text) else None


def compared(value: Any, sign: str, limit: Decimal) -> Any:
    """Return whether a value, or each of a column of numbers, lies on the side of a limit that a sign says."""
    exact = isinstance(value, Decimal)
    plain = int(limit) if limit == limit.to_integral_value() else float(limit)
    return _COMPARE[sign](value, limit if exact else plain)
