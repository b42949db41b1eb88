from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from autoscaler.audit.event import Event, from_spool
from autoscaler.audit.wanted import Wanted
from autoscaler.cli.selection import Selection, gaps
from tests.audit.samples import record


async def heard(wanted: Wanted, *names: str) -> list[str]:
    async def stream() -> AsyncIterator[Event | None]:
        for name in names:
            yield from_spool(record(1, name))
        yield None

    selection = Selection(wanted)
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


async def test_a_choice_that_nothing_meets_is_told() -> None:
    assert await heard(Wanted(target="shop/web", outcomes=("failed",)), "web", "db") == [
        "nothing matched: of 2 records none is of that target, time, reason and outcome"
    ]
    assert await heard(Wanted()) == ["nothing matched: there are no records"]


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
