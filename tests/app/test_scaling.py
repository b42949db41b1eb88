"""What only shows when everything that decides is there: who else scales the target, and how a policy stands."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from autoscaler.model.decision import Decision, Outcome
from autoscaler.sim.resources import POD_AUTOSCALERS, POD_SCALERS
from tests.test_app import HPS, Run, running

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
        told = conditions(run, "shadow")
        assert set(told) == {
            "Ready", "MetricsAvailable", "AbleToScale", "ScalingActive", "ScalingLimited", "ScaledToZero",
            "Conflicted", "AuditDelivered",
        }  # fmt: skip
        assert {each["observedGeneration"] for each in told.values()} == {1}
        assert told["Conflicted"]["status"] == "False"
        assert told["AuditDelivered"]["reason"] == "NoBrokers"


async def test_q01_a_kafka_that_is_not_there_is_a_condition_and_no_obstacle(tmp_path: Path) -> None:
    async with running(tmp_path, **{"audit-kafka-bootstrap-servers": "127.0.0.1:9"}) as run:
        await run.until(lambda decision: decision.outcome is Outcome.WRITTEN)
        while conditions(run, "web")["AuditDelivered"]["reason"] != "DeliveryDelayed":
            await run.until(lambda _decision: True)
        assert "records wait in the spool: audit delivery" in conditions(run, "web")["AuditDelivered"]["message"]


async def test_what_stays_asks_nothing_and_a_change_is_one_write_of_the_size_and_two_of_the_status(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as run:
        requests = run.world.api.requests
        await run.until(quiet)
        before, already = Counter(requests), len(sent(run))
        await run.until(lambda decision: decision.outcome is Outcome.WRITTEN)
        for _ in range(QUIET):
            await run.until(quiet)
        changes, asked = len(sent(run)) - already, requests - before
        assert asked["update deployments/scale"] == changes
        assert changes < asked["update horizontalpodscalers/status"] <= 2 * changes
        assert not asked["get deployments/scale"]
        while True:
            settled, already = Counter(requests), len(sent(run))
            for _ in range(QUIET):
                await run.until(quiet)
            if len(sent(run)) == already:
                break
        asked = requests - settled
        assert set(asked) <= {"update horizontalpodscalers/status"}, "neither a list nor a read nor a write of the size"
        assert asked["update horizontalpodscalers/status"] <= 1, "new values of the metrics, once in 15 s"


QUIET = 6
"""Evaluations at which a change has been told to the end."""


def quiet(decision: Decision) -> bool:
    return decision.reason == "OnTarget"


def sent(run: Run) -> list[Decision]:
    """Those whose size was sent; it is refused when the Deployment got another pod on the way."""
    return [each for each in run.decisions if each.outcome in (Outcome.WRITTEN, Outcome.CONFLICTED)]
