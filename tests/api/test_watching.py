import asyncio
from random import Random

import pytest
from msgspec import structs

from autoscaler.api.items import SLICE
from autoscaler.api.snapshots import Snapshots
from autoscaler.api.watching import BOOKMARK_SECONDS, LONGEST_SECONDS, PACE_SECONDS
from autoscaler.core import selectors
from autoscaler.turnstile import Turnstile
from tests.api.watched import ALL, WEB, Watched
from tests.clock import settle


async def test_the_state_of_now_then_every_change() -> None:
    made = Watched("a", "b")
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(made.listen(made.watch(initial=True)))
        assert await made.news() == ["ADDED a 0", "ADDED b 0"]
        made.sample("a", "b")
        assert await made.news() == ["MODIFIED a 1", "MODIFIED b 1"]
        made.add("c")
        assert await made.news() == ["ADDED c 2"]
        made.delete("b")
        made.cluster.commit(lost=[made.pods["a"]])
        assert await made.news() == ["DELETED b 3", "DELETED a 4"]
        assert await made.news() == []
        listening.cancel()


async def test_from_a_revision_on_each_object_is_told_once_in_its_present_state() -> None:
    made = Watched("a", "b", "c")
    made.sample("a")
    made.sample("b")
    made.sample("a")
    made.delete("c")
    made.add("d")
    made.delete("d")
    made.add("e")
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(made.listen(made.watch(after=made.begin)))
        assert await made.news() == ["MODIFIED b 2", "MODIFIED a 3", "DELETED c 4 without numbers", "ADDED e 7"]
        listening.cancel()


async def test_from_now_on_tells_no_state() -> None:
    made = Watched("a")
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(made.listen(made.watch()))
        assert await made.news() == []
        made.sample("a")
        assert await made.news() == ["MODIFIED a 1"]
        listening.cancel()


async def test_a_pod_comes_and_goes_with_the_labels_a_watch_selects_by() -> None:
    made = Watched("a")
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(made.listen(made.watch(WEB, after=made.begin)))
        made.add("b", app="db")
        made.relabel("a", app="db")
        assert await made.news() == ["DELETED a 2 without numbers"]
        made.sample("a", "b")
        assert await made.news() == []
        made.relabel("b", app="web")
        assert await made.news() == ["ADDED b 4"]
        made.relabel("b", app="web", tier="fe")
        assert await made.news() == ["MODIFIED b 5"]
        listening.cancel()


async def test_one_that_is_replaced_is_a_change_to_who_had_it_and_new_to_who_had_not() -> None:
    made = Watched("a")
    made.delete("a")
    made.add("a")
    for after, said in ((0, ["MODIFIED a 2"]), (1, ["ADDED a 2"]), (2, [])):
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(made.listen(made.watch(after=made.begin + after)))
            assert await made.news() == said
            listening.cancel()


async def test_other_namespaces_are_not_told() -> None:
    made = Watched("a")
    elsewhere = structs.replace(ALL, namespace="sho")
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(made.listen(made.watch(elsewhere, after=made.begin)))
        made.sample("a")
        assert await made.news() == []
        listening.cancel()


async def test_the_first_change_after_a_pause_is_told_at_once_and_the_next_together() -> None:
    made = Watched("a", "b")
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(made.listen(made.watch(after=made.begin)))
        await made.clock.advance(5)
        made.sample("a")
        await settle()
        assert made.said == ["MODIFIED a 1"]
        for _ in range(3):
            made.sample("a", "b")
            await settle()
        assert made.said == ["MODIFIED a 1"]
        await made.clock.advance(PACE_SECONDS)
        assert made.said == ["MODIFIED a 1", "MODIFIED a 4", "MODIFIED b 4"]
        listening.cancel()


async def test_a_streaming_list_ends_its_state_with_a_bookmark() -> None:
    made = Watched("a")
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(made.listen(made.watch(initial=True, marked=True, bookmarks=True)))
        assert await made.news() == ["ADDED a 0", "BOOKMARK 0 initial"]
        listening.cancel()


