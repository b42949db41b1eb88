"""Who leads, by several electors on one Lease and one clock that the test moves."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from autoscaler.control.elector import Alone
from autoscaler.telemetry import ControlTelemetry
from tests.clock import settle
from tests.control.house import FIRST, STEP, housed


async def test_the_first_one_leads_and_renews_every_retry_period() -> None:
    async with housed() as house:
        before, begun = len(house.shelf.writes), house.shelf.claim
        await house.pass_(60)
        assert house.shelf.writes[before:] == ["a"] * 30
        now = house.shelf.claim
        assert (now.acquired, now.transitions, now.duration) == (begun.acquired, FIRST, 15)
        assert now.renewed > begun.renewed
        assert house.a.elector.refusal() == ""
        assert "does not lead" in house.b.elector.refusal()


async def test_l01_one_that_was_stopped_writes_nothing_and_ends_at_once() -> None:
    async with housed() as house:
        house.a.stop()
        await house.pass_(60)
        assert house.b.leads
        assert house.b.elector.epoch == FIRST + 1
        assert house.a.elector.refusal() != ""
        assert "stopped or starved" in house.a.ended[0]


async def test_l01_its_own_thread_finds_out_by_itself() -> None:
    async with housed() as house:
        house.a.stop()
        await house.pass_(60)
        before = len(house.shelf.writes)
        async with asyncio.TaskGroup() as group:
            woken = group.create_task(house.a.elector.run())
            await settle()
            woken.cancel()
        assert house.a.ended
        assert "a" not in house.shelf.writes[before:]


async def test_a_crash_is_followed_within_seventeen_seconds() -> None:
    async with housed() as house:
        for _ in range(8):  # whatever the phase
            await house.pass_(STEP)
        house.a.stop()
        assert await house.until(lambda: house.b.leads) <= 17


async def test_l02_one_that_is_cut_off_steps_down_in_time_and_stands_again() -> None:
    async with housed() as house:
        house.a.line.cut = True
        assert await house.until(lambda: house.a.elector.refusal() != "") <= 10
        assert await house.until(lambda: house.b.leads) <= 17 - 7
        house.a.line.cut = False
        await house.pass_(30)
        assert (house.b.leads, house.a.leads, house.a.ended) == (True, False, [])


async def test_l02_an_api_server_that_was_away_for_all_finds_the_same_leader_again() -> None:
    async with housed() as house:
        house.a.line.cut = house.b.line.cut = True
        await house.pass_(60)
        house.a.line.cut = house.b.line.cut = False
        await house.pass_(40)
        assert house.a.leads != house.b.leads
        assert house.a.ended == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(None, id="deleted"),
        pytest.param({"holder": "somebody"}, id="another holder"),
        pytest.param({"holder": ""}, id="no holder"),
        pytest.param({"holder": "", "duration": 0}, id="emptied"),
        pytest.param({"duration": 0}, id="no duration"),
        pytest.param({"duration": 1_000_000_000}, id="a duration of thirty years"),
        pytest.param({"renewed": "yesterday", "acquired": "∞"}, id="times that are none"),
        pytest.param({"transitions": 2**31 - 1, "holder": "x"}, id="no room for another transition"),
    ],
)
async def test_l03_whatever_is_done_to_the_lease_there_is_one_leader_again_and_never_two(
    change: dict[str, object] | None,
) -> None:
    async with housed() as house:
        if change is None:
            house.shelf.lease = None
        else:
            house.shelf.put(replace(house.shelf.claim, **change))  # type: ignore[arg-type]  # a test builds it from words
        await house.pass_(25)
        assert house.a.leads or house.b.leads
        assert house.shelf.claim.transitions < 2**31


async def test_l03_a_dead_holder_with_a_long_lease_is_not_waited_for_for_ever() -> None:
    async with housed() as house:
        house.a.stop()
        house.shelf.put(replace(house.shelf.claim, duration=1_000_000_000))
        assert await house.until(lambda: house.b.leads) <= 17


async def test_a_deleted_lease_does_not_bring_old_epochs_back() -> None:
    async with housed() as house:
        house.a.stop()
        await house.pass_(20)
        house.shelf.lease = None
        await house.pass_(5)
        assert house.b.elector.epoch == FIRST + 2


async def test_l05_a_work_loop_that_stands_still_is_renewed_no_more() -> None:
    async with housed() as house:
        house.a.living = False
        await house.pass_(2)
        assert "stands still" in house.a.ended[0]
        assert not house.a.leads


@pytest.mark.parametrize("shift", [3600.0, -3600.0])
async def test_l06_s23_the_wall_clock_changes_no_leader(shift: float) -> None:
    async with housed() as house:
        house.clock._now += shift
        await house.pass_(60)
        assert house.a.leads
        assert house.shelf.claim.transitions == FIRST


async def test_l10_a_lease_that_was_given_up_is_taken_within_three_seconds() -> None:
    async with housed() as house:
        house.a.stop()
        await house.a.elector.release()
        assert (house.shelf.claim.holder, house.shelf.claim.duration) == ("", 1)
        assert await house.until(lambda: house.b.leads) <= 3
        assert house.shelf.claim.transitions == FIRST + 1


async def test_only_the_holder_gives_it_up() -> None:
    async with housed() as house:
        house.b.stop()
        await house.b.elector.release()
        assert house.shelf.claim.holder == "a"
        house.a.line.cut = True
        await house.a.elector.release()
        assert not house.a.leads


async def test_l11_one_that_is_slow_steps_down_rather_than_acting_late() -> None:
    async with housed() as house:
        house.a.stop()
        await house.until(lambda: not house.a.leads)
        assert "could not be renewed in time" in house.a.elector.refusal()
        assert house.a.ended == []


@pytest.mark.parametrize(("seconds", "kept"), [(1.0, True), (5.0, True), (9.0, False), (20.0, False)])
async def test_s11_however_slow_answers_are_never_two_lead_and_the_first_good_one_helps(
    seconds: float, kept: bool
) -> None:
    async with housed() as house:
        begun = house.shelf.claim.transitions
        house.a.line.slow = house.b.line.slow = seconds
        await house.pass_(120)  # at every step not more than one leads
        if kept:
            assert (house.a.leads, house.shelf.claim.transitions) == (True, begun)
        house.a.line.slow = house.b.line.slow = 0.0
        assert await house.until(lambda: house.a.leads or house.b.leads) < 40


async def test_a_renewal_whose_answer_was_lost_is_recognized() -> None:
    async with housed() as house:
        house.a.line.deaf = True
        await house.pass_(4)
        house.a.line.deaf = False
        await house.pass_(10)
        assert house.a.leads
        assert house.shelf.claim.transitions == FIRST


def test_alone_nothing_is_refused_and_the_series_says_that_it_leads() -> None:
    registry = CollectorRegistry()
    alone = Alone(ControlTelemetry(registry))
    assert (alone.refusal(), alone.epoch) == ("", None)
    assert registry.get_sample_value("autoscaler_leading") == 1
