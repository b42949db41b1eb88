import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from msgspec import structs
from prometheus_client import CollectorRegistry

from autoscaler.api.call import parse_call
from autoscaler.api.items import SLICE
from autoscaler.api.ledger import Ledger
from autoscaler.api.resources import Resources
from autoscaler.api.status import StatusError
from autoscaler.model.absence import Absence, Lack
from autoscaler.model.identity import ResourceAttributes
from autoscaler.model.objects import Pod
from autoscaler.telemetry.series import ApiTelemetry
from autoscaler.turnstile import Turnstile
from tests.api.asking import BASE
from tests.api.cluster import NOW, Cluster, golden_cluster, pod_usage
from tests.api.lister import Client
from tests.clock import FakeClock


def made(cluster: Cluster, registry: CollectorRegistry | None = None) -> Resources:
    clock = FakeClock(NOW)
    ledger = Ledger(cluster, cluster, cluster, clock)
    return Resources(cluster, cluster, ledger, clock, ApiTelemetry(registry or CollectorRegistry()), turns=Turnstile(2))


async def get(cluster: Cluster, path: str, registry: CollectorRegistry | None = None) -> bytes:
    call = parse_call("GET", BASE + path)
    assert isinstance(call.attributes, ResourceAttributes)
    resources = made(cluster, registry)
    body = (await resources.answer(call, call.attributes)).body
    return body if isinstance(body, bytes) else b"".join(body)


async def names(cluster: Cluster, path: str) -> list[str]:
    items: list[dict[str, Any]] = json.loads(await get(cluster, path))["items"]
    return [item["metadata"]["name"] for item in items]


async def refused(cluster: Cluster, path: str) -> StatusError:
    with pytest.raises(StatusError) as caught:
        await get(cluster, path)
    return caught.value


