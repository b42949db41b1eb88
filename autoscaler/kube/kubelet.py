"""Asks kubelets for their pages: on every way there is to a node, with verified TLS, within one deadline.

The addresses of a node are tried in turn until a peer answers, and the one that did is the first next time. A peer that
answers anything is the kubelet: no other address is tried then. Every failure becomes one ScrapeError with a line for
every address that is not dialled and every way that was tried; its reason is that of the way that got furthest, of
equals that of the one tried first.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from autoscaler.clock import Clock
from autoscaler.errors import KubeError, ScrapeError, ScrapeReason
from autoscaler.kube.addresses import AddressRules, Endpoint
from autoscaler.kube.trust import KubeletTrust
from autoscaler.model.metrics import RawPage, Source
from autoscaler.model.objects import Node, NodeName

LONGEST_RETRY = 60.0
DETAIL = 1000
"""Characters of what is told of all the ways that were tried."""

_ACCEPT = {Source.RESOURCE: "text/plain;version=0.0.4", Source.SUMMARY: "application/json"}
_RIGHTS = {Source.RESOURCE: "nodes/metrics", Source.SUMMARY: "nodes/stats"}
_ELSEWHERE = frozenset({
    ScrapeReason.ADDRESS_DENIED, ScrapeReason.DNS, ScrapeReason.CONNECT, ScrapeReason.TIMEOUT, ScrapeReason.TLS,
    ScrapeReason.TLS_EXPIRED, ScrapeReason.TLS_NAME, ScrapeReason.TLS_UNTRUSTED,
})  # fmt: skip
"""Another address may be better: nobody who can be believed was met."""

_REACHED = (
    frozenset({ScrapeReason.NO_ADDRESS}), frozenset({ScrapeReason.DNS}), frozenset({ScrapeReason.ADDRESS_DENIED}),
    frozenset({ScrapeReason.CONNECT}), frozenset({ScrapeReason.TIMEOUT, ScrapeReason.TLS}),
)  # fmt: skip
"""How far a failed way got: to nothing, to a name, to an address, to a connection that fails, to a handshake."""


class TokenSource(Protocol):
    """The current bearer token, "" for none; it is asked before every request, and after a 401 for `refused`.

    KubeError: there should be one and there is none.
    """

    async def token(self, refused: str = "") -> str: ...


class Answer(Struct, frozen=True):
    """A status, the inflated body of a 200, and the Retry-After header as it came ("" = none)."""

    status: int
    body: bytes = b""
    retry_after: str = ""


class Exchange(Protocol):
    """One GET over TLS, capped in every way; ScrapeError when there is no answer."""

    async def ask(
        self, node: str, endpoint: Endpoint, path: str, headers: Mapping[str, str], tls: ssl.SSLContext
    ) -> Answer: ...
    async def close(self) -> None: ...


class _Way(Struct):
    """The ways to one node, and the one to begin with."""

    node: Node
    endpoints: Sequence[Endpoint]
    first: Endpoint


class KubeletClient:
    """Implements `Kubelets`. A node that need not be verified gets the token all the same, as from metrics-server."""

    def __init__(
        self,
        *,
        rules: AddressRules,
        trust: KubeletTrust,
        tokens: TokenSource,
        exchange: Exchange,
        clock: Clock,
        timeout: float = 8.0,
    ) -> None:
        self._rules = rules
        self._trust = trust
        self._tokens = tokens
        self._exchange = exchange
        self._clock = clock
        self._timeout = timeout
        self._ways: dict[NodeName, _Way] = {}

    async def close(self) -> None:
        """Close every connection."""
        await self._exchange.close()

    def forget(self, node: NodeName) -> None:
        """The node is gone, and with it what is known of the ways to it."""
        self._ways.pop(node, None)

    async def page(self, node: Node, source: Source) -> RawPage:
        """The node's page from `source`."""
        way, path = self._way(node), self._rules.path(node, source)
        failures: list[ScrapeError] = []
        try:
            async with asyncio.timeout(self._timeout):
                for endpoint, following in _turns(way, failures):
                    way.first = following  # should the deadline strike now, the next scrape begins there
                    try:
                        page = await self._page(node, endpoint, path, source)
                    except ScrapeError as error:
                        error.address = str(endpoint)
                        if error.reason not in _ELSEWHERE:
                            way.first = endpoint
                            raise
                        failures.append(error.with_traceback(None))  # it leads here: a cycle for each failure
                    else:
                        way.first = endpoint
                        return page
        except TimeoutError as exc:
            late = ScrapeError(node.name, ScrapeReason.TIMEOUT, f"no full answer within {self._timeout:g} s")
            late.address = str(endpoint)
            raise _summed([*self._rules.denied(node), *failures, late]) from exc
        way.first = way.endpoints[0]
        raise _summed([*self._rules.denied(node), *failures])

    def _way(self, node: Node) -> _Way:
        """What is known of the ways to `node`; ScrapeError when there is none."""
        known = self._ways.get(node.name)
        if known is None or known.node is not node:
            endpoints = self._rules.endpoints(node)
            first = endpoints[0] if known is None or known.first not in endpoints else known.first
            known = self._ways[node.name] = _Way(node, endpoints, first)
        return known

    async def _page(self, node: Node, endpoint: Endpoint, path: str, source: Source) -> RawPage:
        """The page of one endpoint."""
        token = await self._token(node)
        asked_ns, answer = await self._asked(node, endpoint, path, source, token)
        if answer.status == 401 and token and (renewed := await self._token(node, token)) != token:
            asked_ns, answer = await self._asked(node, endpoint, path, source, renewed)
        if answer.status != 200:
            raise _refusal(node.name, answer, path, source)
        verified = "" if self._trust.exempt(node) else "node-name" if endpoint.server_name else "address"
        return RawPage(answer.body, source, asked_ns, str(endpoint), verified)

    async def _token(self, node: Node, refused: str = "") -> str:
        """What to show; without it nothing is asked."""
        try:
            return await self._tokens.token(refused)
        except KubeError as exc:
            raise ScrapeError(node.name, ScrapeReason.UNAUTHORIZED, str(exc)) from exc

    async def _asked(self, node: Node, endpoint: Endpoint, path: str, source: Source, token: str) -> tuple[int, Answer]:
        """When it was asked (ns), and the answer."""
        headers = {"Accept": _ACCEPT[source], "Accept-Encoding": "gzip"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        asked_ns = int(self._clock.now() * 1e9)
        return asked_ns, await self._exchange.ask(node.name, endpoint, path, headers, self._trust.context(node))


def _turns(way: _Way, failures: Sequence[ScrapeError]) -> Iterator[tuple[Endpoint, Endpoint]]:
    """The endpoints in the order to be tried, each with the one at another host that follows it.

    Verification by name is tried where verification by address met a certificate with another name, or worked before.
    """
    start = way.endpoints.index(way.first)
    order = [*way.endpoints[start:], *way.endpoints[:start]]
    for index, endpoint in enumerate(order):
        misnamed = bool(failures) and failures[-1].reason is ScrapeReason.TLS_NAME
        if endpoint.server_name and index and not (misnamed and failures[-1].address == str(endpoint)):
            continue
        elsewhere = (each for each in (*order[index + 1 :], *order[:index]) if each.host != endpoint.host)
        yield endpoint, next(elsewhere, endpoint)


def _summed(failures: Sequence[ScrapeError]) -> ScrapeError:
    """The failure of the way that got furthest, with what the others said."""
    furthest = max(failures, key=_distance)  # of equals the first
    detail = furthest.detail
    if len(failures) > 1:
        detail = "; ".join(f"{each.address}: {each.detail}" for each in failures)[:DETAIL]
    return ScrapeError(furthest.node, furthest.reason, detail, address=furthest.address)


def _distance(failure: ScrapeError) -> int:
    return next((far for far, reasons in enumerate(_REACHED) if failure.reason in reasons), len(_REACHED))


def _refusal(node: str, answer: Answer, path: str, source: Source) -> ScrapeError:
    """The error for any status but 200."""
    status = answer.status
    if status == 401:
        return ScrapeError(node, ScrapeReason.UNAUTHORIZED, "the kubelet does not know our credentials (401)")
    if status == 403:
        return ScrapeError(node, ScrapeReason.FORBIDDEN, f"403: our account needs `get` on {_RIGHTS[source]}")
    if status == 404:
        return ScrapeError(node, ScrapeReason.NOT_FOUND, f"404 for {path.partition('?')[0]}")
    if 300 <= status < 400:
        return ScrapeError(node, ScrapeReason.REDIRECT, f"{status}: redirects are not followed")
    return ScrapeError(node, ScrapeReason.STATUS, f"status {status}", retry_after=retry_after(answer.retry_after))


def retry_after(text: str) -> float | None:
    """Seconds of a Retry-After header, at most `LONGEST_RETRY`; None for a date or anything else."""
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        return None
    return min(float(text), LONGEST_RETRY)
