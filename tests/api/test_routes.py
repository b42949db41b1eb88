import asyncio
import json
import threading
import time
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from autoscaler.api.answer import TEXT, Answer
from autoscaler.api.call import parse_call
from autoscaler.api.discovery import Discovery
from autoscaler.api.ledger import Ledger
from autoscaler.api.negotiate import AGGREGATED
from autoscaler.api.probes import Probes
from autoscaler.api.resources import Resources
from autoscaler.api.routes import Routes
from autoscaler.api.status import StatusError
from autoscaler.telemetry.health import Health, Verdict
from autoscaler.telemetry.series import Telemetry
from autoscaler.turnstile import Turnstile
from tests.api.cluster import NOW, golden_cluster
from tests.clock import FakeClock

BASE = "/apis/metrics.k8s.io/v1beta1"
DISCOVERY = Discovery(443)


async def answer(target: str, *, method: str = "GET", accept: str = "", if_none_match: str = "") -> Answer:
    cluster, telemetry, health = golden_cluster(), Telemetry(), Health()
    health.add_ready(lambda: Verdict("coverage", False, "why"))
    clock = FakeClock(NOW)
    resources = Resources(
        cluster, cluster, Ledger(cluster, cluster, cluster, clock), clock, telemetry.api, turns=Turnstile(2)
    )
    pages = {"/debug/extra": lambda call: Answer(b"extra", TEXT)}
    routes = Routes(resources, DISCOVERY, Probes(health), telemetry.registry, pages)
    return await routes.answer(parse_call(method, target, accept=accept, if_none_match=if_none_match))


def whole(given: Answer) -> bytes:
    return given.body if isinstance(given.body, bytes) else b"".join(given.body)


async def test_without_a_record_there_is_no_decision() -> None:
    with pytest.raises(StatusError, match="no decision about shop/web"):
        await answer(f"{BASE}/namespaces/shop/decisions/web")


@pytest.mark.parametrize(
    ("target", "start"),
    [
        ("/", b'{"paths":["/apis",'),
        ("/apis", b'{"kind":"APIGroupList",'),
        ("/apis/", b'{"kind":"APIGroupList",'),
        ("/apis/metrics.k8s.io", b'{"kind":"APIGroup",'),
        (BASE, b'{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"metrics.k8s.io/v1beta1"'),
        ("/apis/metrics.k8s.io/v1/", b'{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"metrics.k8s.io/v1"'),
        ("/version", b'{"major":"0","minor":"1","gitVersion":"v0.1.0"'),
        ("/metrics", b"# HELP metrics_server_kubelet_request_duration_seconds"),
        ("/livez", b"ok"),
        ("/debug/extra", b"extra"),
        ("/healthz/ping", b"ok"),
        (f"{BASE}/nodes/", b'{"kind":"NodeMetricsList","apiVersion":"metrics.k8s.io/v1beta1"'),
        ("/apis/metrics.k8s.io/v1/pods", b'{"kind":"PodMetricsList","apiVersion":"metrics.k8s.io/v1",'),
        (f"{BASE}/namespaces/default/pods/web-0", b'{"kind":"PodMetrics",'),
        ("/openapi/v2", b'{"swagger":"2.0",'),
        (
            "/openapi/v3",
            b'{"paths":{"apis/metrics.k8s.io/v1":{"serverRelativeURL":"/openapi/v3/apis/metrics.k8s.io/v1?',
        ),
        ("/openapi/v3/apis/metrics.k8s.io/v1beta1", b'{"openapi":"3.0.0",'),
    ],
)
async def test_what_is_where(target: str, start: bytes) -> None:
    given = await answer(target)
    assert given.status == 200
    assert whole(given).startswith(start)


