"""Every way a request can end, and what is told and counted of it (A11-A14, A16, A17, A19, A21, A24)."""

import asyncio
import gzip
from pathlib import Path

import pytest
import yaml
from structlog.testing import capture_logs

from autoscaler.api.connection import Limits
from autoscaler.api.continuation import INCONSISTENT, token
from autoscaler.errors import ForbiddenError, UnreachableError
from autoscaler.model.metrics import PodUsage
from autoscaler.model.objects import Pod
from autoscaler.telemetry.health import Verdict
from tests.api import protodecode
from tests.api.asking import BASE
from tests.api.cluster import Cluster, golden_cluster
from tests.api.crowd import counted, many
from tests.api.reply import parsed
from tests.api.world import MASTER, PROXY, Reviews, Trust, serving

PROTOBUF = "application/vnd.kubernetes.protobuf"
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"


class Broken(Cluster):
    """Fails in a way nobody foresaw, from some moment on."""

    broken = False

    def pod_usage(self, namespace: str, name: str) -> PodUsage | None:
        if self.broken:
            raise ZeroDivisionError(f"about {name}")
        return super().pod_usage(namespace, name)


class Busy(Cluster):
    """Has something to settle until some second of the loop's time."""

    until = 0.0

    def expire(self) -> bool:
        return asyncio.get_running_loop().time() >= self.until


