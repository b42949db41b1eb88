"""Ids of records: unique for ever, without a question to the system for each."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

BLOCK = 256
"""So many ids come of one read of the system's random numbers, which takes longer than the rest of an id."""


def ids() -> Iterator[str]:
    """UUIDs of version 4 (RFC 9562 §5.4) as 32 digits, for ever."""
    while True:
        random = os.urandom(16 * BLOCK)
        for at in range(0, len(random), 16):
            yield uuid.UUID(bytes=random[at : at + 16], version=4).hex
