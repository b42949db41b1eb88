from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from autoscaler.core.selectors import unusable
from autoscaler.errors import KubeError, MalformedError, NotFoundError, UnreachableError
from autoscaler.kube.adapters import MAX_ANSWER, QUESTIONS_AT_ONCE, Adapters
from autoscaler.model.metrics import MetricValue
from autoscaler.model.objects import Milli
from autoscaler.model.policy import MetricSpec, TargetRef
from tests.clock import FakeClock
from tests.kube.apiserver import Answer, ApiServer, ok, refusal, serving

CUSTOM, EXTERNAL = "/apis/custom.metrics.k8s.io", "/apis/external.metrics.k8s.io/v1beta1"
PODS = MetricSpec(type="Pods", name="qps", selector="verb=GET", average_value=Milli(1000))
QUEUE = MetricSpec(type="External", name="queue", selector="q in (a,b)", value=Milli(1000))
SEVEN = ok({"items": [{"value": "7"}]})
VALUE = (MetricValue(Milli(7000)),)


def on_object(kind: str, api_version: str, name: str = "main") -> MetricSpec:
    return MetricSpec(type="Object", name="qps", described=TargetRef(api_version, kind, name), value=Milli(1000))


def versions(*names: str, preferred: str = "") -> Answer:
    document: dict[str, object] = {"versions": [{"version": name} for name in names]}
    return ok(document | ({"preferredVersion": {"version": preferred}} if preferred else {}))


async def test_external_metrics_are_asked_with_the_metrics_selector() -> None:
    async with serving() as (server, client):
        path = f"{EXTERNAL}/namespaces/shop/queue"
        server.on(path, SEVEN)
        assert await Adapters(client, FakeClock()).values("shop", QUEUE, "app=web") == VALUE
        assert [(each.path, each.query) for each in server.asked] == [(path, {"labelSelector": "q in (a,b)"})]


async def test_pods_metrics_are_asked_with_both_selectors() -> None:
    async with serving() as (server, client):
        path = f"{CUSTOM}/v1beta2/namespaces/shop/pods/*/qps"
        server.on(CUSTOM, versions("v1beta2"))
        server.on(path, SEVEN)
        assert await Adapters(client, FakeClock()).values("shop", PODS, "app=web") == VALUE
        assert server.asked[-1].query == {"labelSelector": "app=web", "metricLabelSelector": "verb=GET"}


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        pytest.param(on_object("Service", "v1"), "services/main/qps", id="of the core group"),
        pytest.param(on_object("Deployment", "apps/v1"), "deployments.apps/main/qps", id="of every cluster"),
        pytest.param(on_object("Ingress", "networking.k8s.io/v1"), "ingresses.networking.k8s.io/main/qps", id="other"),
        pytest.param(on_object("Namespace", "v1", "kube-system"), "metrics/qps", id="a namespace is always the own"),
    ],
)
async def test_an_object_is_asked_by_its_resource_and_group(spec: MetricSpec, path: str) -> None:
    async with serving() as (server, client):
        server.on(CUSTOM, versions("v1beta1"))
        server.on("/api/v1", ok({"resources": [{"name": "services", "kind": "Service"}]}))
        server.on("/apis/networking.k8s.io", versions("v1"))
        server.on("/apis/networking.k8s.io/v1", ok({"resources": [{"name": "ingresses", "kind": "Ingress"}]}))
        whole = f"{CUSTOM}/v1beta1/namespaces/shop/{path}"
        server.on(whole, SEVEN)
        assert await Adapters(client, FakeClock()).values("shop", spec, "app=web") == VALUE
        assert (server.asked[-1].path, server.asked[-1].query) == (whole, {})


