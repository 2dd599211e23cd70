"""One line on machine, versions and date of a benchmark, printed with its results."""

import datetime
import os
import platform
from importlib import metadata
from pathlib import Path


def machine(seed):
    """Processor, cores, versions, seed and date."""
    versions = " ".join(f"{name} {metadata.version(name)}" for name in ("numpy", "gammapy"))
    return (
        f"{_processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"{versions}, fermiml {metadata.version('fermiml')}, seed {seed}, {datetime.date.today()}"
    )


def _processor():
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or platform.machine()
