"""Where records are read from: a spool, a Kafka topic, a file of JSON Lines (also gzipped), standard input."""

from __future__ import annotations

import gzip
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.audit.brokers import KafkaSettings
from autoscaler.audit.event import Event, from_line, from_spool
from autoscaler.audit.read import SpoolReader
from autoscaler.audit.topic import topic_events
from autoscaler.clock import Clock
from autoscaler.errors import AuditError, ConfigError, MalformedError

FOLLOW_SECONDS = 0.5
LONGEST_LINE = 1 << 20
_GZIP = b"\x1f\x8b"

Found = Event | MalformedError
"""An event, or why what stands in its place is none."""


class SpoolSource(Struct, frozen=True):
    """The spool in a directory."""

    directory: Path


class FileSource(Struct, frozen=True):
    """CloudEvents in structured mode, one a line; `-` is standard input."""

    path: str


class TopicSource(Struct, frozen=True):
    """A topic."""

    kafka: KafkaSettings


Source = SpoolSource | FileSource | TopicSource


def source_of(text: str, spool_dir: str, kafka: KafkaSettings) -> Source:
    """What a person means: "" the configured spool, `kafka` the configured topic, `kafka://HOST:PORT/TOPIC`, a path.

    Security settings of a topic are always the configured ones. ConfigError says what can be named.
    """
    if not text:
        return SpoolSource(Path(spool_dir))
    if text == "kafka":
        if not kafka.bootstrap_servers:
            raise ConfigError("--from kafka: name the brokers with --audit-kafka-bootstrap-servers, or in the address")
        return TopicSource(kafka)
    if text.startswith("kafka://"):
        address = urlsplit(text)
        topic = address.path.strip("/")
        if not address.netloc or "/" in topic:
            raise ConfigError(f"--from {text}: write kafka://HOST:PORT[,HOST:PORT...]/TOPIC")
        servers = tuple(address.netloc.split(","))
        return TopicSource(replace(kafka, bootstrap_servers=servers, topic=topic or kafka.topic))
    if text == "-" or Path(text).is_file():
        return FileSource(text)
    if Path(text).is_dir():
        return SpoolSource(Path(text))
    raise ConfigError(f"--from {text}: neither a folder of a spool, a file of JSON Lines, -, kafka nor kafka://...")


async def events(source: Source, clock: Clock, *, follow: bool = False) -> AsyncIterator[Found]:
    """Everything in it, per target in order; `follow`: and what comes, for ever. AuditError when it cannot be read."""
    match source:
        case SpoolSource():
            async for found in _spool(source.directory, clock, follow=follow):
                yield found
        case FileSource():
            for found in _file(source.path):
                yield found
        case TopicSource():
            async for found in topic_events(source.kafka, follow=follow):
                yield found


async def _spool(directory: Path, clock: Clock, *, follow: bool) -> AsyncIterator[Found]:
    """A record that may still be joined is shown when it cannot be any more, or last when not following."""
    last = 0
    while True:
        with SpoolReader(directory) as reader:
            for record in reader.records(after=last):
                if record.position == 0 and follow:
                    continue
                last = max(last, record.position)
                try:
                    yield from_spool(record)
                except MalformedError as exc:
                    yield exc
        if not follow:
            return
        await clock.sleep(FOLLOW_SECONDS)


def _file(path: str) -> Iterator[Found]:
    try:
        with open(sys.stdin.fileno() if path == "-" else path, "rb", closefd=path != "-") as raw:
            yield from _lines(gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == _GZIP else raw, path)
    except (OSError, EOFError) as exc:
        raise AuditError(f"{path} cannot be read: {exc}") from exc


def _lines(file: BinaryIO | gzip.GzipFile, path: str) -> Iterator[Found]:
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise AuditError(f"{path}: line {number} is longer than {LONGEST_LINE} bytes")
        if not line.strip():
            continue
        try:
            yield from_line(line, f"{path}:{number}")
        except MalformedError as exc:
            yield exc
