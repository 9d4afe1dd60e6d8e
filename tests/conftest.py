"""Files that take long come first, so that no process waits at the end for one that began the longest file last."""

from __future__ import annotations

LONG = ("test_interruptions", "test_agreement", "test_verdict", "test_fit", "test_security", "test_checkpoint")


def pytest_collection_modifyitems(items):
    """Move the tests of long files to the front; the order within and among the others stays."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))