async def test_headers_of_an_answer(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        reply = await world.ask(f"{BASE}/nodes", [("Audit-Id", "aa-11")])
        assert reply.headers["audit-id"] == "aa-11"
        assert reply.headers["cache-control"] == "no-cache, private"
        assert reply.headers["content-type"] == "application/json"
        assert "python" not in reply.headers["server"].lower()
        assert (await world.ask("/livez", [("Audit-Id", "no good")])).headers["audit-id"] != "no good"


async def test_a_refusal_is_written_as_the_client_takes_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        reply = await world.ask(f"{BASE}/nodes/nope", [("Accept", f"{PROTOBUF}, */*")])
        assert (reply.code, reply.headers["content-type"]) == (404, "application/vnd.kubernetes.protobuf")
        assert protodecode.document(reply.body)["message"] == 'node "nope" not found'


@pytest.mark.parametrize("accept", ["application/json", PROTOBUF])
async def test_a_long_list_is_the_same_gzipped(tmp_path: Path, accept: str) -> None:
    cluster = golden_cluster()
    for number in range(1_500):
        cluster.add_pod(Pod(namespace="shop", name=f"web-{number:05}", labels={"app": "web"}), ("main", number, number))
    async with serving(tmp_path, cluster=cluster) as world:
        plain = await world.ask(f"{BASE}/pods", [("Accept", accept)])
        packed = await world.ask(f"{BASE}/pods", [("Accept", accept), ("Accept-Encoding", "gzip")])
        assert gzip.decompress(packed.body) == plain.body
        assert len(packed.body) < len(plain.body) / 4
        assert ("content-encoding" in plain.headers, packed.headers["content-encoding"]) == (False, "gzip")
        assert packed.headers["content-type"] == plain.headers["content-type"] == accept
        assert packed.headers["vary"] == plain.headers["vary"] == "Accept, Accept-Encoding"
        short = await world.ask(f"{BASE}/nodes", [("Accept-Encoding", "gzip")])
        assert (short.headers["vary"], "content-encoding" in short.headers) == ("Accept", False)


@pytest.mark.parametrize(
    ("target", "headers", "method", "code"),
    [
        pytest.param(f"{BASE}/nodes", [], "GET", 200, id="a list"),
        pytest.param(f"{BASE}/pods?labelSelector=a%3D%3D%3Db", [], "GET", 400, id="A17: a bad selector"),
        pytest.param(f"{BASE}/pods?limit=-1", [], "GET", 400, id="A17: a bad limit"),
        pytest.param(f"{BASE}/pods?junk=1&junk=2&%F0%9F%98%80=1", [], "GET", 200, id="A17: unknown parameters"),
        pytest.param(f"{BASE}/pods?watch=true", [], "HEAD", 200, id="A19: HEAD of a watch"),
        pytest.param(f"{BASE}/pods?watch=true&timeoutSeconds=x", [], "GET", 400, id="A17: a bad timeout of a watch"),
        pytest.param(f"{BASE}/pods?continue=junk", [], "GET", 400, id="A17: a junk token"),
        pytest.param(f"{BASE}/pods", [], "POST", 405, id="A19: create"),
        pytest.param(f"{BASE}/nodes/node-a", [], "DELETE", 405, id="A19: delete"),
        pytest.param(f"{BASE}/nodes", [("Accept", "application/xml")], "GET", 406, id="A21: XML only"),
        pytest.param(f"{BASE}/nodes", [("Accept", "a/b"), ("Accept", "*/*")], "GET", 200, id="A21: two Accept headers"),
        pytest.param(f"{BASE}/nodes", [("Accept", "x" * 10240)], "GET", 406, id="A21: 10 KB of junk"),
        pytest.param(f"{BASE}/nodes", [("Accept", PROTOBUF)], "GET", 200, id="A21: protobuf only"),
        pytest.param(f"{BASE}/nodes", [("Accept", TABLE)], "GET", 200, id="A21: a table"),
        pytest.param(f"{BASE}/nodes", [("Accept", f"{TABLE}9")], "GET", 406, id="A21: a table of an unknown version"),
        pytest.param(f"{BASE}/nodes", [("Accept", f"{TABLE}9, */*;q=0.1")], "GET", 200, id="A21: or anything else"),
        pytest.param(f"{BASE}/nodes", [("Accept", f"{PROTOBUF};q=0")], "GET", 406, id="A21: but not protobuf"),
        pytest.param("/nope", [], "GET", 404, id="nothing there"),
    ],
)  # fmt: skip
async def test_each_request_ends_with_its_code_and_a_status(
    tmp_path: Path, target: str, headers: list[tuple[str, str]], method: str, code: int
) -> None:
    async with serving(tmp_path) as world:
        reply = await world.ask(target, headers, method=method)
        assert reply.code == code
        assert bool(reply.body) is (method != "HEAD")
        if code != 200:
            assert reply.json()["kind"] == "Status"
            assert reply.json()["code"] == code


async def test_errors_are_indented_for_people(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        assert (await world.ask("/nope", [("User-Agent", "curl/8")])).body.startswith(b'{\n  "kind": "Status"')


async def test_probes_need_neither_identity_nor_permission(tmp_path: Path) -> None:
    reviews = Reviews(error=UnreachableError("down"))
    async with serving(tmp_path, reviews=reviews) as world:
        for path in ("/livez", "/readyz?verbose", "/healthz"):
            assert (await world.ask(path, [("Authorization", "Bearer x")])).code == 200
        assert (reviews.asked, reviews.tokens_asked) == ([], [])
        for path in ("/livez/ping", "/metrics", "/", "/apis", "/version", "/nope"):
            assert (await world.ask(path)).code == 503


@pytest.mark.parametrize(
    ("reviews", "code"),
    [
        pytest.param(Reviews(allowed=False), 403, id="A11: denied"),
        pytest.param(Reviews(error=UnreachableError("down", status=500)), 503, id="A11: an error"),
        pytest.param(Reviews(error=ForbiddenError("we may not ask", status=403)), 503, id="A11: we may not ask"),
    ],
)
async def test_a11_no_verdict_no_answer(tmp_path: Path, reviews: Reviews, code: int) -> None:
    async with serving(tmp_path, reviews=reviews) as world:
        reply = await world.ask(f"{BASE}/nodes")
        assert reply.code == code
        assert ("retry-after" in reply.headers) is (code == 503)
        reviews.error, reviews.allowed = None, True
        assert (await world.ask(f"{BASE}/nodes")).code == (403 if code == 403 else 200)


async def test_a12_rights_are_asked_for_what_is_read(tmp_path: Path) -> None:
    async with serving(tmp_path, reviews=Reviews(allowed=False)) as world:
        reply = await world.ask(f"{BASE}/namespaces/shop/pods", [("X-Remote-User", "ann")], certificate=PROXY)
        assert reply.json()["message"] == (
            'pods.metrics.k8s.io is forbidden: User "ann" cannot list resource "pods" in API group "metrics.k8s.io" '
            'in the namespace "shop": no RBAC policy matched'
        )
        await world.ask(f"{BASE}/pods")
        assert [getattr(asked, "namespace", None) for _, asked in world.reviews.asked] == ["shop", ""]


async def test_a12_who_may_read_one_namespace_may_read_that_one_alone(tmp_path: Path) -> None:
    class OfShop(Reviews):
        async def _answer(self) -> None:
            self.allowed = getattr(self.asked[-1][1], "namespace", "") == "shop"

    ann = [("X-Remote-User", "ann")]
    async with serving(tmp_path, reviews=OfShop()) as world:
        assert (await world.ask(f"{BASE}/namespaces/shop/pods", ann, certificate=PROXY)).code == 200
        for path, where in (
            ("pods", "at the cluster scope"),
            ("namespaces/default/pods", 'in the namespace "default"'),
        ):
            reply = await world.ask(f"{BASE}/{path}", ann, certificate=PROXY)
            assert (reply.code, reply.json()["reason"]) == (403, "Forbidden")
            assert where in reply.json()["message"]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("labelSelector=a%3D%3D%3Db", "labelSelector"), ("labelSelector=-a%3Db", "labelSelector"),
        ("labelSelector=" + "(" * 4000, "labelSelector"), ("labelSelector=" + "a" * 5000, "labelSelector"),
        ("fieldSelector=spec.nodeName%3Da", "spec.nodeName"),
        ("fieldSelector=" + "a" * 4000 + "%3D1", "field selector"), ("limit=-1", "limit"),
        ("limit=9223372036854775808", "limit"), ("limit=%D9%A3", "limit"),
        ("limit=" + "9" * 5000, "limit"), ("resourceVersion=x", "resourceVersion"), ("continue=junk", "continue"),
        ("watch=1&timeoutSeconds=x", "timeoutSeconds"), ("watch=1&resourceVersion=-1", "resourceVersion"),
    ],
)  # fmt: skip
async def test_a17_a_refusal_names_the_parameter_in_a_few_words(tmp_path: Path, query: str, named: str) -> None:
    async with serving(tmp_path) as world:
        reply = await world.ask(f"{BASE}/pods?{query}")
        assert (reply.code, reply.json()["reason"]) == (400, "BadRequest")
        assert named in reply.json()["message"]
        assert len(reply.json()["message"]) < 600


