"""A table being read: what is found in it, what is wrong with it, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import LISTED, Fault, InputError, brief
from .choices import Finding
from .study import Study
from .text_table import TextTable

_ENOUGH = 10 * LISTED
"""Faults after which a column is summed up in one."""


@dataclass
class Reading:
    """A table being read: its faults and findings so far."""

    study: Study
    text: TextTable
    faults: list[Fault]
    findings: list[Finding] = field(default_factory=list)
    _unkept: dict[str, bool] = field(default_factory=dict)

    def has(self, column: str | None) -> bool:
        """Whether the table has a column."""
        return column is not None and column in self.text.names

    def add(
        self,
        code: str,
        message: str,
        remedy: str,
        *,
        row: int | None = None,
        column: str | None = None,
        value: str | None = None,
        count: int = 1,
    ) -> None:
        """Add a fault; the message says its row where the table has no lines."""
        line = None
        if row is not None:
            (line,) = self.text.lines([row])
            if line is None:
                message = (
                    f"{message.removesuffix('.')}, first in row {row + 1:,}."
                    if count > 1
                    else f"{message.removesuffix('.')}, in row {row + 1:,}."
                )
        self.faults.append(
            Fault(
                code=code,
                message=message,
                remedy=remedy,
                file=self.text.source,
                line=line,
                column=column,
                value=None if value is None else brief(value),
                count=count,
            )
        )

    def note(self, code: str, message: str) -> None:
        """Add a finding that weakens no number."""
        self.findings.append(Finding(code, message, "note"))

    def stop(self) -> None:
        """Raise the faults found so far, in the order of their lines."""
        structure = list(self.text.faults)
        # locating a fault may have found others, in the structure of the file
        self.faults += [fault for fault in structure if fault not in self.faults]
        if self.faults:
            raise InputError(sorted(self.faults, key=lambda fault: (fault.line is None, fault.line or 0)))

    def column(self, name: str) -> tuple[NDArray[np.integer], NDArray[np.object_]]:
        """Return a column as codes and labels; labels that nothing could keep are faults."""
        codes, labels = self.text.column(name)
        if name not in self._unkept:
            limit = self.study.table.limits.label
            long = max(map(len, labels), default=0) > limit
            nul = "\0" in "".join(labels)
            self._unkept[name] = long or nul
            if long:
                size = f"characters, more than the limit of {limit:,}"
                places = [place for place, label in enumerate(labels) if len(label) > limit]
                remedy = "Raise 'label' below [table.limits] if that is meant."
                words = [f"A label has {len(labels[place]):,} {size}." for place in places]
                self._refuse_labels(places, words, codes, labels, name, "long-label", remedy)
            if nul:
                places = [place for place, label in enumerate(labels) if "\0" in label]
                words = ["A label holds a NUL character."] * len(places)
                self._refuse_labels(places, words, codes, labels, name, "nul-byte", "Remove it.")
        return codes, labels

    def _refuse_labels(
        self,
        places: list[int],
        words: list[str],
        codes: NDArray[np.integer],
        labels: NDArray[np.object_],
        name: str,
        code: str,
        remedy: str,
    ) -> None:
        """Add a fault for each of the first 20 labels at these places, and one for the rest."""
        for place, message in zip(places[:LISTED], words, strict=False):
            row = int(np.argmax(codes == place))
            self.add(code, message, remedy, row=row, column=name, value=labels[place])
        if places[LISTED:]:
            row, count = int(np.argmax(codes == places[LISTED])), len(places) - LISTED
            self.add(code, words[LISTED], remedy, row=row, column=name, count=count)

    def both(self, row: int, other: int) -> str:
        """Return how a message speaks of two rows."""
        lines = self.text.lines([row, other])
        if None in lines:
            return f"rows {row + 1:,} and {other + 1:,}"
        return f"lines {lines[0]:,} and {lines[1]:,}"

    def unknown(
        self,
        unknown: NDArray[np.bool_],
        codes: NDArray[np.integer],
        labels: NDArray[np.object_],
        column: str,
        code: str,
        words: Callable[[str], tuple[str, str]],
    ) -> None:
        """Add one fault per unknown label, its first place and its count; past the first 20 labels one for the rest."""
        if self._unkept.get(column):  # its faulty labels are faults already
            limit = self.study.table.limits.label
            keep = np.array([*(len(label) <= limit and "\0" not in label for label in labels), True])
            unknown = unknown & keep[codes]
        rows = np.flatnonzero(unknown)
        if not len(rows):
            return
        kinds, first, counts = np.unique(codes[rows], return_index=True, return_counts=True)
        order = np.argsort(first)
        most = LISTED if len(self.faults) < _ENOUGH else 1
        for place in order[:most]:
            label = str(labels[kinds[place]])
            message, remedy = words(label)
            self.add(
                code, message, remedy, row=int(rows[first[place]]), column=column, value=label, count=int(counts[place])
            )
        rest = order[most:]
        if len(rest):
            message = f"{len(rest):,} more labels are not declared."
            remedy = "Check that this is the right column."
            count = int(counts[rest].sum())
            self.add(code, message, remedy, row=int(rows[first[rest[0]]]), column=column, count=count)

    def per_agent(
        self, values: NDArray[Any], agent: NDArray[np.integer], n: int, what: str, column: str
    ) -> NDArray[Any]:
        """Return the value of each agent, and refuse agents with two."""
        first = np.full(n, -1, dtype=np.int64)
        first[agent[::-1]] = np.arange(len(agent) - 1, -1, -1)
        of_agent = values[first]
        if len(agent) == n:
            return of_agent
        other = np.flatnonzero(~((values == of_agent[agent]) | (np.isnan(values) & np.isnan(of_agent[agent]))))
        code, remedy = f"two-{what}s".replace(" ", "-"), "Give every agent one."
        for row in other[:LISTED]:
            where = self.both(int(first[agent[row]]), int(row))
            message = f"The {what} of the agent differs between {where}."
            self.add(code, message, remedy, row=int(row), column=column)
        if len(other) > LISTED:
            message, count = f"The {what} of an agent differs between its rows.", len(other) - LISTED
            self.add(code, message, remedy, row=int(other[LISTED]), column=column, count=count)
        return of_agent


def place_of(labels: NDArray[np.object_], label: str) -> int:
    """Return the position of a label, −2 when it is not there."""
    found = np.flatnonzero(labels == label)
    return int(found[0]) if len(found) else -2
