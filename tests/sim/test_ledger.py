from __future__ import annotations

import pytest

from autoscaler.sim.curves import constant
from autoscaler.sim.ledger import Ledger
from autoscaler.sim.workloads import ContainerSpec, Load, RunningPod, Workload

EPOCH = 1_800_000_000.0
EPOCH_MS = 1_800_000_000_000


def workload() -> Workload:
    containers = (ContainerSpec(name="app", part=0.75), ContainerSpec(name="a-sidecar", part=0.25))
    return Workload(namespace="shop", name="web", replicas=2, cpu=constant(1.0), containers=containers)


def node_with(*names: str) -> tuple[Ledger, list[RunningPod]]:
    load = Load(workload())
    load.share_among(len(names), 0.0)
    ledger = Ledger(node="n", epoch=EPOCH)
    pods = [
        RunningPod(namespace="shop", name=name, uid=f"uid-{name}", node="n", load=load, started=0.0, ready=0.0)
        for name in names
    ]
    for pod in pods:
        ledger.add(pod)
    return ledger, pods


def test_series_are_in_the_order_of_a_page() -> None:
    ledger, _ = node_with("b", "a")
    assert [(each.container, each.pod.name) for each in ledger.containers] == [
        ("a-sidecar", "a"),
        ("a-sidecar", "b"),
        ("app", "a"),
        ("app", "b"),
    ]
    assert [each.pod.name for each in ledger.whole_pods] == ["a", "b"]


def test_each_container_is_sampled_at_a_phase_of_its_own_every_period() -> None:
    ledger, _ = node_with("a", "b")
    for series in ledger.containers:
        instants = {reading.at_ms for now in range(EPOCH_MS + 20_000, EPOCH_MS + 50_000, 500)
                    if (reading := ledger.read(series, now))}  # fmt: skip
        assert {instant % 10_000 for instant in instants} == {series.phase_ms}
        assert len(instants) in (3, 4)
    assert len({series.phase_ms for series in ledger.containers}) == 4


def test_a_sample_is_exact_for_its_instant_and_stays_until_the_next() -> None:
    ledger, _ = node_with("a", "b")
    app = next(each for each in ledger.containers if each.container == "app")
    now = EPOCH_MS + 30_000 + app.phase_ms
    reading = ledger.read(app, now)
    assert reading is not None
    assert reading.at_ms == now
    assert reading.cpu_ns == pytest.approx((now - EPOCH_MS) / 1000 * 0.5 * 0.75 * 1e9, rel=1e-9)
    assert ledger.read(app, now + 9_999) == reading


def test_a_container_that_was_not_sampled_yet_has_no_reading() -> None:
    ledger, _ = node_with("a")
    assert ledger.read(ledger.containers[0], EPOCH_MS) is None


def test_the_nodes_counter_keeps_what_ended_pods_used() -> None:
    ledger, (first, second) = node_with("a", "b")
    before = ledger.read_node(EPOCH_MS + 20_000)
    ledger.end(first, 20.0)
    assert [each.pod.name for each in ledger.whole_pods] == ["b"]
    assert ledger.read_node(EPOCH_MS + 20_000) == before
    ledger.end(second, 300.0)
    assert list(ledger.pods) == ["uid-b"]
    assert ledger.read_node(EPOCH_MS + 310_000).cpu_ns > ledger.read_node(EPOCH_MS + 290_000).cpu_ns > before.cpu_ns