async def test_a17_a_forged_token_shows_nothing_of_another_namespace(tmp_path: Path) -> None:
    cluster = golden_cluster()
    for number in range(5):
        cluster.add_pod(Pod(namespace="shop", name=f"web-{number}", uid=str(number)), ("c", 1, 1))
    async with serving(tmp_path, cluster=cluster) as world:
        shop = f"{BASE}/namespaces/shop/pods?limit=2"
        revision = int((await world.ask(shop)).json()["metadata"]["resourceVersion"])
        for forged in (token(revision, "default\0"), token(INCONSISTENT, "default\0web-0"), token(INCONSISTENT, "\0")):
            found = (await world.ask(f"{shop}&continue={forged}")).json()
            assert [item["metadata"]["name"] for item in found["items"]] == ["web-0", "web-1"]
            assert {item["metadata"]["namespace"] for item in found["items"]} == {"shop"}
        for elsewhere in ("pods", "nodes", "namespaces/shop/pods?labelSelector=a", "namespaces/default/pods"):
            path = f"{BASE}/{elsewhere}{'&' if '?' in elsewhere else '?'}limit=2"
            assert (await world.ask(f"{path}&continue={token(revision, 'shop' + chr(0))}")).code == 410
        for ahead in (2**63, 2**64):
            assert (await world.ask(f"{shop}&continue={token(ahead, 'shop')}")).code in (400, 410)


async def test_a13_discovery_is_whole_while_nothing_can_be_served_yet(tmp_path: Path) -> None:
    async with serving(tmp_path, cluster=Cluster(), trust=Trust()) as world:
        world.health.add_ready(lambda: Verdict("metric-storage-ready", False, "warming up"))
        for target in ("/apis", BASE, "/apis/metrics.k8s.io", "/openapi/v2", "/openapi/v3", "/version", "/livez"):
            assert (await world.ask(target, MASTER, certificate=PROXY)).code == 200
        assert (await world.ask("/readyz")).code == 500
        assert (await world.ask(f"{BASE}/nodes", MASTER, certificate=PROXY)).json()["items"] == []


