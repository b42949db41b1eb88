import json
from typing import Any

import pytest
from msgspec import structs
from prometheus_client import CollectorRegistry

from autoscaler.api.call import parse_call
from autoscaler.api.items import SLICE
from autoscaler.api.resources import Resources
from autoscaler.api.status import StatusError
from autoscaler.model.absence import Absence, Lack
from autoscaler.model.identity import ResourceAttributes
from autoscaler.model.objects import Pod
from autoscaler.telemetry.series import ApiTelemetry
from tests.api.world import NOW, Cluster, golden_cluster, pod_usage
from tests.clock import FakeClock

BASE = "/apis/metrics.k8s.io/v1beta1"


async def get(cluster: Cluster, path: str, registry: CollectorRegistry | None = None) -> bytes:
    call = parse_call("GET", BASE + path)
    assert isinstance(call.attributes, ResourceAttributes)
    resources = Resources(cluster, cluster, FakeClock(NOW), ApiTelemetry(registry or CollectorRegistry()))
    body = (await resources.answer(call, call.attributes)).body
    return body if isinstance(body, bytes) else b"".join(body)


async def names(cluster: Cluster, path: str) -> list[str]:
    items: list[dict[str, Any]] = json.loads(await get(cluster, path))["items"]
    return [item["metadata"]["name"] for item in items]


async def refused(cluster: Cluster, path: str) -> StatusError:
    with pytest.raises(StatusError) as caught:
        await get(cluster, path)
    return caught.value


async def test_golden_list_of_nodes() -> None:
    assert await get(golden_cluster(), "/nodes") == (
        b'{"kind":"NodeMetricsList","apiVersion":"metrics.k8s.io/v1beta1","metadata":{},"items":[{"metadata":{"name":"node-a","creationTimestamp":"2026-11-23T09:54:21Z","labels":{"zone":"z1"}},"timestamp":"2026-11-23T09:54:11Z","window":"11.99s","usage":{"cpu":"500030364n","memory":"2Gi"}},{"metadata":{"name":"node-b","creationTimestamp":"2026-11-23T09:54:21Z","labels":{"zone":"z2"}},"timestamp":"2026-11-23T09:54:11Z","window":"11.995s","usage":{"cpu":"1750016679n","memory":"4294967313"}}]}\n'
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/pods", ["web-0", "dns-0"], id="all namespaces, by namespace then name"),
        pytest.param("/namespaces/default/pods", ["web-0"], id="one namespace; a pod without numbers is left out"),
        pytest.param("/namespaces/nowhere/pods", [], id="a namespace without pods"),
        pytest.param("/pods?labelSelector=app%3Dweb", ["web-0"], id="by label"),
        pytest.param("/pods?labelSelector=app%20notin%20(web)", ["dns-0"], id="by a set"),
        pytest.param("/pods?labelSelector=!app,k8s-app", ["dns-0"], id="by presence"),
        pytest.param("/pods?fieldSelector=metadata.name%3Ddns-0", ["dns-0"], id="by name"),
        pytest.param("/pods?fieldSelector=metadata.namespace!%3Ddefault", ["dns-0"], id="by namespace"),
        pytest.param("/nodes?labelSelector=zone%3Dz2", ["node-b"], id="nodes by label"),
        pytest.param("/nodes?fieldSelector=metadata.name%3Dnode-a", ["node-a"], id="nodes by name"),
        pytest.param("/nodes?fieldSelector=metadata.namespace%3Dx", [], id="nodes have no namespace"),
        pytest.param("/pods?limit=1&foo=bar&resourceVersion=0", ["web-0", "dns-0"], id="what does not select"),
    ],
)  # fmt: skip
async def test_selection_and_order(path: str, expected: list[str]) -> None:
    assert await names(golden_cluster(), path) == expected


@pytest.mark.parametrize(
    ("query", "named"),
    [
        pytest.param("labelSelector=a%3D%3D%3Db", "label selector", id="a label selector that is none"),
        pytest.param("labelSelector=" + "a" * 5000, "labelSelector", id="a label selector of 5 KB"),
        pytest.param("labelSelector=" + "a," * 1500, "labelSelector", id="a thousand terms"),
        pytest.param("fieldSelector=" + "x" * (1 << 20), "fieldSelector", id="a field selector of 1 MB"),
        pytest.param("fieldSelector=status.phase%3DRunning", '"status.phase"', id="a field we do not have"),
        pytest.param("limit=-1", "limit", id="a negative limit"),
        pytest.param("limit=many", "limit", id="a limit that is no number"),
        pytest.param("continue=junk", "continue", id="a continue token"),
    ],
)
async def test_bad_options_are_refused_by_name(query: str, named: str) -> None:
    error = await refused(golden_cluster(), f"/pods?{query}")
    assert error.code == 400
    assert named in error.message
    assert len(error.message) < 500


