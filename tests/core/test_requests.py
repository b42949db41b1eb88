import pytest

from autoscaler.core.requests import Failure, pod_requests
from autoscaler.model.objects import Container, InitContainer, Pod


def pod(*containers, inits=(), own=None, overhead=None):
    return Pod(
        namespace="shop",
        name="web-0",
        containers=tuple(Container(name, requests) for name, requests in containers),
        init_containers=tuple(InitContainer(name, requests, sidecar) for name, requests, sidecar in inits),
        pod_requests=own,
        overhead=overhead or {},
    )


APP, PROXY = ("app", {"cpu": 100}), ("proxy", {"cpu": 50})


@pytest.mark.parametrize(
    ("given", "container", "expected"),
    [
        pytest.param(pod(APP, PROXY), "", 150, id="containers add up"),
        pytest.param(pod(APP, PROXY), "proxy", 50, id="one container alone"),
        pytest.param(
            pod(APP, inits=[("mesh", {"cpu": 7}, True), ("init", {"cpu": 900}, False)]), "", 107, id="sidecars count"
        ),
        pytest.param(pod(APP, inits=[("mesh", {"cpu": 7}, True)]), "mesh", 7, id="a sidecar alone"),
        pytest.param(pod(APP, overhead={"cpu": 9}), "", 100, id="overhead does not count"),
        pytest.param(pod(APP, ("bare", {}), own={"cpu": 800}), "", 800, id="the pod's own replaces the sum"),
        pytest.param(pod(APP, own={"cpu": 800}), "app", 100, id="a container is asked before the pod"),
        pytest.param(
            pod(APP, own={"cpu": 800}, overhead={"cpu": 9}), "", 809, id="overhead is on top of the pod's own"
        ),
        pytest.param(pod(APP, ("bare", {}), own={"memory": 1}), "", 100, id="the pod says nothing of this resource"),
        pytest.param(pod(APP, own={"gpu": 1}), "", 100, id="the pod says nothing that counts"),
        pytest.param(
            pod(
                APP,
                inits=[("a", {"cpu": 60}, False), ("mesh", {"cpu": 30}, True), ("b", {"cpu": 300}, False)],
                own={"memory": 1},
            ),
            "",
            330,
            id="the peak of starting up",
        ),
        pytest.param(pod(("app", {}), own={"memory": 1}, overhead={"cpu": 9}), "", 9, id="overhead alone"),
    ],
)
def test_what_a_pod_asks_for(given, container, expected):
    assert pod_requests([given], "cpu", container) == {"web-0": expected}


@pytest.mark.parametrize(
    ("given", "container", "message"),
    [
        pytest.param(
            pod(APP, ("bare", {})), "", "missing request for cpu in container bare of Pod web-0", id="one lacks it"
        ),
        pytest.param(pod(APP), "proxy", "container proxy not found in Pod web-0", id="no such container"),
        pytest.param(
            pod(APP, ("bare", {})), "bare", "missing request for cpu in container bare", id="that one lacks it"
        ),
        pytest.param(pod(("app", {}), own={"memory": 1}), "", "missing pod-level request for cpu", id="nobody has it"),
    ],
)
def test_one_pod_without_it_fails_them_all(given, container, message):
    found = pod_requests([given, pod(APP, PROXY)], "cpu", container)
    assert isinstance(found, Failure)
    assert message in found.message


def test_without_the_gate_the_pods_own_is_not_read():
    assert pod_requests([pod(APP, own={"cpu": 800})], "cpu", pod_level=False) == {"web-0": 100}
