"""What outlives a leader: crashes between any two steps, leaders that come back late, histories that go on."""

from __future__ import annotations

import asyncio
import random

import pytest

from autoscaler.control.journal import Journal
from autoscaler.control.memory import Memory
from autoscaler.errors import ConflictError, UnreachableError
from autoscaler.kube import journal as wire
from autoscaler.model.decision import Outcome
from autoscaler.model.plan import History
from autoscaler.model.policy import Behavior, ScalingPolicy, ScalingRules
from tests.control.life import Cluster, Crash, Process, named
from tests.control.shop import Shop, policy


@pytest.mark.parametrize("at_once", [True, False], ids=["told at once", "told with the next"])
@pytest.mark.parametrize("arrives", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", [1, 2, 3, 4])
def test_l12_whoever_comes_after_a_crash_finds_out_what_became_of_it(step: int, arrives: bool, at_once: bool) -> None:
    for seed in range(25):
        chance, cluster = random.Random(seed), Cluster()
        for life in range(3):
            process = named(Process(cluster, (step, arrives) if life < 2 else None))
            process.used, process.told_at_once = chance.choice((20, 120, 240)), at_once
            try:
                process.evaluate()
                process.evaluate()
                asyncio.run(process.flush())
            except Crash:
                pass
        told = {(each.current, each.desired, each.id) for each in cluster.records if each.outcome is Outcome.WRITTEN}
        assert sorted((one, other) for one, other, _ in told) == sorted(cluster.changes)
        assert len({id_ for _, _, id_ in told}) == len(told)
        assert wire.pending(cluster.status) is None


async def test_l01_a_write_that_was_on_its_way_for_a_minute_changes_nothing() -> None:
    cluster = Cluster()
    old = named(Process(cluster))
    old.paused, old.used = asyncio.Event(), 240
    async with asyncio.TaskGroup() as group:
        late = group.create_task(old.reconciler.reconcile(policy()))
        for _ in range(20):
            await asyncio.sleep(0)
        new = named(Process(cluster))
        await new.reconciler.reconcile(policy())
        before = (list(cluster.changes), dict(cluster.status))
        old.paused.set()
    [tried] = [each for each in cluster.records if each.id == "1-0"]
    assert tried.outcome is Outcome.CONFLICTED
    assert late.result().outcome is not Outcome.WRITTEN
    assert (cluster.changes, cluster.status) == before
    assert cluster.status["leadership"] == new.number


def test_a_write_whose_answer_was_lost_is_looked_into_at_the_next_evaluation() -> None:
    cluster = Cluster()
    process = named(Process(cluster))
    process.losing = True
    assert process.evaluate().outcome is Outcome.FAILED
    assert wire.pending(cluster.status) is not None
    process.losing = False
    process.evaluate()
    first, again = cluster.records[0], cluster.records[1]
    assert (again.id, again.outcome, again.desired) == (first.id, Outcome.WRITTEN, 4)
    assert wire.pending(cluster.status) is None


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        pytest.param(UnreachableError("no"), Outcome.WRITTEN, id="a status that cannot be written keeps nothing"),
        pytest.param(ConflictError("leadership 8 decides", status=409), Outcome.CONFLICTED, id="another leader does"),
    ],
)
def test_what_keeps_a_target_from_being_scaled(fault: Exception, outcome: Outcome) -> None:
    shop = Shop()
    shop.status_fault = fault
    assert shop.evaluate().outcome is outcome
    assert bool(shop.written) is (outcome is Outcome.WRITTEN)


@pytest.mark.parametrize("seed", range(100))
def test_l08_no_restart_scales_down_early(seed: int) -> None:
    """Beside a program that is never restarted, under a load that falls and rises by chance."""
    chance = random.Random(seed)
    steady, broken = Cluster(), Cluster()
    one, other = named(Process(steady)), named(Process(broken))
    now, load = one.clock.now(), 120
    for _ in range(60):
        now += 15
        if chance.random() < 0.2:
            load = chance.choice((20, 120, 240))
        if chance.random() < 0.1:
            other = named(Process(broken))
        for process in (one, other):
            process.clock._elapsed, process.used = now - process.clock._now, load
            process.evaluate()
        assert broken.replicas >= steady.replicas


