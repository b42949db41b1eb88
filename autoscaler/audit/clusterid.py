"""Which Kafka cluster our records go to, remembered in a file: another one at the same address is an alarm.

A topic in another cluster begins with whatever number is next, and everything before it lies elsewhere: a consumer sees
a history without its beginning. Records go on to be delivered; the alarm lasts, over restarts too, until a person
removes the file, or the cluster of before is back.
"""

from __future__ import annotations

import os
from pathlib import Path

import structlog
from prometheus_client import Gauge

log = structlog.get_logger(__name__)

FILE_NAME = "kafka-cluster"
LONGEST = 256


class ClusterId:
    """Remembers in `directory`; `changed` is 1 while the cluster is another one than the remembered."""

    def __init__(self, directory: Path, changed: Gauge) -> None:
        self._path = directory / FILE_NAME
        self._changed = changed
        self.alarm = ""
        """What a person should know, "" = nothing."""

    def seen(self, found: str) -> None:
        """A producer was let in by the cluster of this id; "" = it does not tell, as very old ones."""
        if not found:
            return
        known = self._known()
        if not known:
            self._keep(found)
        before, self.alarm = self.alarm, ""
        if known not in ("", found):
            self.alarm = (
                f"records go to Kafka cluster {found}, those of before are in {known}: correct "
                f"--audit-kafka-bootstrap-servers, or remove {self._path} when the change was meant"
            )
            if self.alarm != before:
                log.error("Kafka is another cluster than before", now=found, before=known, remembered=str(self._path))
        self._changed.set(int(bool(self.alarm)))

    def _known(self) -> str:
        """What is remembered; "" = nothing that can be read."""
        try:
            with self._path.open("rb") as file:
                return file.read(LONGEST).decode().strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def _keep(self, found: str) -> None:
        """Not worth more than a line in the log when the disk does not take it: the next producer tries again."""
        fresh = self._path.with_name(f"{FILE_NAME}.new")
        try:
            fresh.write_text(f"{found[:LONGEST]}\n")
            os.replace(fresh, self._path)
        except OSError as exc:
            log.warning("Could not remember the Kafka cluster", path=str(self._path), error=exc.strerror)
