"""A spool of a million records that Kafka does not have, after a restart.

Filled with records as they are; then opened as a new process opens it, and read and marked as delivered as the
forwarder does it, without a broker: what the spool itself costs while it is worked off.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from autoscaler.audit import codec
from autoscaler.audit.entry import Entry
from autoscaler.audit.readahead import AHEAD_BYTES, AHEAD_ROWS
from autoscaler.audit.spool import Spool
from autoscaler.core import planner
from bench.catalogue import Say
from bench.decision import NOW, evaluation, record
from bench.figure import Figure

COUNT, QUICK_COUNT = 1_000_000, 2000
GROUP = 1000
TARGETS = 1000
ALLOWED = 1 << 40


def run(*, quick: bool, say: Say) -> Sequence[Figure]:
    """Fill, open, work off."""
    count = QUICK_COUNT if quick else COUNT
    given = evaluation()
    body = codec.encode(record(given, planner.plan(given)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begun = time.monotonic()
        with closing(_spool(folder)) as spool:
            for first in range(0, count, GROUP):
                spool.append([_entry(number, body) for number in range(first, first + GROUP)])
        filled = time.monotonic() - begun
        size = (folder / "spool.db").stat().st_size
        say(f"{count:,} records of {len(body):,} bytes in {filled:.1f} s, {size / 1e6:,.0f} MB")
        begun = time.monotonic()
        spool = _spool(folder)
        with closing(spool):
            spool.undelivered(AHEAD_BYTES, AHEAD_ROWS)
            spool.append([_entry(count, body)])
            ready = time.monotonic() - begun
            while records := spool.undelivered(AHEAD_BYTES, AHEAD_ROWS):
                spool.delivered(records[-1].position)
        whole = time.monotonic() - begun
    goal = 30 * count / COUNT
    return [
        Figure(what=f"open with {count:,} unsent, a round in hand and a record kept", ours=ready, unit="s", goal=goal),
        Figure(what="all of them read and marked as delivered", ours=whole, unit="s", goal=goal),
        Figure(what="disk a record", ours=size / count, unit="B"),
    ]


def _spool(folder: Path) -> Spool:
    return Spool(folder, now=NOW, forwarding=True, max_bytes=ALLOWED)


def _entry(number: int, body: bytes) -> Entry:
    return Entry(f"shop/Deployment/web-{number % TARGETS}", NOW + number, changed=False, body=body)
