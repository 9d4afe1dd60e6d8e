"""The agents of a log: their labels, their order, their groups, and what is odd about them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .choices import Finding
from .study import Study
from .validation import listed

_BOT = 0.3
"""Share of all answers from which one agent is pointed out."""

JOINT = " · "
"""What stands between the parts of a label."""
_NUMBER = re.compile(r"[+-]?0*(\d+)(\.0*)?", re.ASCII)


def ordered(labels: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return the order of labels: by value where all are plain whole numbers, else by text."""
    texts = labels.astype(np.dtypes.StringDType())
    if len(labels) and bool(np.strings.isdigit(texts).all()) and int(np.strings.str_len(texts).max()) <= 18:
        try:
            return np.lexsort((texts, texts.astype(np.int64)))
        except ValueError:  # digits of other scripts
            pass
    return np.argsort(texts, kind="stable")


def heavy_agents(
    study: Study,
    agent: NDArray[np.int64],
    n: NDArray[np.int64],
    labels: NDArray[np.object_],
    groups: Sequence[str],
    group: NDArray[np.int64] | None,
) -> list[Finding]:
    """Point out an agent, not one of a system, who gives a large part of all answers of people."""
    total = np.bincount(agent, n, minlength=len(labels))
    if group is not None and study.table.systems:
        systems = [place for place, name in enumerate(groups) if name in study.table.systems]
        total = np.where(np.isin(group, systems), 0, total)
    share = total / max(1.0, total.sum())
    heavy = np.flatnonzero(share >= _BOT)
    if not len(heavy) or np.count_nonzero(total) < 3:
        return []
    who = listed(str(labels[one]) for one in heavy)
    message = f"Agent {who} gives {share[heavy].max():.0%} of all answers: perhaps a bot, or several under one name."
    return [Finding("heavy-agent", message)]


def alike_numbers(labels: NDArray[np.object_]) -> list[Finding]:
    """Point out agents whose labels are the same number written differently: 7, 007 and 7.0."""
    texts = labels.astype(np.dtypes.StringDType())
    plain = np.strings.isdigit(texts) & (~np.strings.startswith(texts, "0") | (np.strings.str_len(texts) == 1))
    odd = [(label, match[1]) for label in labels[~plain] if (match := _NUMBER.fullmatch(label)) is not None]
    if not odd:
        return []
    by_value: dict[str, list[str]] = {}
    for label, value in odd:
        by_value.setdefault(value, []).append(label)
    for label in labels[plain]:
        if label in by_value:
            by_value[label].insert(0, label)
    several = [same for same in by_value.values() if len(same) > 1]
    if not several:
        return []
    n = sum(map(len, several))
    message = (
        f"{n:,} agents have labels that are one number written in several ways ({listed(several[0])}), kept apart."
    )
    return [Finding("alike-numbers", message)]
