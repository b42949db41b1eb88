"""Questions to the API server about somebody else: who holds this token, and may they do that.

A question is repeated a few times while the API server gives no answer; then the KubeError goes to the caller, who must
treat it as a no. Nothing is cached here, and no token is ever logged.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct, field
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from autoscaler.clock import Clock
from autoscaler.errors import UnreachableError
from autoscaler.kube.client import KubeClient
from autoscaler.kube.wire import decoder
from autoscaler.model.identity import Identity, PathAttributes, ResourceAttributes, Verdict

TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"  # noqa: S105 - a path, not a password
ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
ATTEMPTS = 3
ATTEMPT_SECONDS = 3.0
"""Three of them and the pauses between end within the 10 s that a request to us may take."""


class _UserWire(Struct):
    username: str = ""
    uid: str | None = None
    groups: list[str] | None = None
    extra: dict[str, list[str]] | None = None


class _TokenStatusWire(Struct):
    authenticated: bool = False
    user: _UserWire | None = None


class _TokenReviewWire(Struct):
    status: _TokenStatusWire = field(default_factory=_TokenStatusWire)


class _AccessStatusWire(Struct):
    allowed: bool = False
    denied: bool = False
    reason: str | None = None


class _AccessReviewWire(Struct):
    status: _AccessStatusWire = field(default_factory=_AccessStatusWire)


_token_review = decoder(_TokenReviewWire)
_access_review = decoder(_AccessReviewWire)


class Reviews:
    """Raises KubeError when the review could not be had."""

    def __init__(self, client: KubeClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    async def token(self, token: str) -> Identity | None:
        """Who holds the token; None when nobody does."""
        spec = {"token": token}
        status = _token_review(await self._ask(TOKEN_REVIEWS, "TokenReview", "authentication.k8s.io/v1", spec)).status
        if not status.authenticated or status.user is None or not status.user.username:
            return None
        user = status.user
        return Identity(
            user=user.username,
            uid=user.uid or "",
            groups=tuple(user.groups or ()),
            extra={key: tuple(values) for key, values in (user.extra or {}).items()},
        )

    async def access(self, identity: Identity, attributes: ResourceAttributes | PathAttributes) -> Verdict:
        """Whether the API server's authorizers allow it; a denial wins over a permission."""
        spec: dict[str, object] = {
            "user": identity.user,
            "uid": identity.uid,
            "groups": identity.groups,
            "extra": identity.extra,
        }
        if isinstance(attributes, PathAttributes):
            spec["nonResourceAttributes"] = {"path": attributes.path, "verb": attributes.verb}
        else:
            spec["resourceAttributes"] = msgspec.to_builtins(attributes)
        answer = await self._ask(ACCESS_REVIEWS, "SubjectAccessReview", "authorization.k8s.io/v1", spec)
        status = _access_review(answer).status
        return Verdict(allowed=status.allowed and not status.denied, reason=status.reason or "")

    async def _ask(self, path: str, kind: str, api_version: str, spec: object) -> bytes:
        body = msgspec.json.encode({"apiVersion": api_version, "kind": kind, "metadata": {}, "spec": spec})
        retrying = AsyncRetrying(
            sleep=self._clock.sleep,
            wait=wait_random_exponential(multiplier=0.1, max=0.4),
            stop=stop_after_attempt(ATTEMPTS),
            retry=retry_if_exception_type(UnreachableError),
            reraise=True,
        )
        return await retrying(self._client.post, path, body, within=ATTEMPT_SECONDS)
