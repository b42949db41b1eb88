import asyncio
import gc
import weakref
from collections.abc import Iterator, Mapping

import pytest

from autoscaler.api.items import SLICE, Item, item_key, pod_item
from autoscaler.api.parts import Leavings, Parts, in_parts
from autoscaler.model.metrics import PodUsage
from autoscaler.model.objects import NodeName, Pod
from autoscaler.turnstile import Turnstile


def item(number: int, labels: Mapping[str, str] = {}) -> Item:
    pod = Pod(namespace="shop", name=f"web-{number:05}", labels=labels, node=NodeName("n"))
    return pod_item(pod, PodUsage("shop", pod.name, "", (), number, 1))


def some(count: int) -> Parts:
    return Parts(tuple(in_parts(item(number) for number in range(count))))


def numbers(items: Iterator[Item] | Parts) -> list[int]:
    return [each.at_ns for each in items]


@pytest.mark.parametrize("count", [0, 1, SLICE - 1, SLICE, SLICE + 1, 3 * SLICE + 7])
def test_they_are_what_was_put_in_parts_of_a_slice(count: int) -> None:
    parts = some(count)
    assert len(parts) == count
    assert numbers(parts) == list(range(count))
    assert [len(part) for part in parts.parts[:-1]] == [SLICE] * max(0, len(parts.parts) - 1)
    assert all(parts.parts)


@pytest.mark.parametrize("count", [0, 1, SLICE, 2 * SLICE + 3])
@pytest.mark.parametrize("at", [0, 1, SLICE - 1, SLICE, SLICE + 1, 2 * SLICE + 2])
@pytest.mark.parametrize("limit", [1, SLICE, SLICE + 5])
def test_a_page_begins_behind_a_key_and_has_so_many(count: int, at: int, limit: int) -> None:
    parts, whole = some(count), list(range(count))
    behind = parts.behind(item_key(item(at)))
    assert numbers(behind) == whole[at + 1 :]
    assert numbers(behind.first(limit)) == whole[at + 1 :][:limit]
    assert all(behind.parts), "no empty part"
    assert all(behind.first(limit).parts), "no empty part"


def test_a_key_that_is_none_of_them_is_a_place_between_two() -> None:
    parts = some(SLICE + 2)
    assert numbers(parts.behind("shop\0web-00000x")) == list(range(1, SLICE + 2))
    assert numbers(parts.behind("a")) == list(range(SLICE + 2))
    assert numbers(parts.behind("z")) == []


@pytest.mark.parametrize(("count", "chosen"), [(0, 0), (1, 1), (3, 3), (SLICE, 4), (9 * SLICE, 3), (4 * SLICE, 4)])
def test_a_sample_is_spread_evenly(count: int, chosen: int) -> None:
    found = numbers(iter(some(count).sample(4)))
    assert len(found) == chosen
    assert found == sorted(set(found))
    assert not found or found[-1] >= count / 2 or count <= 1


class Labels(dict[str, str]):
    """Of one item only: when they are gone, it is."""


def watched(count: int) -> tuple[Parts, list["weakref.ref[Labels]"]]:
    made = [item(number, Labels()) for number in range(count)]
    return Parts(tuple(in_parts(made))), [weakref.ref(each.subject.labels) for each in made]  # type: ignore[type-var]


def there(seen: list["weakref.ref[Labels]"]) -> int:
    return sum(1 for each in seen if each() is not None)


def test_what_was_taken_is_given_up_by_whoever_has_read_it() -> None:
    parts, seen = watched(3 * SLICE)
    leavings = Leavings()
    taken = leavings.consumed(parts)
    del parts
    assert there(seen) == 3 * SLICE
    left = []
    for part in taken:
        del part
        left.append(there(seen))
    assert left == [2 * SLICE, SLICE, 0]


async def test_what_nobody_goes_on_with_is_let_go_part_by_part() -> None:
    parts, seen = watched(4 * SLICE)
    leavings, left = Leavings(), []
    taken = leavings.consumed(parts)
    next(taken)
    del parts, taken
    gc.collect()
    assert there(seen) == 3 * SLICE, "the client left: nothing else is let go at once"

    async def look() -> None:
        while there(seen):
            left.append(there(seen))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(look())
        group.create_task(leavings.let_go(Turnstile(1)))
    assert sorted(set(left), reverse=True) == [3 * SLICE, 2 * SLICE, SLICE]


async def test_what_another_still_reads_stays_his() -> None:
    parts, seen = watched(2 * SLICE)
    leavings = Leavings()
    other = leavings.consumed(parts)
    leavings.put(parts.parts)
    del parts
    await leavings.let_go(Turnstile(1))
    assert there(seen) == 2 * SLICE
    assert numbers(each for part in other for each in part) == list(range(2 * SLICE))
    assert there(seen) == 0
