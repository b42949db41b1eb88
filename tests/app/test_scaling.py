"""What only shows when everything that decides is there: who else scales the target, and how a policy stands."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from autoscaler.audit import codec
from autoscaler.audit.read import SpoolReader
from autoscaler.control.turns import MOST
from autoscaler.core.repeats import expanded
from autoscaler.model.decision import Decision, Outcome
from autoscaler.sim.resources import EVENTS, POD_AUTOSCALERS, POD_SCALERS
from tests.app.crowd import Crowd
from tests.clock import FakeClock
from tests.program import HPS, Run, running

pytestmark = pytest.mark.timeout(60)


def conditions(run: Run, name: str) -> dict[str, Any]:
    found = run.world.store.get(POD_SCALERS, "shop", name)
    return {each["type"]: each for each in found["status"]["conditions"]}


async def test_c03_two_policies_on_one_target_both_say_so_and_neither_writes(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.until(lambda decision: decision.policy.name == "web")
        run.world.store.create(POD_SCALERS, "shop", {**HPS, "metadata": {"name": "second", "namespace": "shop"}})
        await run.until(conflicted_of("web"))
        await run.until(conflicted_of("second"))
        assert run.world.deployment("shop", "web")["spec"]["replicas"] == 2
        assert "HorizontalPodScaler shop/second" in conditions(run, "web")["Conflicted"]["message"]
        assert "HorizontalPodScaler shop/web" in conditions(run, "second")["Conflicted"]["message"]
        run.world.store.delete(POD_SCALERS, "shop", "second")
        decision = await run.until(lambda decision: decision.outcome is Outcome.WRITTEN)
        assert decision.policy.name == "web"


def conflicted_of(name: str) -> Any:
    def wanted(decision: Decision) -> bool:
        return decision.policy.name == name and decision.reason == "Conflicted"

    return wanted


async def test_beside_an_hpa_a_shadow_goes_on_and_all_conditions_are_told(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.until(lambda _decision: True)
        hpa = {"metadata": {"name": "web", "namespace": "shop"}, "spec": HPS["spec"]}
        run.world.store.create(POD_AUTOSCALERS, "shop", hpa)
        shadow = {**HPS, "metadata": {"name": "shadow", "namespace": "shop"}, "spec": {**HPS["spec"], "mode": "Shadow"}}  # type: ignore[dict-item]  # JSON
        run.world.store.create(POD_SCALERS, "shop", shadow)
        await run.until(conflicted_of("web"))
        await run.until(lambda decision: decision.outcome is Outcome.SHADOWED)
        assert "HorizontalPodScaler shop/web too" in await said_of_the_hpa(run)
        told = conditions(run, "shadow")
        assert set(told) == {
            "Ready", "MetricsAvailable", "AbleToScale", "ScalingActive", "ScalingLimited", "ScaledToZero",
            "Conflicted", "AuditDelivered",
        }  # fmt: skip
        assert {each["observedGeneration"] for each in told.values()} == {1}
        assert told["Conflicted"]["status"] == "False"
        assert told["AuditDelivered"]["reason"] == "NoBrokers"


async def test_who_looks_on_sees_a_decision_whose_record_the_disk_takes_later(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await run.until(lambda _decision: True)
        with closing(sqlite3.connect(tmp_path / "spool" / "spool.db", isolation_level=None)) as slow:
            slow.execute("BEGIN IMMEDIATE")
            waiting = await run.until(lambda _decision: True)
            slow.execute("ROLLBACK")
        await run.until(lambda _decision: True)
    with SpoolReader(tmp_path / "spool") as spool:
        kept = [codec.decode(record.body) for record in spool.records("shop/Deployment/web")]
    told = [each.time for record in kept for each in expanded(record)]
    assert told == [each.time for each in run.decisions]
    assert waiting.time in told


async def said_of_the_hpa(run: Run) -> str:
    """The Event that its owner sees on it."""
    while True:
        for event in run.world.store.all(EVENTS):
            if event["regarding"]["kind"] == "HorizontalPodAutoscaler":
                assert event["regarding"]["uid"]
                return str(event["note"])
        await run.until(lambda _decision: True)


async def test_q01_a_kafka_that_is_not_there_is_a_condition_and_no_obstacle(tmp_path: Path) -> None:
    async with running(tmp_path, **{"audit-kafka-bootstrap-servers": "127.0.0.1:9"}) as run:
        await run.until(lambda decision: decision.outcome is Outcome.WRITTEN)
        while conditions(run, "web")["AuditDelivered"]["reason"] != "DeliveryDelayed":
            await run.until(lambda _decision: True)
        told = conditions(run, "web")["AuditDelivered"]
        assert told["status"] == "False"
        assert "records wait in the spool: audit delivery" in told["message"]
        assert "127.0.0.1:9" in told["message"]


async def test_a_pass_asks_what_it_must_and_a_pass_in_which_nothing_changes_asks_nothing(tmp_path: Path) -> None:
    """Counts, not times: one write of the size and two of the status for a change, no list, no read, and no commit and
    no record more than there are evaluations.
    """
    clock, many = FakeClock(), 60
    crowd = Crowd(tmp_path, clock, targets=many, pods=2)
    async with crowd.running():
        crowd.load = 75
        crowd.scaling.open_gate()
        assert without_events(await crowd.passed()) == {SIZES: many, STATUSES: many}, "each promised, each written"
        assert (crowd.spool.records, crowd.spool.rows) == (many, 0)
        assert all(decision.outcome is Outcome.WRITTEN for decision in crowd.decisions)
        assert crowd.api.most_begun <= MOST < many, "what is decided is written before others are decided"
        assert crowd.size_of("app-0") == 3
        crowd.load = 50
        asked = [without_events(await crowd.freshened(clock)) for _ in range(4)]
        assert asked == [{STATUSES: many}, {}, {}, {}], "that it is done, and what is found now"
        kept = (crowd.spool.records, crowd.spool.rows)
        assert kept == (3 * many, 2 * many), "the size a period began with is another once; what is the same is a row"
        assert crowd.spool.commits <= 5 * many
        crowd.load = 51
        asked = [without_events(await crowd.freshened(clock)) for _ in range(3)]
        assert sum(asked, Counter[str]()) == {STATUSES: many}, (
            "new values alone are not told more often than every 15 s"
        )


SIZES, STATUSES = "update deployments/scale", "update horizontalpodscalers/status"


def without_events(asked: Counter[str]) -> Counter[str]:
    """They are offered, and sent when there is time."""
    return Counter({what: count for what, count in asked.items() if what != "create events"})
