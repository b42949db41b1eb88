"""The image's tree, built by the Dockerfile's steps, started as the chart starts it: read-only, as nobody's root."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.requirements import need

ROOT = Path(__file__).resolve().parents[2]
MOST_MEGABYTES = 100
BY_PERMISSION = {"/tmp", "its volume"}
"""Where anybody may write; only root may have more taken away, and not on every machine."""
MOST_SECONDS = 1.5
"""Of a processor, up to the first answer of both probes: on a machine with nothing else to do that is all of it."""


@pytest.mark.timeout(600)
def test_p01_c20_the_image_is_small_starts_at_once_and_writes_to_its_volume_only() -> None:
    need("gcc")
    need("setpriv")
    need("unshare")
    done = subprocess.run([sys.executable, ROOT / "scripts/image.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = dict(line.split(": ", 1) for line in done.stdout.splitlines() if not line.startswith("start"))
    assert int(told["tree"].split()[0]) < MOST_MEGABYTES
    assert told["program"].endswith("(compiled)")
    who, places = told["process"].split("; can write to ")
    assert (
        places == "its volume" if who.endswith("file systems read-only") else set(places.split(", ")) <= BY_PERMISSION
    )
    starts = re.findall(r"^start: .* first answer of (\S+), (\S+) s of CPU$", done.stdout, re.MULTILINE)
    assert sorted(path for path, _ in starts) == ["/livez", "/readyz"]
    assert all(float(seconds) < MOST_SECONDS for _, seconds in starts)
