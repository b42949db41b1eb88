from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from autoscaler.audit.brokers import KafkaSettings
from autoscaler.audit.entry import Entry
from autoscaler.audit.event import Event, from_spool, line
from autoscaler.audit.sources import FileSource, Source, SpoolSource, TopicSource, events, live, source_of
from autoscaler.audit.spool import Spool
from autoscaler.clock import SystemClock
from autoscaler.errors import AuditError, ConfigError, MalformedError
from tests.audit.samples import NOON, record
from tests.clock import FakeClock

KAFKA = KafkaSettings(bootstrap_servers=("a:1",), topic="t")
KEY = "shop/Deployment/web"


def entry(number: int, *, standing: bool = False) -> Entry:
    return Entry(KEY, NOON + number, False, record(number).body, standing=standing)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with closing(Spool(tmp_path / "spool", now=NOON, forwarding=True)) as opened:
        opened.append([entry(1), entry(2)])
        yield opened


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", SpoolSource(Path("/spool")), id="the configured spool"),
        pytest.param("kafka", TopicSource(KAFKA), id="the configured topic"),
        pytest.param("kafka://b:1,c:2/u", TopicSource(KafkaSettings(bootstrap_servers=("b:1", "c:2"), topic="u")),
                     id="another topic"),
        pytest.param("kafka://b:1", TopicSource(KafkaSettings(bootstrap_servers=("b:1",), topic="t")),
                     id="the same topic elsewhere"),
        pytest.param("-", FileSource("-"), id="standard input"),
    ],
)  # fmt: skip
def test_what_can_be_named(text: str, expected: Source) -> None:
    assert source_of(text, "/spool", KAFKA) == expected


def test_a_path_is_a_spool_or_a_file(tmp_path: Path) -> None:
    for name in ("x.jsonl", "spool.db"):
        (tmp_path / name).touch()
    assert source_of(str(tmp_path), "", KAFKA) == SpoolSource(tmp_path)
    assert source_of(str(tmp_path / "x.jsonl"), "", KAFKA) == FileSource(str(tmp_path / "x.jsonl"))


@pytest.mark.parametrize("text", ["nowhere", "kafka:///t", "kafka://a:1/b/c", "http://a", "kafka://[::1:9092/x"])
def test_anything_else_is_an_error_that_names_it(text: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"--from {text}")):
        source_of(text, "/spool", KAFKA)


def test_a_file_that_is_not_there_is_told_as_that() -> None:
    with pytest.raises(ConfigError, match=r"^--from nope.jsonl: no such file or folder; name a folder of a spool, "):
        source_of("nope.jsonl", "/spool", KAFKA)


def test_a_folder_without_a_spool_is_told_by_what_was_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"^--from {tmp_path}: no spool.db in this folder; name a folder "):
        source_of(str(tmp_path), "/spool", KAFKA)


def test_a_name_that_no_file_has_is_told() -> None:
    with pytest.raises(ConfigError, match=r"^--from a+: File name too long"):
        source_of("a" * 5000, "/spool", KAFKA)


@pytest.mark.parametrize("text", ["kafka://a", "kafka://a:/t", "kafka://a:1,b/t", "kafka://a:b/t"])
def test_a_broker_without_a_port_is_told_which(text: str) -> None:
    with pytest.raises(ConfigError, match=r"has no port: write kafka://(a|b|a:b):9092/TOPIC"):
        source_of(text, "/spool", KAFKA)


def test_a_port_without_a_broker_is_told() -> None:
    with pytest.raises(ConfigError, match=r":9092 has no host: write kafka://HOST:PORT"):
        source_of("kafka://:9092/t", "/spool", KAFKA)


def test_kafka_must_be_configured() -> None:
    with pytest.raises(ConfigError, match="--audit-kafka-bootstrap-servers"):
        source_of("kafka", "/spool", KafkaSettings(bootstrap_servers=()))


async def read(source: Source) -> list[object]:
    return [found.number.seq if isinstance(found, Event) else str(found) async for found in events(source, FakeClock())]


