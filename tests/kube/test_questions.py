from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from autoscaler.errors import KubeError, UnreachableError
from autoscaler.kube.connection import Connection
from autoscaler.kube.questions import KEPT_SECONDS, OversizeError, Questions, Request, direct
from tests.certificates import Authority
from tests.kube.apiserver import DROPPED, Answer, ApiServer, ok, until
from tests.kube.exchanging import OURS, context

TRUSTING, TRUSTING_TOO = (ssl.create_default_context(cadata=OURS.pem.decode()) for _ in range(2))
STRANGER = ssl.create_default_context(cadata=Authority("stranger").pem.decode())
GET = Request("GET", "/x", within=5)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return context(OURS, tmp_path_factory.mktemp("questions"))


@asynccontextmanager
async def opened(kept: float = KEPT_SECONDS) -> AsyncIterator[Questions]:
    questions = Questions(kept)
    try:
        yield questions
    finally:
        questions.close()


@pytest.fixture
async def server() -> AsyncIterator[ApiServer]:
    async with ApiServer() as started:
        yield started


async def test_one_after_the_other_goes_over_one_connection_and_at_once_over_several(server: ApiServer) -> None:
    server.on("/x", ok(1))
    there = Connection(server.url)
    async with opened() as questions:
        for _ in range(3):
            assert (await questions.ask(GET, there)).body() == b"1"
        assert len({each.peer for each in server.asked}) == 1
        await asyncio.gather(*(questions.ask(GET, there) for _ in range(3)))
        assert len({each.peer for each in server.asked}) == 3


async def test_a_connection_that_was_idle_for_too_long_is_not_used_again(server: ApiServer) -> None:
    server.on("/x", ok(1))
    async with opened(kept=-1) as questions:
        for _ in range(2):
            await questions.ask(GET, Connection(server.url))
    assert len({each.peer for each in server.asked}) == 2


async def test_over_tls_a_connection_serves_only_whom_it_was_verified_for(tls: ssl.SSLContext) -> None:
    async with ApiServer(tls) as server, opened() as questions:
        server.on("/x", ok(1))
        for trust in (TRUSTING, TRUSTING, TRUSTING_TOO):
            assert (await questions.ask(GET, Connection(server.url, trust))).status == 200
        first, second, third = (each.peer for each in server.asked)
        assert first == second != third


@pytest.mark.parametrize(
    ("trust", "name", "told"),
    [
        pytest.param(STRANGER, None, "unable to get local issuer certificate|self-signed", id="another authority"),
        pytest.param(TRUSTING, "kubernetes", "Hostname mismatch", id="another name"),
    ],
)
async def test_who_is_not_believed_gets_no_byte(
    tls: ssl.SSLContext, trust: ssl.SSLContext, name: str | None, told: str
) -> None:
    async with ApiServer(tls) as server, opened() as questions:
        there = Connection(server.url, trust, "Bearer secret", server_name=name)
        with pytest.raises(UnreachableError, match=rf"GET /x: cannot trust 127\.0\.0\.1:\d+: .*({told})") as caught:
            await questions.ask(GET, there)
        assert "secret" not in str(caught.value)
        assert server.asked == []


async def test_the_name_to_be_verified_may_be_another_than_that_of_the_address(tmp_path: Path) -> None:
    async with ApiServer(context(OURS, tmp_path, "kubernetes")) as server, opened() as questions:
        server.on("/x", ok(1))
        assert (await questions.ask(GET, Connection(server.url, TRUSTING, server_name="kubernetes"))).status == 200


async def test_a_long_body_goes_whole_over_either(tls: ssl.SSLContext) -> None:
    body = bytes(range(256)) * (3 << 12)
    for context_there, trust in ((None, None), (tls, TRUSTING)):
        async with ApiServer(context_there) as server, opened() as questions:
            server.on("/x", ok(1), method="PUT")
            put = Request("PUT", "/x", body=body, within=20)
            assert (await questions.ask(put, Connection(server.url, trust))).status == 200
            assert server.asked[0].body == body


