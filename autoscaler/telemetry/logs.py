"""One line per event on standard error: `ts level msg logger key=value…`, as text or as JSON.

Text is for people and coloured on a terminal only (NO_COLOR is respected); values are quoted and control characters
escaped, so that a hostile name cannot forge a line. Nothing here may ever be given a credential.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from autoscaler.clock import Clock, SystemClock
from autoscaler.telemetry.throttle import Throttle

RECORD = "record"
"""Holds a record that is nowhere else: such a line is JSON in both forms, for a program to read."""
LEFT_OUT = "left_out"
"""How many lines like this one were not written before it."""
LogFormat = Literal["text", "json"]


def unread(count: int) -> str:
    """The line that says that nobody read the log for a while: JSON in both forms."""
    told = {"level": "warning", "msg": "Left out log lines that nobody read in time", LEFT_OUT: count}
    return json.dumps(told) + "\n"


def configure_logs(level: str, form: LogFormat, stream: TextIO = sys.stderr, *, clock: Clock | None = None) -> None:
    """Send our log, and what libraries log at WARNING and above, to `stream`; of one message so many lines a second."""
    throttle = Throttle(clock or SystemClock())
    number = logging.getLevelNamesMapping()[level.upper()]
    colours = stream.isatty() and "NO_COLOR" not in os.environ
    as_json = structlog.processors.JSONRenderer()
    as_text = structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=36)

    def renderer(logger: WrappedLogger, method: str, event: EventDict) -> str | bytes:
        return as_json(logger, method, event) if form == "json" or RECORD in event else as_text(logger, method, event)

    def bounded(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        left_out = 0 if RECORD in event else throttle.admit(str(event.get("event")))
        if left_out is None:
            raise structlog.DropEvent
        return {**event, LEFT_OUT: left_out} if left_out else event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts" if form == "json" else "timestamp"),
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("msg") if form == "json" else _escaped,
    ]
    structlog.configure(
        processors=[bounded, *shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    libraries = logging.StreamHandler(stream)
    libraries.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    libraries.addFilter(lambda line: throttle.admit(str(line.msg)) is not None)
    root = logging.getLogger()
    root.handlers[:] = [libraries]
    root.setLevel(max(number, logging.WARNING))


def _escaped(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Make control characters visible: names and error texts come from outside."""
    if RECORD in event:
        return event
    return {
        key: value.encode("unicode_escape").decode()
        if isinstance(value, str) and key != "exception" and not value.isprintable()
        else value
        for key, value in event.items()
    }