async def test_a_spool_with_what_may_still_be_joined(spool: Spool) -> None:
    spool.append([entry(3, standing=True)])
    assert await read(SpoolSource(spool.path.parent)) == [1, 2, 3]


@pytest.mark.parametrize("zipped", [False, True])
async def test_a_file_and_what_in_it_is_no_record(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "x.jsonl"
    text = b"\n".join([line(from_spool(record(1))), b"", b"garbage", line(from_spool(record(2)))])
    path.write_bytes(gzip.compress(text) if zipped else text)
    first, second, third = await read(FileSource(str(path)))
    assert (first, third) == (1, 2)
    assert str(second).startswith(f"{path}:3: no record of ours")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(gzip.compress(b"x" * 1000)[:-9], "cannot be read", id="half a gzip file"),
        pytest.param(gzip.compress(b"x" * 1000)[:10] + b"\xff" * 20, "cannot be read", id="a flipped byte in it"),
    ],
)
async def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(AuditError, match=f"{path}.*{message}"):
        await read(FileSource(str(path)))


async def following(source: Source, count: int) -> tuple[AsyncIterator[object], list[object]]:
    """The stream behind its first `count` answers, and these: numbers, None for the present end."""
    stream = live(source, SystemClock())
    return stream, await more(stream, count)


async def more(stream: AsyncIterator[object], count: int) -> list[object]:
    async with asyncio.timeout(30):
        found = [await anext(stream) for _ in range(count)]
    return [each.number.seq if isinstance(each, Event) else each for each in found]


async def test_following_a_spool_shows_what_comes(spool: Spool) -> None:
    stream, seen = await following(SpoolSource(spool.path.parent), 3)
    spool.append([entry(3, standing=True), entry(4)])
    assert seen + await more(stream, 2) == [1, 2, None, 3, 4]
    await stream.aclose()  # type: ignore[attr-defined]


async def test_following_a_file_shows_what_is_added_when_its_line_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    lines = [line(from_spool(record(number))) + b"\n" for number in (1, 2, 3)]
    path.write_bytes(lines[0] + lines[1][:20])
    stream, seen = await following(FileSource(str(path)), 2)
    with path.open("ab") as file:
        file.write(lines[1][20:] + lines[2])
    assert seen + await more(stream, 2) == [1, None, 2, 3]
    await stream.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", ["renamed", "cut"])
async def test_following_goes_on_in_the_file_that_takes_its_place(tmp_path: Path, how: str) -> None:
    path = tmp_path / "x.jsonl"
    lines = [line(from_spool(record(number))) + b"\n" for number in (1, 2, 3, 4)]
    path.write_bytes(lines[0] + lines[1])
    stream, seen = await following(FileSource(str(path)), 3)
    if how == "renamed":
        with path.open("ab") as file:
            file.write(lines[2])
        path.rename(tmp_path / "x.jsonl.1")
        path.write_bytes(lines[3])
        assert seen + await more(stream, 2) == [1, 2, None, 3, 4]
    else:
        path.write_bytes(lines[3])
        assert seen + await more(stream, 1) == [1, 2, None, 4]
    await stream.aclose()  # type: ignore[attr-defined]


async def test_a_line_without_end_is_told_and_the_next_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"x" * (3 << 20) + b"\n" + line(from_spool(record(2))))
    told, seq = await read(FileSource(str(path)))
    assert (told, seq) == (f"{path}:1: no record of ours: a line of more than 1048576 bytes", 2)


async def test_following_a_packed_file_ends_with_it(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(line(from_spool(record(1)))))
    found = [each async for each in live(FileSource(str(path)), FakeClock())]
    assert isinstance(found[0], Event)
    assert found[1:] == [None]


async def test_a_body_that_is_none_is_told_and_the_next_is_read(spool: Spool) -> None:
    spool.append([Entry(KEY, NOON, False, b"{}"), entry(4)])
    found = [each async for each in events(SpoolSource(spool.path.parent), FakeClock())]
    assert isinstance(found[2], MalformedError)
    assert isinstance(found[3], Event)