async def test_golden_list_of_nodes_as_of_a_revision() -> None:
    assert await get(golden_cluster(), "/nodes") == (
        b'{"kind":"NodeMetricsList","apiVersion":"metrics.k8s.io/v1beta1","metadata":{"resourceVersion":"1795427661000004"},"items":[{"metadata":{"name":"node-a","creationTimestamp":"2026-11-23T09:54:21Z","labels":{"zone":"z1"}},"timestamp":"2026-11-23T09:54:11Z","window":"11.99s","usage":{"cpu":"500030364n","memory":"2Gi"}},{"metadata":{"name":"node-b","creationTimestamp":"2026-11-23T09:54:21Z","labels":{"zone":"z2"}},"timestamp":"2026-11-23T09:54:11Z","window":"11.995s","usage":{"cpu":"1750016679n","memory":"4294967313"}}]}\n'
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
        pytest.param("/pods?limit=9&foo=bar&resourceVersion=0", ["web-0", "dns-0"], id="what does not select"),
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
        answer = await made(cluster).answer(call, call.attributes)
        assert (answer.content_type, answer.headers["Vary"]) == ("application/yaml", "Accept")


async def test_the_age_of_what_is_served_is_observed() -> None:
    registry = CollectorRegistry()
    await get(golden_cluster(), "/pods", registry)
    await get(golden_cluster(), "/nodes/node-a", registry := CollectorRegistry())
    assert registry.get_sample_value("metrics_server_api_metric_freshness_seconds_sum") == pytest.approx(10, abs=0.01)


async def test_pages_are_those_of_the_first_ones_moment() -> None:
    client = Client()
    first, meta = await client.list("limit=2")
    assert (first, meta["remainingItemCount"]) == (["web-0", "web-1"], 3)
    client.churn()
    await client.clock.advance(300)
    second, further = await client.list(f"limit=2&continue={meta['continue']}")
    assert (second, further["remainingItemCount"]) == (["web-2", "web-3"], 1)
    third, last = await client.list(f"limit=2&continue={further['continue']}")
    assert (third, last) == (["web-4"], {"resourceVersion": meta["resourceVersion"]})
    assert (await client.list("limit=5"))[0] == ["web-0", "web-00", "web-1", "web-3", "web-4"]


async def test_what_remains_is_not_told_with_a_selector() -> None:
    _, meta = await Client().list("limit=2&labelSelector=!app")
    assert "continue" in meta
    assert "remainingItemCount" not in meta


async def test_a_token_whose_snapshot_is_gone_is_410_with_one_that_goes_on_from_now() -> None:
    client = Client()
    _, meta = await client.list("limit=2")
    client.churn()
    await client.clock.advance(3600)
    client.resources.tick()
    status = await client.refused(f"limit=2&continue={meta['continue']}")
    assert (status["code"], status["reason"]) == (410, "Expired")
    rest, further = await client.list(f"limit=1&continue={status['metadata']['continue']}")
    assert (rest, further["resourceVersion"]) == (["web-3"], str(client.ledger.revision))
    assert (await client.list(f"continue={further['continue']}"))[0] == ["web-4"]


async def test_a_token_is_for_the_selection_it_came_with() -> None:
    client = Client()
    _, meta = await client.list("limit=2")
    assert (await client.refused(f"limit=2&labelSelector=!app&continue={meta['continue']}"))["code"] == 410


async def test_a_version_that_is_kept_or_still_the_present_one_is_given_exactly() -> None:
    client = Client()
    _, meta = await client.list("limit=2")
    version, at = meta["resourceVersion"], "resourceVersionMatch=Exact&resourceVersion="
    client.cluster.add_node("n", 1, 1)
    client.cluster.commit(node="n", own=True)
    assert (await client.list(f"{at}{client.ledger.revision}"))[1]["resourceVersion"] == str(client.ledger.revision)
    client.churn()
    names, exactly = await client.list(at + version)
    assert (names[2], exactly) == ("web-2", {"resourceVersion": version})
    status = await client.refused(f"{at}{int(version) - 1}")
    assert (status["code"], status["reason"]) == (410, "Expired")
    assert (await client.refused(f"{at}{client.ledger.revision + 1}"))["code"] == 410


async def test_a_version_not_reached_yet_is_504_as_clients_know_it() -> None:
    client = Client()
    revision = client.ledger.revision
    assert (await client.list(f"resourceVersion={revision}"))[1]["resourceVersion"] == str(revision)
    status = await client.refused(f"resourceVersion={revision + 1}")
    assert (status["code"], status["reason"]) == (504, "Timeout")
    assert status["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
    assert status["message"] == f"Timeout: Too large resource version: {revision + 1}, current: {revision}"


async def test_a_list_that_has_not_changed_is_304() -> None:
    client = Client()
    first = await client.answer()
    tag = first.headers["ETag"]
    assert tag.startswith('W/"'), "the same to a client, not byte for byte: creationTimestamp is the time of the answer"
    client.cluster.change(None, Pod(namespace="other", name="not-served-yet"))
    again = await client.answer(tag=tag)
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    client.cluster.commit(client.cluster.pod_list[0])
    assert (await client.answer(tag=tag)).status == 200
    namespaced = await client.answer(path="/namespaces/quiet/pods")
    client.cluster.commit(client.cluster.pod_list[0])
    assert (await client.answer(path="/namespaces/quiet/pods", tag=namespaced.headers["ETag"])).status == 304
    assert "ETag" not in (await client.answer("limit=9")).headers
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    assert (await client.answer(tag=tag, accept=table)).status == 200, "who has the objects does not have the table"


async def test_a_list_has_nothing_that_is_too_old_by_now() -> None:
    client = Client(2)
    lost = client.cluster.pod_list[0]

    def expire() -> bool:
        client.cluster.commit(lost=[lost])
        return True

    client.cluster.expire = expire  # type: ignore[method-assign]
    assert (await client.list())[0] == ["web-1"]


async def test_a_watch_is_frames_of_the_encoding_that_was_asked_for() -> None:
    client = Client(1)
    answer = await client.answer("watch=true")
    assert answer.content_type == "application/json"
    assert isinstance(answer.body, AsyncGenerator)
    event = json.loads(await anext(answer.body))
    assert (event["type"], event["object"]["kind"]) == ("ADDED", "PodMetrics")
    assert event["object"]["metadata"]["resourceVersion"] == str(client.ledger.revision)
