import asyncio

import pytest

from autoscaler.control.allowance import BURST_SECONDS, Allowance, WriteRates
from tests.clock import FakeClock


def taken(allowance: Allowance, namespace: str, wanted: int) -> int:
    return sum(not allowance.take(namespace) for _ in range(wanted))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def allowance(clock: FakeClock) -> Allowance:
    return Allowance(WriteRates(cluster=10, namespace=4), clock)


def test_a_burst_is_what_ten_seconds_bring(allowance: Allowance) -> None:
    assert taken(allowance, "shop", 1000) == 4 * BURST_SECONDS


def test_one_namespace_leaves_something_for_the_others(allowance: Allowance) -> None:
    found = [taken(allowance, name, 1000) for name in ("a", "b", "c", "d")]
    assert found == [40, 40, 20, 0]


def test_what_was_used_comes_back_at_the_rate(allowance: Allowance, clock: FakeClock) -> None:
    taken(allowance, "shop", 1000)
    asyncio.run(clock.advance(2.5))
    assert taken(allowance, "shop", 1000) == 10
    asyncio.run(clock.advance(3600))
    assert taken(allowance, "shop", 1000) == 40


def test_a_write_that_is_forbidden_takes_nothing_from_others(allowance: Allowance) -> None:
    taken(allowance, "a", 1000)
    assert taken(allowance, "b", 1000) == 40


@pytest.mark.parametrize(
    ("rates", "flag"),
    [
        (WriteRates(cluster=0.1, namespace=9), "--scale-writes-per-second)"),
        (WriteRates(cluster=9, namespace=0.1), "--scale-writes-per-second-per-namespace)"),
    ],
)
def test_it_says_which_limit_it_was_and_one_is_always_there(clock: FakeClock, rates: WriteRates, flag: str) -> None:
    allowance = Allowance(rates, clock)
    assert allowance.take("shop") == ""
    assert allowance.take("shop").endswith(flag)


def test_namespaces_of_long_ago_are_forgotten(allowance: Allowance, clock: FakeClock) -> None:
    for number in range(3000):
        allowance.take(f"n-{number}")
        asyncio.run(clock.advance(1))
    assert len(allowance._namespaces) <= 1024