async def test_golden_refusal_of_a_field() -> None:
    error = await refused(golden_cluster(), "/pods?fieldSelector=status.phase%3DRunning")
    assert error.body() == (
        b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"\\"status.phase\\" is not a '
        b'known field selector: only \\"metadata.name\\", \\"metadata.namespace\\"","reason":"BadRequest","code":400}\n'
    )


@pytest.mark.parametrize(
    ("path", "message", "kind"),
    [
        ("/nodes/nope", 'node "nope" not found', "node"),
        ("/namespaces/default/pods/nope", 'pods "nope" not found', "pods"),
        ("/nodes/node-c", 'nodemetrics.metrics.k8s.io "node-c" not found: not scraped yet', "nodemetrics"),
        (
            "/namespaces/default/pods/nometrics",
            'podmetrics.metrics.k8s.io "default/nometrics" not found: not scraped yet',
            "podmetrics",
        ),
    ],
)
async def test_the_two_kinds_of_404(path: str, message: str, kind: str) -> None:
    cluster = golden_cluster()
    cluster.why = (Absence(Lack.NOT_SCRAPED, "not scraped yet"),)
    error = await refused(cluster, path)
    assert (error.code, error.message) == (404, message)
    assert error.details is not None
    assert error.details["kind"] == kind
    assert ("causes" in error.details) is ("scraped" in message)


async def test_numbers_of_an_earlier_pod_of_the_same_name_are_not_served() -> None:
    cluster = golden_cluster()
    cluster.pod_list = [structs.replace(pod, uid="new") for pod in cluster.pod_list]
    assert await names(cluster, "/pods") == []
    assert (await refused(cluster, "/namespaces/default/pods/web-0")).code == 404


async def test_only_running_pods_are_served() -> None:
    cluster = golden_cluster()
    cluster.pod_list = [structs.replace(pod, phase="Succeeded") for pod in cluster.pod_list]
    assert await names(cluster, "/pods") == []
    assert "Succeeded" in (await refused(cluster, "/namespaces/default/pods/web-0")).message


async def test_a_pod_that_does_not_run_says_so() -> None:
    cluster = golden_cluster()
    cluster.pod_list = [structs.replace(pod, phase="Succeeded") for pod in cluster.pod_list]
    error = await refused(cluster, "/namespaces/default/pods/web-0")
    assert error.message.endswith('"default/web-0" not found: the pod\'s phase is Succeeded')
    assert error.details is not None
    assert error.details["causes"] == [{"reason": "PodNotRunning", "message": "the pod's phase is Succeeded"}]


async def test_a_list_of_many_is_given_in_slices_and_sorted() -> None:
    cluster = Cluster()
    for number in reversed(range(SLICE * 2 + 1)):
        pod = Pod(namespace=f"n{number % 3}", name=f"p{number:05}", uid=str(number))
        cluster.pod_list.append(pod)
        cluster.usages[(pod.namespace, pod.name)] = pod_usage(pod, ("c", 1, 1))
    items = json.loads(await get(cluster, "/pods"))["items"]
    keys = [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in items]
    assert keys == sorted(keys)
    assert len(keys) == SLICE * 2 + 1


async def test_the_answer_is_what_the_client_takes_and_says_what_it_depends_on() -> None:
    for path in ("/pods", "/nodes/node-a"):
        call = parse_call("GET", BASE + path, accept="application/yaml")
        assert isinstance(call.attributes, ResourceAttributes)
        cluster = golden_cluster()
        answer = await Resources(cluster, cluster, FakeClock(NOW), ApiTelemetry(CollectorRegistry())).answer(
            call, call.attributes
        )
        assert (answer.content_type, answer.headers["Vary"]) == ("application/yaml", "Accept")


async def test_the_age_of_what_is_served_is_observed() -> None:
    registry = CollectorRegistry()
    await get(golden_cluster(), "/pods", registry)
    await get(golden_cluster(), "/nodes/node-a", registry := CollectorRegistry())
    assert registry.get_sample_value("metrics_server_api_metric_freshness_seconds_sum") == pytest.approx(10, abs=0.01)
