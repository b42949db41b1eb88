import asyncio
import json
from typing import Any

import pytest

from autoscaler.errors import KubeError
from autoscaler.kube.accounttoken import LIFE_SECONDS, PAUSE_SECONDS, AccountToken
from autoscaler.kube.client import KubeClient
from tests.clock import FakeClock
from tests.kube.apiserver import DROPPED, Answer, ApiServer, ok, refusal, serving

PATH = "/api/v1/namespaces/ours/serviceaccounts/scraper/token"


def given(token: str, seconds: int = LIFE_SECONDS) -> Answer:
    document: dict[str, Any] = {"spec": {"expirationSeconds": seconds}, "status": {"token": token}}
    return ok(document, 201)


def source(client: KubeClient, server: ApiServer, *answers: Answer) -> tuple[AccountToken, FakeClock]:
    server.on(PATH, *answers, method="POST")
    clock = FakeClock()
    return AccountToken(client, "ours", "scraper", clock), clock


async def test_it_is_asked_for_once_and_renewed_at_half_its_life() -> None:
    async with serving() as (server, client):
        tokens, clock = source(client, server, given("one", 1000), given("two", 1000))
        assert await asyncio.gather(*(tokens.token() for _ in range(20))) == ["one"] * 20
        assert len(server.asked) == 1
        assert json.loads(server.asked[0].body)["spec"] == {"expirationSeconds": LIFE_SECONDS}
        await clock.advance(499)
        assert await tokens.token() == "one"
        await clock.advance(2)
        assert await tokens.token() == "two"
        assert len(server.asked) == 2


async def test_one_that_cannot_be_renewed_is_used_to_its_end_and_then_there_is_none() -> None:
    async with serving() as (server, client):
        tokens, clock = source(client, server, given("one", 1000), refusal(403, "no", "Forbidden"))
        await tokens.token()
        await clock.advance(600)
        assert await tokens.token() == "one"
        assert await tokens.token() == "one"
        assert len(server.asked) == 2, "not at every scrape"
        await clock.advance(401)
        with pytest.raises(KubeError, match=r"no token of ServiceAccount ours/scraper: .*no"):
            await tokens.token()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(refusal(403, "cannot create", "Forbidden"), "cannot create", id="no right"),
        pytest.param(refusal(404, "not found", "NotFound"), "not found", id="no account"),
        pytest.param(ok({"spec": {}, "status": {}}), "no token", id="an answer without a token"),
        pytest.param(ok([]), "Expected `object`", id="an answer that is none"),
        pytest.param(DROPPED, "was closed before", id="no answer"),
    ],
)
async def test_without_one_there_is_none_until_it_is_given(answer: Answer, why: str) -> None:
    async with serving() as (server, client):
        tokens, clock = source(client, server, answer, given("late"))
        for _ in range(3):
            with pytest.raises(KubeError, match=why):
                await tokens.token()
        assert len(server.asked) == 1
        await clock.advance(PAUSE_SECONDS)
        assert await tokens.token() == "late"


async def test_kubelets_that_refuse_one_are_one_reason_to_ask() -> None:
    async with serving() as (server, client):
        tokens, clock = source(client, server, given("one"), given("two"))
        await tokens.token()
        assert await tokens.token("one") == "one", "it was given just now"
        await clock.advance(PAUSE_SECONDS)
        assert await asyncio.gather(*(tokens.token("one") for _ in range(20))) == ["two"] * 20
        assert await tokens.token("one") == "two", "who is late gets what there is"
        assert len(server.asked) == 2
