from __future__ import annotations

from typing import Any

import pytest

from autoscaler.errors import ForbiddenError, KubeError, MalformedError, UnreachableError
from autoscaler.kube.reviews import ACCESS_REVIEWS, TOKEN_REVIEWS, Reviews
from autoscaler.model.identity import Identity, PathAttributes, ResourceAttributes
from tests.kube.apiserver import SkippingClock, ok, refusal, serving

ALICE = Identity("alice", "u1", ("dev", "system:authenticated"), {"scopes": ("a", "b")})
READ = ResourceAttributes(verb="list", group="metrics.k8s.io", version="v1", resource="pods", namespace="shop")


@pytest.mark.parametrize(
    ("status", "identity"),
    [
        pytest.param(
            {
                "authenticated": True,
                "user": {"username": "alice", "uid": "u1", "groups": ["dev", "system:authenticated"],
                         "extra": {"scopes": ["a", "b"]}},
            },
            ALICE,
            id="somebody",
        ),
        pytest.param({"authenticated": True, "user": {"username": "bob", "groups": None}}, Identity("bob"), id="bare"),
        pytest.param({"authenticated": False, "error": "expired"}, None, id="nobody"),
        pytest.param({"user": {"username": "mallory"}}, None, id="a user who is not authenticated"),
        pytest.param({"authenticated": True}, None, id="no user"),
        pytest.param({"authenticated": True, "user": {"username": ""}}, None, id="an empty name"),
        pytest.param({}, None, id="nothing said"),
    ],
)  # fmt: skip
async def test_a_token_belongs_to_whom_the_api_server_says(status: dict[str, Any], identity: Identity | None) -> None:
    async with serving() as (server, client):
        server.on(TOKEN_REVIEWS, ok({"status": status}, 201), method="POST")
        assert await Reviews(client, SkippingClock()).token("secret") == identity
        assert server.asked[0].document["spec"] == {"token": "secret"}


@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        ({"allowed": True, "reason": "RBAC: allowed by view"}, True),
        ({"allowed": False, "reason": "no rule"}, False),
        ({"allowed": True, "denied": True}, False),
        ({}, False),
    ],
    ids=["allowed", "not allowed", "a denial wins", "nothing said"],
)
async def test_only_a_clear_yes_is_one(status: dict[str, Any], allowed: bool) -> None:
    async with serving() as (server, client):
        server.on(ACCESS_REVIEWS, ok({"status": status}, 201), method="POST")
        verdict = await Reviews(client, SkippingClock()).access(ALICE, READ)
        assert (verdict.allowed, verdict.reason) == (allowed, status.get("reason", ""))
        spec = server.asked[0].document["spec"]
        assert (spec["user"], spec["groups"], spec["extra"]) == ("alice", list(ALICE.groups), {"scopes": ["a", "b"]})
        assert spec["resourceAttributes"] == {
            "verb": "list", "group": "metrics.k8s.io", "version": "v1", "resource": "pods", "namespace": "shop",
            "name": "", "subresource": "",
        }  # fmt: skip


async def test_a_path_is_reviewed_as_a_path() -> None:
    async with serving() as (server, client):
        server.on(ACCESS_REVIEWS, ok({"status": {"allowed": True}}, 201), method="POST")
        await Reviews(client, SkippingClock()).access(ALICE, PathAttributes(verb="get", path="/metrics"))
        spec = server.asked[0].document["spec"]
        assert (spec["nonResourceAttributes"], "resourceAttributes" in spec) == (
            {"path": "/metrics", "verb": "get"}, False,
        )  # fmt: skip


async def test_a_review_that_is_not_answered_is_asked_again_a_few_times() -> None:
    async with serving() as (server, client):
        server.on(TOKEN_REVIEWS, refusal(503, "x"), refusal(429, "x"), ok({"status": {}}, 201), method="POST")
        assert await Reviews(client, SkippingClock()).token("secret") is None
        server.on(TOKEN_REVIEWS, refusal(500, "webhook down"), method="POST")
        server.asked.clear()
        with pytest.raises(UnreachableError, match="webhook down") as caught:
            await Reviews(client, SkippingClock()).token("secret")
        assert len(server.asked) == 3
        assert "secret" not in str(caught.value)


async def test_a_review_we_may_not_ask_for_is_not_asked_again() -> None:
    async with serving() as (server, client):
        server.on(ACCESS_REVIEWS, refusal(403, "cannot create"), method="POST")
        with pytest.raises(ForbiddenError):
            await Reviews(client, SkippingClock()).access(ALICE, READ)
        assert len(server.asked) == 1


async def test_an_answer_that_is_no_review_is_no_yes() -> None:
    async with serving() as (server, client):
        server.on(ACCESS_REVIEWS, ok({"status": {"allowed": "true"}}, 201), method="POST")
        with pytest.raises((KubeError, MalformedError)):
            await Reviews(client, SkippingClock()).access(ALICE, READ)
