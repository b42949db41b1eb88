import asyncio

import pytest
from structlog.testing import capture_logs

from autoscaler.api.access import Access
from autoscaler.api.frontproxy import ANONYMOUS, Headers, Peer
from autoscaler.api.status import StatusError
from autoscaler.errors import UnreachableError
from autoscaler.model.identity import Identity, PathAttributes, ResourceAttributes
from tests.api.cluster import NOW
from tests.api.world import Reviews, Trust
from tests.clock import FakeClock, settle

ANN = Identity("ann", groups=("dev",))
PODS = ResourceAttributes(verb="list", group="metrics.k8s.io", version="v1", resource="pods")
PEER = Peer("front-proxy-client", NOW + 60)


def access(reviews: Reviews, source: Trust | None = None, **more: float) -> Access:
    return Access(reviews, source or Trust(), FakeClock(NOW), **more)


async def refusal(access_: Access, headers: Headers = (), identity: Identity | None = None) -> StatusError:
    with pytest.raises(StatusError) as caught:
        await (access_.admit(identity, PODS) if identity else access_.who(None, headers))
    return caught.value


@pytest.mark.parametrize(
    ("peer", "trusted", "user"),
    [
        pytest.param(PEER, True, "bob", id="the proxy's word, when it shows its certificate"),
        pytest.param(None, True, "system:anonymous", id="no certificate: the header means nothing"),
        pytest.param(PEER, False, "system:anonymous", id="nobody to trust: the header means nothing"),
    ],
)
async def test_proxy_headers(peer: Peer | None, trusted: bool, user: str) -> None:
    guard = access(Reviews(), Trust() if trusted else Trust(None))
    assert (await guard.who(peer, [("X-Remote-User", "bob")])).user == user


async def test_a_bearer_token_is_reviewed_once_in_ten_seconds() -> None:
    reviews, clock = Reviews(tokens={"good": ANN}), FakeClock(NOW)
    guard = Access(reviews, Trust(), clock)
    for _ in range(3):
        who = await guard.who(None, [("Authorization", "Bearer good")])
        assert who == Identity("ann", groups=("dev", "system:authenticated"))
    assert reviews.tokens_asked == ["good"]
    await clock.advance(10.1)
    await guard.who(None, [("authorization", "bearer  good")])
    assert reviews.tokens_asked == ["good", "good"]


async def test_a_bad_token_is_unauthorized_and_that_is_kept_too() -> None:
    reviews = Reviews()
    guard = access(reviews)
    for _ in range(2):
        assert (await refusal(guard, [("Authorization", "Bearer bad")])).code == 401
    assert reviews.tokens_asked == ["bad"]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([], id="no header"),
        pytest.param([("Authorization", "Basic YTpi")], id="another scheme"),
        pytest.param([("Authorization", "Bearer ")], id="no token"),
        pytest.param([("Authorization", "")], id="an empty header"),
        pytest.param([("Impersonate-User", "root")], id="impersonation is ignored"),
    ],
)
async def test_who_shows_nothing_is_anonymous(headers: Headers) -> None:
    assert await access(Reviews()).who(None, headers) is ANONYMOUS


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([("Authorization", "Bearer a"), ("authorization", "Bearer a")], id="two Authorization headers"),
        pytest.param([("Authorization", "Bearer a b")], id="two tokens"),
        pytest.param([("Authorization", "Bearer é")], id="not ASCII"),
    ],
)
async def test_a_header_that_can_be_read_in_two_ways_is_unauthorized(headers: Headers) -> None:
    reviews = Reviews()
    assert (await refusal(access(reviews), headers)).code == 401
    assert reviews.tokens_asked == []


async def test_a09_impersonation_is_mentioned_once() -> None:
    guard = access(Reviews())
    with capture_logs() as logs:
        for _ in range(3):
            await guard.who(None, [("Impersonate-User", "secret-name")])
    assert [entry["event"] for entry in logs] == ["Ignored impersonation headers"]
    assert "secret-name" not in str(logs)


async def test_masters_need_no_verdict() -> None:
    reviews = Reviews(allowed=False)
    await access(reviews).admit(Identity("root", groups=("system:masters",)), PODS)
    assert reviews.asked == []


async def test_a_verdict_is_kept_for_the_same_question_only() -> None:
    reviews = Reviews(allowed=False)
    guard = access(reviews)
    for _ in range(2):
        assert (await refusal(guard, identity=ANN)).code == 403
    reviews.allowed = True
    assert (await refusal(guard, identity=ANN)).code == 403
    others = [
        (Identity("ann", groups=("dev", "ops")), PODS),
        (Identity("ann", groups=("dev",), extra={"k": ("v",)}), PODS),
        (Identity("ann", uid="7", groups=("dev",)), PODS),
        (ANN, PathAttributes(verb="list", path="pods")),
        (ANN, ResourceAttributes(verb="list", group="metrics.k8s.io", version="v1", resource="pods", namespace="a")),
    ]
    for identity, asked in others:
        await guard.admit(identity, asked)
    assert len(reviews.asked) == 1 + len(others)


async def test_a10_a11_a_review_that_fails_is_503_not_kept_and_not_forbidden() -> None:
    reviews = Reviews(error=UnreachableError("down"), tokens={"good": ANN})
    guard = access(reviews)
    first = await refusal(guard, identity=ANN)
    assert (first.code, first.retry_after, first.label) == (503, 1, "review_unavailable")
    assert (await refusal(guard, [("Authorization", "Bearer good")])).code == 503
    reviews.error = None
    await guard.admit(ANN, PODS)
    assert (await guard.who(None, [("Authorization", "Bearer good")])).user == "ann"


async def test_a11_a_review_that_stalls_is_given_up_for_all_who_wait_with_one_call() -> None:
    reviews = Reviews(gate=asyncio.Event())
    guard = access(reviews, review_seconds=0.2)
    waiting = asyncio.gather(*(guard.admit(ANN, PODS) for _ in range(20)), return_exceptions=True)
    await settle()
    assert len(reviews.asked) == 1
    assert {each.code for each in await waiting if isinstance(each, StatusError)} == {503}


async def test_a10_a_token_review_that_is_slow_is_asked_once_and_given_up() -> None:
    reviews = Reviews(gate=asyncio.Event(), tokens={"good": ANN})
    guard = access(reviews, review_seconds=0.2)
    header = [("Authorization", "Bearer good")]
    waiting = asyncio.gather(*(guard.who(None, header) for _ in range(20)), return_exceptions=True)
    await settle()
    assert reviews.tokens_asked == ["good"]
    assert {(each.code, each.retry_after) for each in await waiting if isinstance(each, StatusError)} == {(503, 1)}
    assert reviews.gate is not None
    reviews.gate.set()
    assert (await guard.who(None, header)).user == "ann"


async def test_no_token_is_ever_logged() -> None:
    with capture_logs() as logs:
        await refusal(access(Reviews(error=UnreachableError("down"))), [("Authorization", "Bearer s3cret")])
    assert logs
    assert "s3cret" not in str(logs)
