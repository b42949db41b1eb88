"""A real browser looking at a page: what it made of it, what it painted, what it complained about and whom it asked.

Nothing leaves the machine: every address is asked for through a proxy on a port nobody listens on.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from tests.e2e.processes import free_port

PATIENCE = 120.0
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--proxy-bypass-list=<-loopback>",
)
OWN = "not an origin"
"""Who asks, in the network log, for what the browser itself wants to know: its clock, its updates."""


class Seen(Struct, frozen=True):
    """`dom` after loading, `png` of the window, lines of the `console`, `requests`: addresses the page asked for."""

    dom: str
    png: bytes
    console: list[str]
    requests: list[str]


def look(chromium: Path, page: Path, width: int, height: int, *flags: str) -> Seen:
    """Open the page in a window of that size, in a profile that is new and empty."""
    with tempfile.TemporaryDirectory() as folder:
        image, log = Path(folder) / "page.png", Path(folder) / "net.json"
        command = [
            *(chromium, *FLAGS, *flags),
            *(f"--user-data-dir={folder}/profile", f"--window-size={width},{height}"),
            *(f"--proxy-server=127.0.0.1:{free_port()}", f"--log-net-log={log}"),
            *("--dump-dom", f"--screenshot={image}", page.as_uri()),
        ]
        done = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE)
        console = [line for line in done.stderr.decode(errors="replace").splitlines() if "CONSOLE" in line]
        return Seen(done.stdout.decode(), image.read_bytes(), console, list(_requests(log.read_bytes())))


def _requests(log: bytes) -> Iterator[str]:
    told = msgspec.json.decode(log)
    start = told["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    for event in told["events"]:
        asked = event.get("params", {})
        if event["type"] == start and asked.get("initiator", OWN) != OWN:
            yield asked["url"]