async def test_a_request_that_takes_too_long_ends_with_504(tmp_path: Path) -> None:
    settings = {"limits": Limits(deadline=0.05, lists=0.1)}
    async with serving(tmp_path, reviews=Reviews(gate=asyncio.Event()), settings=settings) as world:
        for path in ("nodes", "nodes/node-a"):
            reply = await world.ask(f"{BASE}/{path}")
            assert (reply.code, reply.json()["reason"]) == (504, "Timeout")


async def test_a_list_may_take_longer_than_one_object(tmp_path: Path) -> None:
    cluster = Busy()
    cluster.add_pod(Pod(namespace="shop", name="web", uid="u"), ("c", 1, 1))
    async with serving(tmp_path, cluster=cluster, settings={"limits": Limits(deadline=0.05)}) as world:
        for path, code in (("pods", 200), ("namespaces/shop/pods/web", 504)):
            cluster.until = asyncio.get_running_loop().time() + 0.2
            assert (await world.ask(f"{BASE}/{path}", MASTER, certificate=PROXY)).code == code


TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
FAMILY = "\U0001f468\u200d\U0001f469" * 30
HOSTILE = {"ansi": "\x1b[31mred", "quotes": "\"'\\", "separator": "a\u2028b", "family": FAMILY}


@pytest.mark.parametrize("accept", ["application/json", "application/yaml", TABLE])
async def test_a31_hostile_text_arrives_as_it_is_and_breaks_no_document(tmp_path: Path, accept: str) -> None:
    cluster = Cluster()
    cluster.add_pod(Pod(namespace="shop", name="web", uid="u", labels=HOSTILE), ("c\x1b]0;x\x07", 1, 1))
    async with serving(tmp_path, cluster=cluster) as world:
        reply = await world.ask(f"{BASE}/pods", [*MASTER, ("Accept", accept)], certificate=PROXY)
        text = reply.body.decode()
        assert not {char for char in text if ord(char) < 0x20 and char != "\n"}
        found = yaml.safe_load(text)
        [item] = found["items"] if "items" in found else [row["object"] for row in found["rows"]]
        assert item["metadata"]["labels"] == HOSTILE


async def test_a_fault_of_ours_is_500_and_logged_without_headers(tmp_path: Path) -> None:
    good = golden_cluster()
    cluster = Broken(pod_list=good.pod_list, usages=good.usages)
    async with serving(tmp_path, cluster=cluster, reviews=Reviews(tokens={})) as world:
        cluster.broken = True
        with capture_logs() as logs:
            reply = await world.ask(f"{BASE}/pods", [("Cookie", "s3cret"), *MASTER], certificate=PROXY)
        assert (reply.code, reply.json()["reason"]) == (500, "InternalError")
        assert "web-0" not in reply.body.decode()
        assert [entry["event"] for entry in logs] == ["Failed to answer a request"]
        assert "ZeroDivisionError" in str(logs)
        assert "s3cret" not in str(logs)
        assert (await world.ask("/livez")).code == 200


async def test_a_long_list_arrives_whole(tmp_path: Path) -> None:
    async with serving(tmp_path, cluster=many(2_000)) as world:
        reply = await world.ask(f"{BASE}/pods")
        assert len(reply.json()["items"]) == 2_000
        assert len((await world.ask(f"{BASE}/pods?pretty")).json()["items"]) == 2_000


async def test_requests_and_refusals_are_counted(tmp_path: Path) -> None:
    async with serving(tmp_path, reviews=Reviews(allowed=False)) as world:
        await world.ask(f"{BASE}/nodes")
        await world.ask(f"{BASE}/nodes", [("X-Remote-User", "a"), ("X-Remote-User", "b")], certificate=PROXY)
        await world.ask("/livez")
        await world.ask("/", [("Upgrade", "x")])
        assert counted(world, "nodes", "list", "403") == counted(world, "nodes", "list", "401") == 1
        assert counted(world, "probe", "get", "200") == counted(world, "none", "none", "400") == 1
        for reason in ("authorization", "authentication"):
            assert world.telemetry.registry.get_sample_value("autoscaler_api_denied_total", {"reason": reason}) == 1


async def test_several_requests_on_one_connection(tmp_path: Path) -> None:
    async with serving(tmp_path) as world:
        request = f"GET {BASE}/nodes HTTP/1.1\r\nHost: x\r\n\r\n"
        last = f"GET {BASE}/nodes HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        data = await world.send((request * 3 + last).encode())
        assert data.count(b"HTTP/1.1 200 OK") == 4
        assert parsed(data).code == 200
