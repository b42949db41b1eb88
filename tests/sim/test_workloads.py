from __future__ import annotations

import pytest

from autoscaler.sim.curves import constant, steps
from autoscaler.sim.workloads import ContainerSpec, Load, RunningPod, Workload


def workload(**changes: object) -> Workload:
    return Workload(namespace="shop", name="web", replicas=2, cpu=constant(1.0), **changes)  # type: ignore[arg-type]  # a table of keywords


def running(load: Load, started: float = 0.0, ready: float = 3.0) -> RunningPod:
    return RunningPod(namespace="shop", name="web-1", uid="u", node="n", load=load, started=started, ready=ready)


def test_cpu_is_used_from_ready_to_the_end_of_readiness() -> None:
    load = Load(workload())
    load.share_among(2, 3.0)
    pod = running(load)
    pod.left = 23.0
    assert [pod.cpu(at) for at in (0, 3, 13, 23, 99)] == [0, 0, 5, 10, 10]


def test_containers_have_their_parts() -> None:
    load = Load(workload(containers=(ContainerSpec(name="app", part=0.75), ContainerSpec(name="log", part=0.25))))
    load.share_among(1, 3.0)
    assert running(load).cpu(13, 0.25) == 2.5


def test_memory_is_what_rests_and_a_share_while_ready() -> None:
    load = Load(workload(memory=steps(100, (50, 300)), resting_memory=10))
    load.share_among(2, 3.0)
    pod = running(load)
    assert [pod.memory(at) for at in (0, 3, 60)] == [10, 60, 160]


def test_the_deployment_selects_its_pods_and_requests_resources() -> None:
    body = workload(containers=(ContainerSpec(cpu_request="150m", memory_request="64Mi"),)).deployment()
    spec = body["spec"]
    assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"] == {"app": "web"}
    requests = spec["template"]["spec"]["containers"][0]["resources"]["requests"]
    assert requests == {"cpu": "150m", "memory": "64Mi"}


@pytest.mark.parametrize("pods", [2, 3])
def test_sharing_among_as_many_as_before_changes_nothing(pods: int) -> None:
    load = Load(workload())
    load.share_among(2, 0)
    load.share_among(pods, 10)
    assert load.cpu.drawn(20) == pytest.approx(5 + 10 / pods)
