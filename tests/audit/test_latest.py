from autoscaler.audit.latest import Latest
from tests.audit.samples import record


async def test_only_the_newest_of_each_target_is_owed_in_the_order_of_the_history() -> None:
    latest = Latest()
    latest.offer([record(1, "a"), record(2, "b"), record(3, "a")])
    await latest.news()
    assert [each.position for each in await latest.undelivered(1 << 20, 10)] == [2, 3]


async def test_what_comes_during_a_round_stays_for_the_next() -> None:
    latest = Latest()
    latest.offer([record(1, "a"), record(2, "b")])
    sent = await latest.undelivered(1 << 20, 10)
    latest.offer([record(3, "a")])
    await latest.delivered(sent[-1].position)
    assert [each.position for each in await latest.undelivered(1 << 20, 10)] == [3]
    await latest.delivered(3)
    assert await latest.undelivered(1 << 20, 10) == []


async def test_a_round_is_bounded_and_never_empty_for_a_large_record() -> None:
    latest = Latest()
    latest.offer([record(number, f"web{number}") for number in range(1, 6)])
    assert [each.position for each in await latest.undelivered(1 << 20, 2)] == [1, 2]
    assert [each.position for each in await latest.undelivered(1, 80)] == [1]


async def test_a_record_set_aside_is_in_the_history_all_the_same() -> None:
    latest = Latest()
    latest.offer([record(1)])
    await latest.settle()
    await latest.set_aside(record(1), "too large")
    await latest.delivered(1)
    assert await latest.undelivered(1 << 20, 80) == []