@pytest.mark.parametrize(
    ("served", "version"),
    [
        pytest.param(versions("v1beta1", "v1beta2", preferred="v1beta2"), "v1beta2", id="the preferred one"),
        pytest.param(versions("v1beta1", "v1beta2", preferred="v1beta1"), "v1beta1", id="also if it is the older"),
        pytest.param(versions("v2", "v1beta1", preferred="v2"), "v1beta1", id="the first that we know"),
    ],
)
async def test_the_version_is_discovered(served: Answer, version: str) -> None:
    async with serving() as (server, client):
        server.on(CUSTOM, served)
        server.on(f"{CUSTOM}/{version}/namespaces/shop/pods/*/qps", SEVEN)
        adapters = Adapters(client, FakeClock())
        assert await adapters.values("shop", PODS, "") == await adapters.values("shop", PODS, "") == VALUE
        assert [each.path for each in server.asked].count(CUSTOM) == 1


def no_adapter(server: ApiServer) -> None:
    """Nothing is registered."""


def too_new(server: ApiServer) -> None:
    server.on(CUSTOM, versions("v3"))


def away(server: ApiServer) -> None:
    server.on(CUSTOM, versions("v1beta2"))
    server.on(f"{CUSTOM}/v1beta2/namespaces/shop/pods/*/qps", refusal(503, "service unavailable"))


def endless(server: ApiServer) -> None:
    server.on(CUSTOM, versions("v1beta2"))
    server.on(f"{CUSTOM}/v1beta2/namespaces/shop/pods/*/qps", Answer(body=b" " * (MAX_ANSWER + 1)))


def broken(server: ApiServer) -> None:
    server.on(CUSTOM, versions("v1beta2"))
    server.on(f"{CUSTOM}/v1beta2/namespaces/shop/pods/*/qps", ok({"items": [{"value": "lots"}]}))


@pytest.mark.parametrize(
    ("script", "error", "text"),
    [
        (no_adapter, NotFoundError, "no custom metrics API"),
        (too_new, KubeError, "served as v3 only"),
        (away, UnreachableError, "service unavailable"),
        (endless, KubeError, "over 8388608 bytes"),
        (broken, MalformedError, "'lots' is no quantity"),
    ],
)
async def test_what_cannot_be_had_says_why(script, error, text) -> None:  # type: ignore[no-untyped-def] # a table
    async with serving() as (server, client):
        script(server)
        with pytest.raises(error, match=text):
            await Adapters(client, FakeClock()).values("shop", PODS, "app=web")


@pytest.mark.parametrize("name", ["../../secrets/x", "a/b", "a%2fb", "..", ""])
async def test_a_name_cannot_leave_its_place(name: str) -> None:
    async with serving() as (server, client):
        server.on(CUSTOM, versions("v1beta2"))
        for spec in (MetricSpec(type="External", name=name), on_object("Deployment", "apps/v1", name)):
            with pytest.raises(KubeError, match="cannot be the name"):
                await Adapters(client, FakeClock()).values("shop", spec, "")
        assert {each.path for each in server.asked} <= {CUSTOM}


async def test_an_object_metric_without_object_is_refused() -> None:
    async with serving() as (server, client):
        server.on(CUSTOM, versions("v1beta2"))
        with pytest.raises(KubeError, match="describes no object"):
            await Adapters(client, FakeClock()).values("shop", MetricSpec(type="Object", name="qps"), "")


async def test_a_flood_of_questions_is_asked_in_turn() -> None:
    async with serving() as (server, client):
        server.on(f"{EXTERNAL}/namespaces/shop/queue", SEVEN)
        adapters, count = Adapters(client, FakeClock()), QUESTIONS_AT_ONCE * 3
        found = await asyncio.gather(*(adapters.values("shop", QUEUE, "") for _ in range(count)))
        assert found == [VALUE] * count
        assert len(server.asked) == count


@pytest.mark.parametrize("spec", [PODS, QUEUE, on_object("Service", "v1")])
async def test_nobody_is_asked_with_a_selector_that_is_none(spec: MetricSpec) -> None:
    async with serving() as (server, client):
        with pytest.raises(MalformedError, match="the metric's selector cannot be used: why"):
            await Adapters(client, FakeClock()).values("shop", replace(spec, selector=unusable("why")), "app=web")
        assert not server.asked
