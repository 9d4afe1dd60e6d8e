"""Run every notebook from top to bottom in a fresh kernel, and fail if a cell does.

uv run python -P notebooks/execute.py           # check
uv run python -P notebooks/execute.py --write   # and store the outputs
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

HERE = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="store the outputs in the notebooks")
    write = parser.parse_args().write
    if "DISSENSUS_DATA" not in os.environ:
        print("DISSENSUS_DATA is not set: tables are fetched into the user's cache when a notebook asks for them.")
    failed = False
    for path in sorted(HERE.glob("*.ipynb")):
        started = time.monotonic()
        notebook = nbformat.read(path, as_version=4)
        try:
            NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(HERE)}}).execute()
        except CellExecutionError as error:
            print(f"{path.name}: failed\n{error}")
            failed = True
            continue
        if write:
            nbformat.write(notebook, path)
        print(f"{path.name}: {time.monotonic() - started:.0f} s")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