@pytest.mark.parametrize(
    ("method", "target", "accept", "code"),
    [
        ("GET", "/nope", "", 404),
        ("GET", "/openapi/v3/apis/metrics.k8s.io", "", 404),
        ("GET", "/openapi/v3/apis/apps/v1", "", 404),
        ("GET", "/openapi/v2", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf", 406),
        ("GET", "/apis/apps", "", 404),
        ("GET", "/apis/metrics.k8s.io/v2", "", 404),
        ("GET", f"{BASE}/widgets", "", 404),
        ("GET", f"{BASE}/namespaces/default/pods/web-0/log", "", 404),
        ("GET", "//apis", "", 404),
        ("GET", "/readyz/nothing", "", 404),
        ("POST", "/nope", "", 404),
        ("POST", "/apis", "", 405),
        ("DELETE", "/metrics", "", 405),
        ("POST", "/debug/extra", "", 405),
        ("GET", "/debug", "", 404),
        ("PUT", "/livez", "", 405),
        ("POST", f"{BASE}/pods", "", 405),
        ("PUT", f"{BASE}/nodes/node-a", "", 405),
        ("PATCH", f"{BASE}/nodes/node-a", "", 405),
        ("DELETE", f"{BASE}/nodes", "", 405),
        ("OPTIONS", f"{BASE}/nodes", "", 405),
        ("POST", f"{BASE}/nodes?watch=true", "", 405),
        ("GET", f"{BASE}/nodes", "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io", 406),
        ("GET", "/apis", "application/yaml", 406),
        ("GET", BASE, AGGREGATED, 406),
    ],
)
async def test_what_is_refused(method: str, target: str, accept: str, code: int) -> None:
    with pytest.raises(StatusError) as caught:
        await answer(target, method=method, accept=accept)
    assert caught.value.code == code


async def test_aggregated_discovery_has_an_etag_that_saves_the_body() -> None:
    first = await answer("/apis", accept=f"{AGGREGATED},application/json")
    assert (first.content_type, first.status) == (AGGREGATED, 200)
    assert first.headers == {"ETag": DISCOVERY.aggregated.etag, "Vary": "Accept"}
    again = await answer("/apis", accept=AGGREGATED, if_none_match=DISCOVERY.aggregated.etag)
    assert (again.status, again.body) == (304, b"")
    assert (await answer("/apis", accept=AGGREGATED, if_none_match='"x"')).status == 200


async def test_a_schema_whose_hash_is_named_may_be_kept_for_ever_and_no_other_is_redirected() -> None:
    url = json.loads(whole(await answer("/openapi/v3")))["paths"]["apis/metrics.k8s.io/v1"]["serverRelativeURL"]
    named = await answer(url)
    assert named.headers["Cache-Control"].startswith("public, immutable")
    assert named.headers["ETag"] == f'"{url.rpartition("=")[2]}"'
    other = await answer("/openapi/v3/apis/metrics.k8s.io/v1?hash=0123")
    assert (other.status, other.body) == (200, named.body)
    assert "Cache-Control" not in other.headers


async def test_head_is_answered_like_get() -> None:
    assert (await answer(f"{BASE}/nodes", method="HEAD")).status == 200
    assert (await answer("/livez", method="HEAD")).status == 200


async def test_a_probe_that_fails_is_500_and_its_part_says_why() -> None:
    assert (await answer("/readyz")).status == 500
    assert b"why" in whole(await answer("/readyz/coverage"))


async def test_the_index_lists_only_what_answers() -> None:
    for path in json.loads(whole(await answer("/")))["paths"]:
        assert (await answer(path)).status in (200, 500)


class Slow(Collector):
    """A registry's content that takes a while; how often it was asked for, and how often at the same time."""

    def __init__(self) -> None:
        self.collected = self.at_once = self.most = 0
        self._lock = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        time.sleep(0.05)
        with self._lock:
            self.collected += 1
            self.at_once -= 1
        yield GaugeMetricFamily("made", "The how manieth it is.", self.collected)


async def test_p12_metrics_that_hundreds_ask_for_are_made_one_page_at_a_time() -> None:
    cluster, slow, clock = golden_cluster(), Slow(), FakeClock(NOW)
    resources = Resources(
        cluster, cluster, Ledger(cluster, cluster, cluster, clock), clock, Telemetry().api, turns=Turnstile(2)
    )
    registry = CollectorRegistry()
    registry.register(slow)
    before = slow.collected  # a registry asks for the names
    routes = Routes(resources, DISCOVERY, Probes(Health()), registry)
    call = parse_call("GET", "/metrics", accept="", if_none_match="")
    first = await asyncio.gather(*(routes.answer(call) for _ in range(200)))
    assert slow.most == 1
    assert slow.collected - before <= 2, "the first one, and one for all who came while it was made"
    later = await routes.answer(call)
    assert whole(later) != whole(first[0]), "who asks later gets what is so later"
