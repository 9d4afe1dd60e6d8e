"""What a benchmark leaves behind: its numbers as JSON, and its table in the README beside the machine and versions."""

from __future__ import annotations

import json
import os
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README = HERE / "README.md"


def begin(*packages: str) -> dict[str, Any]:
    """Return a record with the date, the machine and the installed versions of packages."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {"date": datetime.now(UTC).date().isoformat(), "machine": machine(), "versions": found}


def machine() -> dict[str, Any]:
    """Return what the times are measured on."""
    cpu, memory = platform.processor() or platform.machine(), "unknown"
    if Path("/proc/cpuinfo").exists():
        models = re.findall(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        cpu = models[0] if models else cpu
        memory = f"{int(Path('/proc/meminfo').read_text().split()[1]) / 2**20:.0f} GB"
    return {
        "processor": cpu,
        "cores": os.cpu_count(),
        "memory": memory,
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "Python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 1),
    }


def heading(record: dict[str, Any]) -> str:
    """Return date, machine and versions in words."""
    at = record["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    return (
        f"Measured on {record['date']}: {at['cores']} cores ({at['processor']}), {at['memory']} memory, "
        f"{at['system']}, Python {at['Python']}; load before the start {at['load_before']}. {packages}.\n"
    )


def keep(name: str, record: dict[str, Any], text: str, output: Path | None) -> None:
    """Write a record: to ``output`` if given, else to results/ and the README."""
    folder = output or HERE / "results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
    if output is not None:
        (folder / f"{name}.md").write_text(text)
        return
    opening, closing = f"<!-- {name}: written by {name}.py -->\n", f"<!-- end of {name} -->"
    before, rest = README.read_text().split(opening)
    README.write_text(before + opening + text + closing + rest.split(closing)[1])
