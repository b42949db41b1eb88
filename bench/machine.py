"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

from autoscaler.core.compiled import COMPILED


def machine() -> str:
    """One line: processor, cores, load, interpreter, whether our sums are compiled, time of the run."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    load = os.getloadavg()[0]
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    python = f"Python {platform.python_version()}, {'compiled' if COMPILED else 'not compiled'}"
    return f"{model}, {os.cpu_count()} cores, load {load:.1f}, {python}, {at} UTC"
