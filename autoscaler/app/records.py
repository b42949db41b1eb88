"""The spool as the API room reads it: the last records of what a person calls by a name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autoscaler.audit.event import from_spool, line
from autoscaler.audit.naming import keys_of
from autoscaler.audit.read import SpoolReader


class SpoolRecords:
    """Opened for each question: questions are rare, and the writer is never kept waiting by one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def latest(self, namespace: str, name: str, limit: int) -> Sequence[bytes]:
        """Structured CloudEvents, oldest first, of every target the name means; AuditError when it cannot be read."""
        with SpoolReader(self._directory) as spool:
            keys = keys_of(spool, (namespace, name))
            return [line(from_spool(record)) for key in keys for record in spool.latest(key, limit // len(keys) or 1)]
