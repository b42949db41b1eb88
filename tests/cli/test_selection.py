from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from autoscaler.audit.brokers import KafkaSettings
from autoscaler.audit.event import Event, from_spool
from autoscaler.audit.sources import FileSource, Source, SpoolSource, TopicSource
from autoscaler.audit.wanted import Wanted
from autoscaler.cli.selection import PIPE, Selection, gaps
from tests.audit.samples import NOON, record


async def heard(wanted: Wanted, *names: str) -> list[str]:
    async def stream() -> AsyncIterator[Event | None]:
        for number, name in enumerate(names, 1):
            yield from_spool(record(number, name))
        yield None

    selection = Selection(wanted, FileSource("x.jsonl"))
    assert len([each async for each in selection.heard(stream())]) == len(names) + 1, "the stream stays as it is"
    return selection.nothing()


async def test_a_target_that_is_not_there_is_told_with_those_that_are() -> None:
    assert await heard(Wanted(target="shop/nobody"), "web", "db", "web") == [
        "nothing matched: no record is about shop/nobody; there are",
        "  shop/Deployment/db",
        "  shop/Deployment/web",
    ]
    told = await heard(Wanted(target="shop/nobody"), *(f"web{number}" for number in range(30)))
    assert (len(told), told[-1]) == (22, "  and 10 more")


ALL = "of 3 records, 2027-01-15T08:00:01Z to 2027-01-15T08:00:03Z, none"
OF_WEB = "of 2 records about shop/web, 2027-01-15T08:00:01Z to 2027-01-15T08:00:03Z, none"


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        pytest.param(Wanted(since=NOON + 60), f"{ALL} meets --since", id="a time"),
        pytest.param(Wanted(target="shop/web", until=NOON, outcomes=("failed",)),
                     f"{OF_WEB} meets --until and --outcome", id="an outcome by a time, of a target"),
        pytest.param(Wanted(target="shop/db", reasons=("OnTarget",)),
                     "of 1 record about shop/db, 2027-01-15T08:00:02Z, none meets --reason", id="a reason"),
    ],
)  # fmt: skip
async def test_a_choice_that_nothing_meets_is_told_with_what_there_is(wanted: Wanted, told: str) -> None:
    assert await heard(wanted, "web", "db", "web") == [f"nothing matched: {told}"]


async def test_an_empty_record_is_told() -> None:
    assert await heard(Wanted(since=NOON)) == ["nothing matched: there are no records"]


@pytest.mark.parametrize(
    ("source", "last"),
    [
        pytest.param(FileSource("x.jsonl"), "waiting for the first", id="a file"),
        pytest.param(SpoolSource(Path("spool")), "who decides", id="a spool"),
        pytest.param(
            TopicSource(KafkaSettings(bootstrap_servers=("kafka:9092",))),
            "whether they can reach the topic",
            id="a topic",
        ),
    ],
)
def test_where_records_come_later_it_is_told_what_to_look_at(source: Source, last: str) -> None:
    [line] = Selection(Wanted(), source).nothing_yet()
    assert line.startswith("no records yet, waiting for the first")
    assert line.endswith(last)
    assert Selection(Wanted(), PIPE).nothing_yet() == []


@pytest.mark.parametrize(
    ("wanted", "flags"),
    [
        pytest.param(Wanted(target="shop/web", since=1.0, until=2.0), "", id="a target and a time are whole"),
        pytest.param(Wanted(outcomes=("held",)), "--outcome", id="an outcome"),
        pytest.param(Wanted(outcomes=("held",), reasons=("OnTarget",)), "--reason and --outcome", id="both"),
    ],
)
def test_what_leaves_gaps_is_told(wanted: Wanted, flags: str) -> None:
    assert [line.partition(":")[0] for line in gaps(wanted)] == ([f"a selection by {flags}"] if flags else [])
