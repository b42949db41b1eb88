"""Where records are read from: a spool, a Kafka topic, a file of JSON Lines (also gzipped), standard input."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.audit.event import Event, from_line, from_spool
from autoscaler.audit.linefile import LONGEST_LINE, TOO_LONG, Block, LineFile, opened
from autoscaler.audit.read import SpoolReader
from autoscaler.audit.spoolfile import FILE_NAME
from autoscaler.clock import Clock
from autoscaler.errors import ConfigError, MalformedError

if TYPE_CHECKING:
    from autoscaler.audit.brokers import KafkaSettings

FOLLOW_SECONDS = 0.5
TOLD_EVERY = 500
_NAMED = "name a folder of a spool, a file of JSON Lines, -, kafka or kafka://..."
_ADDRESS = "write kafka://HOST:PORT[,HOST:PORT...]/TOPIC"

Found = Event | MalformedError
"""An event, or why what stands in its place is none."""
Reached = Callable[[float], None]
"""Called now and then with how much of a file or spool was read, from 0 to 1; of the others nobody knows."""


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
        servers, topic = _address(text)
        return TopicSource(replace(kafka, bootstrap_servers=servers, topic=topic or kafka.topic))
    try:
        if text == "-" or Path(text).is_file():
            return FileSource(text)
        if Path(text).is_dir():
            (Path(text) / FILE_NAME).stat()
            return SpoolSource(Path(text))
        if "://" not in text and not Path(text).exists():
            raise ConfigError(f"--from {text}: no such file or folder; {_NAMED}")
    except FileNotFoundError as exc:
        raise ConfigError(f"--from {text}: no {FILE_NAME} in this folder; {_NAMED}") from exc
    except OSError as exc:
        raise ConfigError(f"--from {text}: {exc.strerror}") from exc
    raise ConfigError(f"--from {text}: neither a folder of a spool, a file of JSON Lines, -, kafka nor kafka://...")


def _address(text: str) -> tuple[tuple[str, ...], str]:
    """Brokers and topic ("": the configured one) of `kafka://...`."""
    try:
        address = urlsplit(text)
    except ValueError as exc:
        raise ConfigError(f"--from {text}: {exc}; {_ADDRESS}") from exc
    topic = address.path.strip("/")
    if not address.netloc or "/" in topic:
        raise ConfigError(f"--from {text}: {_ADDRESS}")
    servers = tuple(address.netloc.split(","))
    for server in servers:
        host, _, port = server.rpartition(":")
        if not host and port.isdecimal():
            raise ConfigError(f"--from {text}: :{port} has no host: {_ADDRESS}")
        if not host or not port.isdecimal():
            raise ConfigError(f"--from {text}: {server} has no port: write kafka://{server.rstrip(':')}:9092/TOPIC")
    return servers, topic


async def events(source: Source, clock: Clock, reached: Reached | None = None) -> AsyncIterator[Found]:
    """Everything in it, per target in order; `reached` hears how far it is. AuditError when it cannot be read."""
    async for found in _read(source, clock, follow=False, reached=reached):
        if found is not None:
            yield found


def live(source: Source, clock: Clock) -> AsyncIterator[Found | None]:
    """Everything in it and then what comes, each once; None, once, where what was there already ends.

    Ends with standard input and with a gzip file, else never: a file that is cut, or that another one takes the place
    of, is followed from its new beginning. Of a spool, a record that may still be joined comes when it cannot be any
    more. AuditError when it cannot be read.
    """
    return _read(source, clock, follow=True)


async def _read(
    source: Source, clock: Clock, *, follow: bool, reached: Reached | None = None
) -> AsyncIterator[Found | None]:
    match source:
        case SpoolSource():
            found = _spool(source.directory, clock, follow=follow, reached=reached)
        case FileSource():
            found = _file(source.path, clock, follow=follow, reached=reached)
        case TopicSource():
            from autoscaler.audit.topic import topic_events  # noqa: PLC0415 - who reads a spool waits for no Kafka

            found = topic_events(source.kafka, clock, follow=follow)
    async for each in found:
        yield each


async def _spool(
    directory: Path, clock: Clock, *, follow: bool, reached: Reached | None
) -> AsyncIterator[Found | None]:
    last, present = 0, False
    while True:
        with SpoolReader(directory) as reader:
            first, newest = reader.positions() if reached else (0, 0)
            for record in reader.records(after=last):
                if record.position == 0 and follow:
                    continue
                last = max(last, record.position)
                if reached and last % TOLD_EVERY == 0 and newest > first:
                    reached((last - first) / (newest - first))
                try:
                    yield from_spool(record)
                except MalformedError as exc:
                    yield exc
        if not follow:
            return
        if not present:
            present = True
            yield None
        await clock.sleep(FOLLOW_SECONDS)


async def _file(path: str, clock: Clock, *, follow: bool, reached: Reached | None) -> AsyncIterator[Found | None]:
    piped = path == "-"
    if piped and follow:
        yield None  # a pipe has no present end
    present = not follow or piped
    while True:
        with opened(path) as file:
            growing = follow and file.grows
            for found in _all(file, path, reached, to_the_end=not growing):
                yield found
            if not present:
                present = True
                yield None
            if not growing:
                return
            while not file.replaced:
                await clock.sleep(FOLLOW_SECONDS)
                for found in _all(file, path, None, to_the_end=False):
                    yield found
            for found in _all(file, path, None, to_the_end=True):
                yield found


def _all(file: LineFile, path: str, reached: Reached | None, *, to_the_end: bool) -> Iterator[Found]:
    for block in file.blocks(to_the_end=to_the_end):
        if reached and file.share is not None:
            reached(file.share)
        for number, line in enumerate(block.lines, block.number):
            if line is TOO_LONG:
                yield MalformedError(f"{path}:{number}: no record of ours: a line of more than {LONGEST_LINE} bytes")
            elif line.strip():
                try:
                    yield from_line(line, f"{path}:{number}")
                except MalformedError as exc:
                    yield exc


def blocks(source: FileSource, reached: Reached) -> Iterator[Block]:
    """The lines of a file as they are, to be made events of elsewhere (`audit.event.from_line`)."""
    with opened(source.path) as file:
        for block in file.blocks(to_the_end=True):
            if file.share is not None:
                reached(file.share)
            yield block
