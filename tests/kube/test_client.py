from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from prometheus_client import generate_latest

from autoscaler import __version__
from autoscaler.errors import ConflictError, ForbiddenError, KubeError, NotFoundError, UnreachableError
from autoscaler.kube import client as module
from autoscaler.kube.client import KubeClient, segment
from autoscaler.kube.connection import Connection
from autoscaler.kube.questions import OversizeError
from autoscaler.telemetry import Telemetry
from tests.kube.apiserver import DROPPED, Answer, ApiServer, Fixed, ok, refusal, telemetry, watched


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with ApiServer() as started:
        yield started


@pytest.fixture
async def client(server: ApiServer) -> AsyncIterator[KubeClient]:
    async with KubeClient(Fixed(server.url), telemetry()) as opened:
        yield opened


async def test_a_get_says_who_asks_and_asks_for_plain_json(server: ApiServer, client: KubeClient) -> None:
    server.on("/api/v1/pods", ok({"kind": "PodList"}))
    assert await client.get("/api/v1/pods", [("labelSelector", "app in (a,b)")]) == b'{"kind": "PodList"}'
    asked = server.asked[0]
    assert asked.query == {"labelSelector": "app in (a,b)"}
    assert asked.headers["User-Agent"] == f"hpa-companion/{__version__}"
    assert asked.headers["Authorization"] == "Bearer first"
    assert asked.headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("method", "media"),
    [("POST", "application/json"), ("PUT", "application/json"), ("PATCH", "application/merge-patch+json")],
)
async def test_a_body_goes_with_its_media_type(server: ApiServer, client: KubeClient, method: str, media: str) -> None:
    server.on("/x", ok({"a": 1}, 201), method=method)
    assert await getattr(client, method.lower())("/x", b'{"a":1}') == b'{"a": 1}'
    assert server.asked[0].body == b'{"a":1}'
    assert server.asked[0].headers["Content-Type"] == media


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        pytest.param(refusal(404, 'pods "x" not found', "NotFound"), NotFoundError, 'pods "x" not found', id="404"),
        pytest.param(refusal(403, "no right"), ForbiddenError, "GET /x: no right", id="403"),
        pytest.param(refusal(409, "modified"), ConflictError, "modified", id="409"),
        pytest.param(Answer(500, b"<html>gone wrong"), UnreachableError, "<html>gone wrong", id="a proxy's page"),
        pytest.param(Answer(302, headers={"Location": "http://evil/"}), KubeError, "HTTP 302", id="a redirect"),
        pytest.param(DROPPED, UnreachableError, "was closed before", id="a closed connection"),
    ],
)
async def test_an_unwelcome_answer_is_an_error_of_the_tree(
    server: ApiServer, client: KubeClient, answer: Answer, error: type[KubeError], text: str
) -> None:
    server.on("/x", answer)
    with pytest.raises(error, match=text):
        await client.get("/x")


async def test_nobody_listening_is_unreachable() -> None:
    async with KubeClient(Fixed("http://127.0.0.1:1"), telemetry()) as client:
        with pytest.raises(UnreachableError, match=r"GET /x: cannot connect to 127\.0\.0\.1:1"):
            await client.get("/x")


async def test_a_client_that_is_not_open_says_so() -> None:
    with pytest.raises(UnreachableError, match="not opened"):
        await KubeClient(Fixed("http://127.0.0.1:1"), telemetry()).get("/x")


async def test_an_answer_that_takes_too_long_is_unreachable(server: ApiServer, client: KubeClient) -> None:
    server.on("/x", Answer(lines=(b"{}",), end="hang"))
    with pytest.raises(UnreachableError, match="no answer in time"):
        await client.get("/x", within=0.05)


async def test_an_answer_over_the_limit_is_not_kept(server: ApiServer, client: KubeClient) -> None:
    server.on("/x", Answer(body=b"x" * 1000))
    with pytest.raises(OversizeError, match="over 999 bytes"):
        await client.get("/x", limit=999)


async def test_a_kept_alive_connection_that_was_closed_is_replaced_once(server: ApiServer, client: KubeClient) -> None:
    server.on("/x", ok(1))
    server.on("/y", DROPPED, ok(2), method="POST")
    await client.get("/x")
    assert await client.post("/y", b"{}") == b"2"
    assert [each.path for each in server.asked] == ["/x", "/y", "/y"]


async def test_a_fresh_connection_that_is_closed_is_not_tried_again_for_a_post(
    server: ApiServer, client: KubeClient
) -> None:
    server.on("/y", DROPPED, method="POST")
    with pytest.raises(UnreachableError):
        await client.post("/y", b"{}")
    assert len(server.asked) == 1


class Rotating(Fixed):
    """A token that was replaced meanwhile."""

    async def renew(self, refused: Connection) -> Connection:
        return Connection(refused.host, authorization="Bearer second")