def test_l08_of_a_hundred_restarts_while_the_load_falls_none_takes_a_replica_away_before_its_time() -> None:
    """Beside a program that is never restarted; three of four restarts are crashes at a step of an evaluation."""
    up = ScalingRules(stabilization=0, policies=(ScalingPolicy("Percent", 100, 15),))
    down = ScalingRules(stabilization=60, policies=(ScalingPolicy("Pods", 1, 300),))
    given = policy(behavior=Behavior(up=up, down=down), max_replicas=BEGIN)
    chance, steady, broken = random.Random(8), Cluster(), Cluster()
    steady.replicas = broken.replicas = BEGIN
    one, other = named(Process(steady)), named(Process(broken))
    now, restarts, lowered, early = one.clock.now(), 0, 0, []
    while restarts < 100:
        now += 15
        load, before = BEGIN * 60 * max(0.1, 1 - restarts / 20), broken.replicas
        loaded(one, now, load).evaluate(given)
        if chance.random() < 0.08:
            dies = chance.choice((None, *((step, chance.random() < 0.5) for step in (1, 2, 3))))
            other, restarts = named(Process(broken, dies)), restarts + 1
        try:
            loaded(other, now, load).evaluate(given)
        except Crash:
            other, restarts = named(Process(broken)), restarts + 1
            loaded(other, now, load).evaluate(given)
        lowered += broken.replicas < before
        if broken.replicas < min(before, steady.replicas):
            early.append((restarts, broken.replicas, steady.replicas))
    assert early == []
    assert lowered > BEGIN / 4, "or there was nothing to take away"


BEGIN = 40
"""How many there are before the load falls."""


def loaded(process: Process, now: float, load: float) -> Process:
    """At this time, its target's pods sharing this many milli-cores."""
    process.clock._elapsed = now - process.clock._now
    process.pods = process.cluster.replicas
    process.used = round(load / process.pods)
    return process


@pytest.mark.parametrize("ahead", [3600.0, -3600.0], ids=["an hour ahead", "an hour behind"])
def test_p09_a_successor_whose_clock_differs_neither_hastens_a_scale_down_nor_waits_for_more_than_a_window(
    ahead: float,
) -> None:
    cluster = Cluster()
    old = named(Process(cluster))
    old.clock.set(ahead)
    old.used, four = 240, policy(max_replicas=4)
    old.evaluate(four)
    assert cluster.replicas == 4
    new, passed = named(Process(cluster)), 0.0
    new.used = 20
    while cluster.replicas == 4:
        new.evaluate(four)
        new.clock._elapsed = passed = passed + 15
    assert 300 <= passed <= 330


def test_rate_limits_go_on_counting_across_a_restart() -> None:
    up = ScalingRules(stabilization=0, policies=(ScalingPolicy("Pods", 2, 60),))
    down = ScalingRules(policies=(ScalingPolicy("Percent", 100, 15),))
    given = policy(behavior=Behavior(up=up, down=down), max_replicas=50)
    cluster = Cluster()
    for _ in range(5):
        process = named(Process(cluster))
        process.used = 500
        process.evaluate(given)
    assert cluster.replicas == 4


def test_of_an_earlier_leadership_nothing_is_believed_and_what_is_gone_is_forgotten() -> None:
    shop = Shop()
    memory = Memory(15, shop.clock)
    journal = Journal(shop, memory, shop)
    journal.taken_up(policy())
    journal.settle(policy(), "d-1")
    memory.keep(policy(), History(recommendations=()))
    assert (journal.settled(policy()), journal.epoch) == ("d-1", 5)
    journal.forget_all_but(set())
    assert journal.settled(policy()) == ""