async def test_a_bookmark_a_minute_tells_the_revision_also_when_nothing_was_of_interest() -> None:
    made = Watched("a")
    nothing = structs.replace(ALL, namespace="nothing")
    async with asyncio.TaskGroup() as tasks:
        marked, silent = (made.watch(nothing, after=made.begin, bookmarks=each) for each in (True, False))
        listening = [tasks.create_task(made.listen(frames)) for frames in (marked, silent)]
        for minute in (1, 2):
            made.sample("a")
            await made.clock.advance(BOOKMARK_SECONDS - 1)
            made.ledger.wake()
            assert await made.news() == []
            await made.clock.advance(1)
            made.ledger.wake()
            assert await made.news() == [f"BOOKMARK {minute}"]
        for task in listening:
            task.cancel()


@pytest.mark.parametrize(("asked", "lasts"), [(30, 30), (None, LONGEST_SECONDS), (10**9, LONGEST_SECONDS)])
async def test_it_ends_when_the_client_wants_and_in_the_end_always(asked: int | None, lasts: float) -> None:
    made = Watched("a")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(made.listen(made.watch(after=made.begin, seconds=asked)))
        await made.clock.advance(lasts - 1)
        made.ledger.wake()
        await made.news()
        assert not made.ended
        await made.clock.advance(1)
        made.ledger.wake()
    assert made.ended


async def test_it_ends_with_the_server() -> None:
    made = Watched("a")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(made.listen(made.watch(after=made.begin)))
        await made.news()
        made.ledger.close()
    assert made.ended


@pytest.mark.parametrize(
    ("after", "said"),
    [
        pytest.param(-1, "too old resource version", id="of an earlier process"),
        pytest.param(10**9, "too old resource version", id="of another process"),
    ],
)
async def test_a_revision_that_is_not_ours_ends_it_with_410(after: int, said: str) -> None:
    made = Watched("a")
    start = made.ledger.pods.floor
    await made.listen(made.watch(after=start + after))
    assert made.ended
    assert made.said == [f"ERROR 410 Expired {said}: {start + after} ({start})"]


async def test_a_client_that_reads_too_slowly_is_told_so() -> None:
    """Nothing piles up for it: it gets what is there when it reads, and the end when it missed too much."""
    made = Watched("a")
    frames = made.watch(after=made.begin)
    made.sample("a")
    assert (await anext(frames)).startswith(b"MODIFIED a 1")
    for _ in range(10_001):
        made.add("x")
        made.delete("x")
    await made.clock.advance(PACE_SECONDS)
    assert await anext(frames) == b""
    last = await anext(frames)
    assert last.startswith(b"ERROR 410 Expired too old resource version")
    assert [piece async for piece in frames] == []


async def test_a_look_at_many_changes_gives_way_between_slices() -> None:
    made = Watched(*(f"p{number:05}" for number in range(SLICE * 3)))
    made.sample(*made.pods)
    frames = made.watch(structs.replace(ALL, labels=selectors.parse("app=db")), after=made.begin)
    assert [await anext(frames) for _ in range(3)] == [b""] * 3
    frames = made.watch(after=made.begin)
    assert [(await anext(frames)).count(b"\n") for _ in range(3)] == [SLICE] * 3


@pytest.mark.parametrize("seed", range(8))
async def test_whoever_follows_has_what_is_served(seed: int) -> None:
    """Whatever happens, and at whatever revision a client goes on: added up, the events are the list of now."""
    chance = Random(seed)
    made = Watched("a", "b", "c")
    known: dict[str, bool] = dict.fromkeys("abc", True)
    told = made.begin
    for _ in range(60):
        for _ in range(chance.randrange(4)):
            name = chance.choice("abcdef")
            if name not in made.pods:
                made.add(name, app=chance.choice(("web", "db")))
            else:
                act = chance.choice((made.sample, made.delete, made.relabel))
                act(name, **({"app": chance.choice(("web", "db"))} if act == made.relabel else {}))  # type: ignore[operator]
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(made.listen(made.watch(WEB, after=told)))
            for line in await made.news():
                kind, name, *_ = line.split()
                assert (kind == "ADDED") is not known.get(name, False), line
                known[name] = kind != "DELETED"
            listening.cancel()
        told = made.ledger.revision
        now = (await Snapshots(made.ledger, made.clock, Turnstile(2)).current(WEB)).items
        assert {name for name, there in known.items() if there} == {item.subject.name for item in now}
