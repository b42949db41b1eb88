"""Who asks, and whether they may: front proxy, then bearer token, then anonymous; the API server decides.

Fails closed: a review that could not be had answers 503, is not kept, and no request goes on without a verdict.
Only `system:masters` needs none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from operator import itemgetter
from typing import Protocol, TypeVar

import structlog

from autoscaler.api.cache import ReviewCache
from autoscaler.api.frontproxy import ANONYMOUS, Headers, Peer, TrustSource, asserted, with_authenticated
from autoscaler.api.status import forbidden, review_unavailable, unauthorized
from autoscaler.clock import Clock
from autoscaler.errors import KubeError
from autoscaler.model.identity import Attributes, Identity, Verdict

T = TypeVar("T")

_name = itemgetter(0)

MASTERS = "system:masters"
CACHE_SECONDS = 10.0
REVIEW_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class Reviews(Protocol):
    """TokenReview and SubjectAccessReview; both raise KubeError when the API server gave no answer."""

    async def token(self, token: str) -> Identity | None: ...
    async def access(self, identity: Identity, attributes: Attributes) -> Verdict: ...


class Access:
    """Authentication and authorization of one server."""

    def __init__(
        self, reviews: Reviews, trust: TrustSource, clock: Clock, *, review_seconds: float = REVIEW_SECONDS
    ) -> None:
        self._reviews = reviews
        self._trust = trust
        self._clock = clock
        self._review_seconds = review_seconds
        self._tokens: ReviewCache[Identity | None] = ReviewCache(clock, CACHE_SECONDS)
        self._verdicts: ReviewCache[Verdict] = ReviewCache(clock, CACHE_SECONDS)
        self._told_of_impersonation = False

    async def who(self, peer: Peer | None, headers: Headers) -> Identity:
        """The identity behind a request; `peer` is the certificate TLS verified. Raises StatusError (401, 503)."""
        shown = self._shown(peer, headers)
        return shown if isinstance(shown, Identity) else await self._token_holder(shown)

    def known(self, peer: Peer | None, headers: Headers) -> Identity | None:
        """The same where nobody has to be asked, else None. Raises StatusError (401)."""
        shown = self._shown(peer, headers)
        if isinstance(shown, Identity):
            return shown
        kept = self._tokens.kept(self._tokens.key(shown))
        return None if kept is None else _known(*kept)

    def _shown(self, peer: Peer | None, headers: Headers) -> Identity | str:
        """An identity, or the token that is to be reviewed."""
        self._notice_impersonation(headers)
        trust = self._trust.current()
        if peer is not None and trust is not None:
            identity = asserted(peer, trust, headers, self._clock.now())
            if identity is not None:
                return identity
        token = _bearer(headers)
        return ANONYMOUS if token is None else token

    async def admit(self, identity: Identity, attributes: Attributes) -> None:
        """Return when the identity may; raises StatusError (403, 503)."""
        if MASTERS in identity.groups:
            return
        key = self._verdicts.key(identity, attributes)
        verdict = await self._review(self._verdicts, key, lambda: self._reviews.access(identity, attributes))
        if not verdict.allowed:
            raise forbidden(identity, attributes, verdict.reason)

    def admits(self, identity: Identity, attributes: Attributes) -> bool:
        """Whether it may as far as is known; False is no refusal: ask `admit`."""
        if MASTERS in identity.groups:
            return True
        kept = self._verdicts.kept(self._verdicts.key(identity, attributes))
        return kept is not None and kept[0].allowed

    async def _token_holder(self, token: str) -> Identity:
        key = self._tokens.key(token)
        return _known(await self._review(self._tokens, key, lambda: self._holder(token)))

    async def _holder(self, token: str) -> Identity | None:
        identity = await self._reviews.token(token)
        return None if identity is None else with_authenticated(identity)

    async def _review(self, cache: ReviewCache[T], key: bytes, ask: Callable[[], Awaitable[T]]) -> T:
        async def bounded() -> T:
            async with asyncio.timeout(self._review_seconds):
                return await ask()

        try:
            return await cache.get(key, bounded)
        except (KubeError, TimeoutError) as exc:
            _log.warning("A review could not be had", error=str(exc) or "no answer in time")
            raise review_unavailable() from exc

    def _notice_impersonation(self, headers: Headers) -> None:
        """Impersonation is the API server's business and ignored here; said once, as somebody may wonder."""
        if self._told_of_impersonation or "\nimpersonate-" not in "\n".join(["", *map(_name, headers)]).lower():
            return
        self._told_of_impersonation = True
        _log.warning("Ignored impersonation headers", hint="impersonate through the API server, not directly")


def _known(identity: Identity | None) -> Identity:
    """Whom a reviewed token stands for."""
    if identity is None:
        raise unauthorized()
    return identity


def _bearer(headers: Headers) -> str | None:
    """The bearer token, None when there is none; two Authorization headers are one too many."""
    found = [value for name, value in headers if name.lower() == "authorization"]
    if len(found) > 1:
        raise unauthorized()
    scheme, _, token = found[0].partition(" ") if found else ("", "", "")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        return None
    if not token.isascii() or " " in token:
        raise unauthorized()
    return token