async def test_s06_a_401_is_answered_with_credentials_read_anew(server: ApiServer) -> None:
    server.on("/x", refusal(401, "Unauthorized"), ok(1))
    async with KubeClient(Rotating(server.url), telemetry()) as client:
        assert await client.get("/x") == b"1"
    assert [each.headers["Authorization"] for each in server.asked] == ["Bearer first", "Bearer second"]


async def test_a_second_401_is_final(server: ApiServer) -> None:
    server.on("/x", refusal(401, "Unauthorized"))
    async with KubeClient(Rotating(server.url), telemetry()) as client:
        with pytest.raises(ForbiddenError, match="Unauthorized") as caught:
            await client.get("/x")
    assert (caught.value.status, len(server.asked)) == (401, 2)


async def test_a_401_without_new_credentials_is_not_asked_again(server: ApiServer, client: KubeClient) -> None:
    server.on("/x", refusal(401, "Unauthorized"))
    with pytest.raises(ForbiddenError):
        await client.get("/x")
    assert len(server.asked) == 1


async def test_an_error_never_shows_the_credential(server: ApiServer, client: KubeClient) -> None:
    server.on("/x", refusal(403, "no"))
    with pytest.raises(ForbiddenError) as caught:
        await client.get("/x")
    assert "first" not in str(caught.value) + repr(caught.value) + repr(await Fixed("x").current())


async def test_through_a_proxy_it_is_asked_as_well() -> None:
    """A plain API server is asked by the whole URL; one with TLS would be reached by CONNECT."""
    async with ApiServer() as proxy:
        proxy.on("/x", refusal(401, "Unauthorized"), ok(1))
        proxy.on("/big", Answer(body=b"x" * 1000))
        async with KubeClient(Proxied("http://api.test", proxy.url), telemetry()) as client:
            assert await client.get("/x") == b"1"
            with pytest.raises(OversizeError, match="over 999 bytes"):
                await client.get("/big", limit=999)
    assert {each.headers["Host"] for each in proxy.asked} == {"api.test"}
    assert [each.headers.get("Authorization") for each in proxy.asked] == [None, "Bearer second", None]


class Proxied(Fixed):
    """An API server behind a proxy."""

    def __init__(self, url: str, proxy: str) -> None:
        self._connection = Connection(url, proxy=proxy)

    async def renew(self, refused: Connection) -> Connection:
        return Connection(refused.host, proxy=refused.proxy, authorization="Bearer second")


async def read_lines(client: KubeClient, path: str, got: list[bytes], silence: float = 5) -> None:
    async with client.lines(path, [], silence=silence) as lines:
        async for line in lines:
            got += [line]


async def test_lines_are_whole_and_a_torn_one_is_an_error(server: ApiServer, client: KubeClient) -> None:
    server.on("/w", watched(("ADDED", {"n": 1}), ("ADDED", {"n": 2}), end="tear"))
    got: list[bytes] = []
    with pytest.raises(UnreachableError):
        await read_lines(client, "/w", got)
    assert got == [b'{"type": "ADDED", "object": {"n": 1}}', b'{"type": "ADDED", "object": {"n": 2}}']


async def test_lines_end_where_the_server_ends_them(server: ApiServer, client: KubeClient) -> None:
    server.on("/w", watched(("BOOKMARK", {}), end="close"))
    got: list[bytes] = []
    await read_lines(client, "/w", got)
    assert len(got) == 1


async def test_silence_ends_a_stream(server: ApiServer, client: KubeClient) -> None:
    server.on("/w", watched(end="hang"))
    with pytest.raises(UnreachableError, match="no answer in time"):
        await read_lines(client, "/w", [], silence=0.05)


async def test_an_endless_line_is_given_up(
    server: ApiServer, client: KubeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_LINE", 100)
    server.on("/w", Answer(body=b"x" * 200))
    with pytest.raises(OversizeError):
        await read_lines(client, "/w", [])


async def test_requests_are_counted_by_verb_and_code(server: ApiServer) -> None:
    series = Telemetry()
    server.on("/x", ok(1))
    async with KubeClient(Fixed(server.url), series.kube) as client:
        await client.get("/x")
        with pytest.raises(NotFoundError):
            await client.get("/nothing")
    page = generate_latest(series.registry).decode()
    assert 'autoscaler_kube_requests_total{code="200",verb="GET"} 1.0' in page
    assert 'autoscaler_kube_requests_total{code="404",verb="GET"} 1.0' in page


async def test_cancelling_a_request_is_not_swallowed(server: ApiServer, client: KubeClient) -> None:
    server.on("/x", Answer(lines=(), end="hang"))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(client.get("/x"))
        while not server.asked:
            await asyncio.sleep(0)
        task.cancel()
    assert task.cancelled()


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a%2fb"])
def test_a_name_that_would_reach_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(KubeError, match="cannot be the name"):
        segment(name)


def test_a_name_is_one_segment() -> None:
    assert segment("web-1.x:y z?") == "web-1.x%3Ay%20z%3F"
