from autoscaler.telemetry.throttle import KINDS, Throttle
from tests.clock import FakeClock


async def test_so_many_of_one_message_a_second_and_then_how_many_were_left_out() -> None:
    clock = FakeClock()
    throttle = Throttle(clock, lines=3)
    assert [throttle.admit("x") for _ in range(5)] == [0, 0, 0, None, None]
    assert throttle.admit("y") == 0
    await clock.advance(1)
    assert [throttle.admit("x") for _ in range(2)] == [2, 0]


def test_messages_that_are_all_different_are_counted_as_one_and_not_kept() -> None:
    throttle = Throttle(FakeClock(), lines=3)
    admitted = [throttle.admit(str(number)) for number in range(10 * KINDS)]
    assert admitted.count(0) == KINDS + 3
