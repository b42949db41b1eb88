"""What is answered in the turn of the loop in which it is read: the same bytes as in the usual way, and never anything
that the usual way would not have answered, nor out of turn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from aiohttp.http import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from structlog.testing import capture_logs

from autoscaler.api.connection import Limits
from autoscaler.api.sieve import Found, Sieve
from autoscaler.model.identity import Identity
from autoscaler.model.objects import Pod
from tests.api.asking import BASE, NODES
from tests.api.cluster import Cluster, golden_cluster, pod_usage
from tests.api.crowd import many
from tests.api.test_handler import Broken
from tests.api.wired import Wired, request
from tests.api.world import Reviews

POD = f"{BASE}/namespaces/default/pods/web-0"
PROTOBUF = "application/vnd.kubernetes.protobuf"
MESSAGE: RawRequestMessage = object()  # type: ignore[assignment] # a sieve does not look into it
BODY: StreamReader = object()  # type: ignore[assignment] # likewise


class Scripted:
    """A parser that finds what it is told to."""

    def __init__(self, found: Found) -> None:
        self.found, self.fed, self.consumed, self.paused = found, b"", 0, False

    def feed_data(self, data: bytes) -> Found:
        self.fed += data
        return self.found

    def message_consumed(self) -> None:
        self.consumed += 1

    def pause_reading(self) -> None:
        self.paused = True


@pytest.mark.parametrize(
    ("found", "takes", "asked"),
    [
        pytest.param(([(MESSAGE, EMPTY_PAYLOAD)], False, b""), True, 1, id="taken"),
        pytest.param(([(MESSAGE, EMPTY_PAYLOAD)], False, b""), False, 1, id="not taken"),
        pytest.param(([(MESSAGE, BODY)], False, b""), True, 0, id="a body may still be on its way"),
        pytest.param(([(MESSAGE, EMPTY_PAYLOAD)] * 2, False, b""), True, 0, id="two at once keep their order"),
        pytest.param(([(MESSAGE, EMPTY_PAYLOAD)], True, b"x"), True, 0, id="another protocol"),
        pytest.param(((), False, b""), True, 0, id="half a request"),
    ],
)
def test_only_a_message_that_came_alone_and_without_a_body_is_taken(found: Found, takes: bool, asked: int) -> None:
    seen: list[RawRequestMessage] = []

    def take(message: RawRequestMessage) -> bool:
        seen.append(message)
        return takes

    parser = Scripted(found)
    sieve = Sieve(parser, take)
    taken = bool(asked and takes)
    assert sieve.feed_data(b"GET /") == (((), False, b"") if taken else found)
    assert (len(seen), parser.consumed, parser.fed) == (asked, int(taken), b"GET /")
    sieve.pause_reading()
    assert parser.paused


@pytest.mark.parametrize(
    "accept", ["application/json", PROTOBUF, "application/yaml", "application/json;as=Table;v=v1;g=meta.k8s.io"]
)
@pytest.mark.parametrize(
    "target",
    [
        pytest.param(POD, id="a pod"),
        pytest.param(f"{NODES}/node-a", id="a node"),
        pytest.param(f"{BASE}/namespaces/default/pods?labelSelector=app%3Dweb", id="pods by label"),
        pytest.param(f"{BASE}/pods?labelSelector=app%3Dnone", id="none"),
        pytest.param(NODES, id="nodes"),
    ],
)
async def test_what_needs_no_waiting_is_answered_at_once_and_with_the_same_bytes(target: str, accept: str) -> None:
    quick, usual = await Wired().begun(), await Wired(at_once=False).begun()
    asked = request(target, f"Accept: {accept}")
    await quick.answered(request(target, "Accept: */*"))
    for _ in range(2):
        assert quick.put(asked).startswith(b"HTTP/1.1 200 OK\r\n")
        assert await quick.later() == b""
    assert await quick.answered(asked) == await usual.answered(asked)
    last = request(target, f"Accept: {accept}", "Connection: close")
    assert await quick.answered(last) == await usual.answered(last)
    assert quick.wire.closed
    assert usual.wire.closed


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(request(f"{BASE}/namespaces/default/pods/nometrics"), 404, id="what there is not"),
        pytest.param(request(f"{BASE}/pods?labelSelector=(("), 400, id="a selector that is none"),
        pytest.param(request(NODES, "Accept: image/png"), 406, id="a type there is not"),
        pytest.param(request(NODES).replace(b"GET", b"DELETE"), 405, id="another verb"),
        pytest.param(request(NODES, "Upgrade: x"), 400, id="another protocol"),
        pytest.param(request(NODES, *[f"A{n}: {'a' * 8000}" for n in range(9)]), 431, id="long headers"),
        pytest.param(request(NODES, "X-Remote-User: eve"), 401, id="two users"),
        pytest.param(request(f"{BASE}/pods?resourceVersion=99999999999999999"), 504, id="a version of later"),
        pytest.param(request(f"{BASE}/pods?limit=1"), 200, id="a page"),
        pytest.param(request("/apis"), 200, id="discovery"),
        pytest.param(request("/livez"), 200, id="a probe"),
    ],
)
async def test_everything_else_goes_the_usual_way(data: bytes, code: int) -> None:
    wired = await Wired().begun()
    assert wired.put(data) == b""
    assert (await wired.later()).startswith(b"HTTP/1.1 %d " % code)


async def test_a_long_list_is_left_to_those_who_give_way() -> None:
    wired = await Wired(cluster=many(65)).begun()
    assert wired.put(request(f"{BASE}/pods")) == b""
    assert b" 200 OK" in await wired.later()
    assert b" 200 OK" in wired.put(request(f"{BASE}/pods?fieldSelector=metadata.name%3Dnone")) + await wired.later()


async def test_who_is_not_known_yet_or_not_any_more_is_reviewed_first() -> None:
    reviews = Reviews(tokens={"good": Identity("ann")})
    wired = await Wired(proxied=False, reviews=reviews).begun()
    asked = f"GET {POD} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n\r\n".encode()
    for round_ in (1, 2):
        assert wired.put(asked) == b""
        assert b" 200 OK" in await wired.later()
        assert b" 200 OK" in wired.put(asked)
        assert (len(reviews.tokens_asked), len(reviews.asked)) == (round_, round_)
        assert wired.put(asked.replace(b"good", b"bad")) == b""
        assert b" 401 " in await wired.later()
        del reviews.tokens_asked[-1]
        await wired.clock.advance(10.1)
    reviews.allowed = False
    for _ in range(2):
        assert wired.put(asked) == b""
        assert b" 403 " in await wired.later()


async def test_a_verdict_about_one_object_is_none_about_another() -> None:
    wired = await Wired(proxied=False).begun()
    assert b" 200 OK" in await wired.answered(request(POD))
    assert b" 200 OK" in wired.put(request(POD))
    assert wired.put(request(f"{BASE}/namespaces/kube-system/pods/dns-0")) == b""


async def test_a_request_within_a_late_body_is_never_answered() -> None:
    """Who may send a body through the front proxy would otherwise ask as whom it likes."""
    wired = await Wired().begun()
    inner = request(POD)
    outer = request(POD, f"Content-Length: {len(inner)}").replace(b"GET", b"POST")
    assert b" 405 " in await wired.answered(outer)
    assert await wired.answered(inner) == b""
    assert wired.put(request(POD)).count(b"HTTP/1.1 200") == 1


async def test_answers_keep_the_order_of_the_requests() -> None:
    wired = await Wired(limits=Limits(deadline=60)).begun()
    wired.cluster.expired = [False]
    slow, quick = request("/livez"), request(POD)
    assert wired.put(slow) + wired.put(quick) + wired.put(quick + slow) == b""
    sent = await wired.later()
    assert [b"ok" in each[-4:] for each in sent.split(b"HTTP/1.1 200 OK")[1:]] == [True, False, False, True]
    assert wired.put(quick) != b""


@pytest.mark.looptime
async def test_half_a_request_behind_one_that_was_answered_is_not_waited_for_for_ever() -> None:
    wired = await Wired().begun()
    assert wired.put(request(POD) + b"GET /livez HT") != b""
    await asyncio.sleep(4.9)
    assert not wired.wire.closed
    await asyncio.sleep(0.2)
    assert wired.wire.closed


@pytest.mark.looptime
@pytest.mark.parametrize("size", [1, 2, 3, 4])
async def test_nothing_more_is_awaited_behind_a_request_that_came_in_pieces(size: int) -> None:
    wired, whole = await Wired().begun(), request(POD)
    assert wired.put(whole[:-size]) == b""
    assert wired.put(whole[-size:]) != b""
    await asyncio.sleep(60)
    assert not wired.wire.closed


@pytest.mark.looptime
async def test_a_connection_is_idle_from_its_last_answer_on() -> None:
    wired = await Wired(limits=Limits(idle=90)).begun()
    for _ in range(4):
        assert wired.put(request(POD)) != b""
        await asyncio.sleep(60)
    await asyncio.sleep(29)
    assert not wired.wire.closed
    await asyncio.sleep(2)
    assert wired.wire.closed


async def test_who_does_not_read_gets_nothing_more() -> None:
    wired = await Wired().begun()
    wired.connection.pause_writing()
    assert wired.put(request(POD)) == b""


async def test_a_connection_ends_with_the_trust_it_was_made_under() -> None:
    wired = await Wired().begun()
    assert wired.put(request(POD)) != b""
    wired.ca_pem = "another"
    assert await wired.answered(request(POD)) == b""
    assert wired.wire.closed


async def test_there_is_no_place_in_a_full_lane() -> None:
    wired = await Wired(limits=Limits(light=0, heavy=0)).begun()
    for target in (POD, NODES):
        assert wired.put(request(target)) == b""
        assert b" 429 " in await wired.later()


async def test_what_breaks_is_told_once() -> None:
    good = golden_cluster()
    cluster = Broken(pod_list=good.pod_list, usages=good.usages)
    wired = await Wired(cluster=cluster).begun()
    assert wired.put(request(POD)) != b""
    cluster.broken = True
    cluster.commit(cluster.pod_list[1])
    with capture_logs() as logs:
        assert wired.put(request(POD)) == b""
        assert b" 500 " in await wired.later()
    assert [entry["event"] for entry in logs] == ["Failed to answer a request"]


async def test_it_is_counted_like_any_other_and_shows_what_is_new() -> None:
    cluster = Cluster()
    pod = Pod(namespace="default", name="web-0", uid="u")
    cluster.add_pod(pod, ("c", 1, 1 << 20))
    wired = await Wired(cluster=cluster).begun()
    found: Sequence[bytes] = [wired.put(request(target)) for target in (POD, f"{BASE}/pods")]
    assert all(b'"memory":"1Mi"' in each for each in found)
    cluster.usages[("default", "web-0")] = pod_usage(pod, ("c", 1, 2 << 20))
    cluster.commit(pod)
    found = [wired.put(request(target)) for target in (POD, f"{BASE}/pods")]
    assert all(b'"memory":"2Mi"' in each for each in found)
    value = wired.telemetry.registry.get_sample_value
    for verb in ("get", "list"):
        assert value("autoscaler_api_requests_total", {"resource": "pods", "verb": verb, "code": "200"}) == 2
    assert value("metrics_server_api_metric_freshness_seconds_count") == 4
