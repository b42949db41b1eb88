"""The whole program against the simulated world: what only shows when every room is there."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from autoscaler.app import Application
from autoscaler.audit import codec
from autoscaler.audit.read import SpoolReader
from autoscaler.cli import replay
from autoscaler.cli.replay import Request
from autoscaler.clock import SystemClock
from autoscaler.config.load import load
from autoscaler.core.repeats import expanded
from autoscaler.core.strand import Strand
from autoscaler.errors import ConfigError
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.plan import History
from autoscaler.model.reason import Reason
from autoscaler.sim.kubelets import Fault
from autoscaler.sim.resources import LEASES, POD_SCALERS
from autoscaler.sim.world import Shape, World
from tests.program import HPS, Run, running, settings


@pytest.mark.timeout(60)
async def test_load_is_followed_served_and_recorded(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        first = await run.until(lambda decision: decision.desired > 2)
        assert first.outcome is Outcome.WRITTEN
        assert run.world.deployment("shop", "web")["spec"]["replicas"] == first.desired
        status, pods = await run.get("/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods")
        assert status == 200
        assert len(pods["items"]) >= 2  # type: ignore[arg-type]  # a JSON list
        status, nodes = await run.get("/apis/metrics.k8s.io/v1/nodes")
        assert [node["metadata"]["name"] for node in nodes["items"]] == ["node-1", "node-2"]  # type: ignore[index, attr-defined]  # JSON
        status, told = await run.get("/debug/nodes")
        assert [node["state"] for node in told["nodes"]] == ["served", "served"]  # type: ignore[index, attr-defined]  # JSON
        assert (await run.get("/metrics/core"))[0] == 200
        assert (await run.get("/readyz"))[0] == 200
        assert (await run.get("/livez"))[0] == 200
    with SpoolReader(tmp_path / "spool") as spool:
        kept = list(spool.records("shop/Deployment/web"))
    assert [record.seq for record in kept] == list(range(1, len(kept) + 1))
    told = [each for record in kept for each in expanded(codec.decode(record.body))]
    assert [measured(each) for each in told] == [measured(each) for each in run.decisions]
    assert len(kept) < len(told), "evaluations that came to the same share a record"
    again = Strand("shop/Deployment/web", (), ready_after=30.0, since=float("-inf"), until=float("inf"))
    for record in kept:
        again.take(record.epoch, record.seq, codec.decode(record.body))
    again.end()
    assert (again.identical, again.differences) == (len(told), []), "and each is decided again from its record"


@pytest.mark.timeout(60)
async def test_the_record_of_a_program_that_began_again_is_replayed_from_its_spool(tmp_path: Path) -> None:
    """What the second run found in the status, and what it therefore did not know, is in its records."""
    async with running(tmp_path) as run:
        await run.until(lambda decision: decision.desired > 2)
        run.stop.set()
        await run.ended.wait()
        second = Run(run.world, settings(tmp_path, tmp_path / "kubeconfig"))
        async with asyncio.TaskGroup() as group:
            group.create_task(second.live())
            for _ in range(3):
                await second.until(lambda _decision: True)
            second.stop.set()
    found = await asyncio.to_thread(replayed, tmp_path / "spool")
    assert found["identical"] == found["evaluations"] == len(run.decisions) + len(second.decisions)
    assert (found["differing"], found["unanswerable"]) == (0, [])


def replayed(spool: Path) -> dict[str, object]:
    """The report on what is in this spool."""
    out = io.StringIO()
    assert replay.run(load({}, {}), Request(source=str(spool), output="json"), out) == 0
    return json.loads(out.getvalue())  # type: ignore[no-any-return]  # JSON


def measured(decision: Decision) -> Decision:
    """Without the id, and without the history, which a record tells of its first evaluation only."""
    assert decision.basis is not None
    return replace(decision, id="", basis=replace(decision.basis, history=History()))


@pytest.mark.timeout(60)
async def test_k02_without_any_kubelet_targets_are_held_and_we_stay_ready_until_they_are_back(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        grown = await run.until(lambda decision: decision.desired > 2)
        for kubelet in run.world.kubelets.values():
            await kubelet.set_fault(Fault.DEAD)
        held = await run.until(lambda decision: decision.reason is Reason.FAILED_GET_RESOURCE_METRIC)
        assert held.outcome is Outcome.HELD
        assert run.world.deployment("shop", "web")["spec"]["replicas"] == held.desired >= grown.desired
        status, pods = await run.get("/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods")
        assert (status, pods["items"]) == (200, [])
        assert (await run.get("/readyz"))[0] == 200
        for kubelet in run.world.kubelets.values():
            await kubelet.set_fault(Fault.NONE)
        await run.until(lambda decision: decision.reason is not Reason.FAILED_GET_RESOURCE_METRIC)


@pytest.mark.timeout(60)
async def test_nodes_with_pods_of_a_target_are_scraped_faster(tmp_path: Path) -> None:
    async with running(tmp_path, **{"metric-resolution": "4s", "hot-resolution": "0.5s"}) as run:
        await run.until(lambda decision: decision.desired > 2)

        def asked() -> int:
            return sum(kubelet.requests["/metrics/resource 200"] for kubelet in run.world.kubelets.values())

        before, begun = asked(), asyncio.get_running_loop().time()
        while (passed := asyncio.get_running_loop().time() - begun) < 4.0:
            await run.until(lambda _decision: True)
        assert asked() - before > 2 * 2 * passed / 4 + 2, "twice what it is by the metric resolution"


@pytest.mark.timeout(60)
async def test_the_end_comes_within_five_seconds_and_nothing_is_begun_after_it(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with running(tmp_path) as run:
        await run.until(lambda _decision: True)
        asked = loop.time()
        run.stop.set()
        await run.ended.wait()
        assert loop.time() - asked < 5.0


@pytest.mark.timeout(60)
async def test_a_policy_that_comes_later_is_taken_up_and_one_that_goes_is_dropped(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        late = {**HPS, "metadata": {"name": "late", "namespace": "shop"}}
        await run.until(lambda _decision: True)
        run.world.store.create(POD_SCALERS, "shop", late)
        decision = await run.until(lambda decision: decision.policy.name == "late")
        assert decision.namespace == "shop"


@pytest.mark.timeout(60)
async def test_an_address_that_cannot_be_bound_is_a_clear_error_before_anything_is_decided(tmp_path: Path) -> None:
    async with World(SystemClock(), Shape(nodes=1)) as world:
        kubeconfig = world.kubeconfig(tmp_path / "kubeconfig")
        app = Application(settings(tmp_path, kubeconfig, **{"bind-address": "203.0.113.1"}))
        with pytest.raises(ExceptionGroup) as caught:
            await app.run(asyncio.Event())
    assert caught.group_contains(ConfigError, match="--bind-address 203.0.113.1")


ELECTION = {
    "leader-elect": "true", "leader-elect-resource-namespace": "kube-system", "leader-elect-lease-duration": "3s",
    "leader-elect-renew-deadline": "2s", "leader-elect-retry-period": "0.3s",
}  # fmt: skip


@pytest.mark.timeout(60)
async def test_l10_the_leader_decides_and_gives_the_lease_up_in_the_end(tmp_path: Path) -> None:
    async with running(tmp_path, **ELECTION) as run:
        decision = await run.until(lambda decision: decision.outcome is Outcome.WRITTEN)
        lease = run.world.store.get(LEASES, "kube-system", "hpa-companion")
        assert lease["spec"]["holderIdentity"]
        assert decision.leadership == lease["spec"]["leaseTransitions"]
        run.stop.set()
        await run.ended.wait()
        assert run.world.store.get(LEASES, "kube-system", "hpa-companion")["spec"]["holderIdentity"] == ""


@pytest.mark.timeout(60)
async def test_l07_who_follows_scrapes_and_serves_is_ready_and_decides_nothing_until_it_leads(tmp_path: Path) -> None:
    async with running(tmp_path, **ELECTION, holder="another") as run:
        while (await run.get("/readyz"))[0] != 200:
            await asyncio.sleep(0.05)
        status, nodes = await run.get("/apis/metrics.k8s.io/v1/nodes")
        assert (status, len(nodes["items"])) == (200, 2)  # type: ignore[arg-type]  # a JSON list
        assert run.decisions == []
        decision = await run.until(lambda _decision: True)  # nobody has renewed it
        assert decision.leadership is not None
        assert decision.leadership > 7