async def test_a_kept_connection_that_was_closed_is_replaced_once_and_a_fresh_one_is_not(server: ApiServer) -> None:
    there = Connection(server.url)
    async with opened() as questions:
        server.on("/x", ok(1), DROPPED, ok(2), DROPPED)
        assert [(await questions.ask(GET, there)).body() for _ in range(2)] == [b"1", b"2"]
        with pytest.raises(UnreachableError, match="GET /x: the connection was closed before the answer began"):
            await questions.ask(GET, there)
    assert len(server.asked) == 5


async def test_what_is_over_its_limit_is_an_error_and_a_refusal_is_cut(server: ApiServer) -> None:
    async with opened() as questions:
        server.on("/x", Answer(body=b"x" * 1000))
        with pytest.raises(OversizeError, match="GET /x: the answer is over 999 bytes"):
            await questions.ask(Request("GET", "/x", limit=999), Connection(server.url))
        server.on("/x", Answer(500, b"x" * (1 << 20)))
        assert len((await questions.ask(GET, Connection(server.url))).body()) == 64 << 10


async def test_a_deadline_is_one_for_everything(server: ApiServer) -> None:
    server.on("/x", Answer(lines=(b"{}",), end="hang"))
    async with opened() as questions:
        with pytest.raises(UnreachableError, match="GET /x: no answer in time"):
            await questions.ask(Request("GET", "/x", within=0.05), Connection(server.url))


async def test_closing_ends_what_is_under_way_and_nothing_begins_any_more(server: ApiServer) -> None:
    server.on("/x", Answer(lines=(), end="hang"))
    async with opened() as questions, asyncio.TaskGroup() as group:
        asked = group.create_task(failure(questions, server.url))
        await until(lambda: server.asked)
        questions.close()
        assert "the connection was closed" in await asked
        assert "the client was closed" in await failure(questions, server.url)


async def failure(questions: Questions, url: str) -> str:
    with pytest.raises(UnreachableError) as caught:
        await questions.ask(GET, Connection(url))
    return str(caught.value)


async def test_of_a_name_the_address_that_failed_comes_last(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens at 127.0.0.2; each question is to take a connection of its own."""
    port = int(server.url.rpartition(":")[2])
    dialled: list[str] = []

    async def resolved(host: str, _port: int, **_: object) -> list[object]:
        return [(2, 1, 6, "", (each, port)) for each in ("127.0.0.2", "127.0.0.1")] if host == "api.test" else []

    class Seen(Questions):
        async def _addresses(self, request: Request, url: object) -> list[tuple[int, tuple[str, int]]]:
            found = await super()._addresses(request, url)  # type: ignore[arg-type]  # handed on
            dialled.append(found[0][1][0])
            return found

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolved)
    server.on("/x", ok(1))
    questions = Seen(kept=-1)
    for _ in range(3):
        assert (await questions.ask(GET, Connection(f"http://api.test:{port}"))).status == 200
    questions.close()
    assert dialled == ["127.0.0.2", "127.0.0.1", "127.0.0.1"]
    assert server.asked[0].headers["Host"] == f"api.test:{port}"


async def test_an_api_server_may_live_below_a_path(server: ApiServer) -> None:
    server.on("/k8s/clusters/c/x", ok(1))
    async with opened() as questions:
        assert (await questions.ask(GET, Connection(f"{server.url}/k8s/clusters/c"))).body() == b"1"


@pytest.mark.parametrize(
    ("path", "authorization"),
    [("/x", "Bearer a\r\nX-Remote-User: admin"), ("/x HTTP/1.1\r\nHost: y\r\n\r\nGET /y", ""), ("/x y", "")],
)
async def test_nothing_becomes_a_request_of_more_than_one_line(
    server: ApiServer, path: str, authorization: str
) -> None:
    async with opened() as questions:
        with pytest.raises(KubeError, match="a path or a credential with a line break in it"):
            await questions.ask(Request("GET", path), Connection(server.url, authorization=authorization))
    assert server.asked == []


@pytest.mark.parametrize(
    ("connection", "may"),
    [
        (Connection("https://h", TRUSTING), True),
        (Connection("http://h"), True),
        (Connection("https://h"), False),
        (Connection("https://h", TRUSTING, proxy="http://p"), False),
        (Connection("http://me:secret@h"), False),
    ],
)
def test_what_takes_more_than_asking_is_left_to_others(connection: Connection, *, may: bool) -> None:
    assert direct(connection) is may
