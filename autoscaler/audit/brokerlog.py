"""What aiokafka logs, made bearable: during an outage it writes 40 lines a second, and its last error is the only text
that tells a wrong password from a bad certificate."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from autoscaler.clock import Clock

log = structlog.get_logger(__name__)

QUIET = 30.0
CONSEQUENCE = "Unable to update metadata"
"""Said after each error that tells why, so it is none to be kept."""
DIFFERENT = 256  # messages remembered


class BrokerLog(logging.Handler):
    """Passes each message of the `aiokafka` logger on once per 30 s, whatever its arguments; keeps the last error."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(logging.WARNING)
        self._clock = clock
        self._passed: dict[str, float] = {}
        self._dropped = 0
        self._attached = 0
        self.last_error = ""

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Inside the block, which may be entered twice, `aiokafka` speaks to this handler only."""
        logger = logging.getLogger("aiokafka")
        self._attached += 1
        logger.propagate = False
        logger.setLevel(self.level)  # however little of it is shown: what is kept must be heard
        logger.addHandler(self)
        try:
            yield
        finally:
            self._attached -= 1
            if not self._attached:
                logger.removeHandler(self)
                logger.setLevel(logging.NOTSET)
                logger.propagate = True

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno >= logging.ERROR and not text.startswith(CONSEQUENCE):
            self.last_error = text
        now = self._clock.monotonic()
        template = str(record.msg)
        if now - self._passed.get(template, -QUIET) < QUIET:
            self._dropped += 1
            return
        if len(self._passed) >= DIFFERENT:
            self._passed.clear()
        self._passed[template] = now
        log.log(record.levelno, "Kafka client", said=text, similar_lines_dropped=self._dropped)
        self._dropped = 0
