"""What patterns hold beside their counts, as entries (pattern, what, how often) in the order of the patterns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


def entries_at(pattern: Numbers, patterns: Numbers) -> tuple[Numbers, Numbers]:
    """Return the entries of some patterns in their order, each perhaps several times.

    Parameters
    ----------
    pattern
        Pattern of each entry, not decreasing, (entry,).
    patterns
        The patterns, (row,).

    Returns
    -------
    row, entry
        Position in ``patterns`` and position of the entry, both (entry of a row,).
    """
    first = np.searchsorted(pattern, patterns)
    number = np.searchsorted(pattern, patterns, side="right") - first
    row = np.repeat(np.arange(len(patterns)), number)
    return row, first[row] + np.arange(len(row)) - (np.cumsum(number) - number)[row]


def entry_codes(pattern: Numbers, what: Numbers, times: Numbers, n: int) -> tuple[Numbers, int]:
    """Return a code for each of n patterns, equal for equal entries, (pattern,), and one more than the largest.

    Parameters
    ----------
    pattern, what, times
        The entries, each (entry,).
    n
        Number of patterns.
    """
    held = np.stack([what, times], axis=1).astype(">i8")
    ends = np.searchsorted(pattern, np.arange(n + 1))
    keys = [held[ends[one] : ends[one + 1]].tobytes() for one in range(n)]
    number = {key: place for place, key in enumerate(sorted(set(keys)))}
    return np.array([number[key] for key in keys], dtype=np.int64), len(number)
