"""The token of another ServiceAccount, asked for by TokenRequest and renewed: kubelets are shown it instead of ours.

It is renewed when half of its life is over and used to its end while that fails; then there is none. It never gives way
to our own token: who catches it can do what that account may and nothing else.
"""

from __future__ import annotations

import asyncio

import msgspec
import structlog
from msgspec import field

from autoscaler.clock import Clock
from autoscaler.errors import AutoscalerError, ForbiddenError, KubeError, MalformedError, NotFoundError
from autoscaler.kube.client import KubeClient, segment
from autoscaler.kube.wire import Shape, decoder

LIFE_SECONDS = 3600
"""As long as the token of a pod."""
PAUSE_SECONDS = 5.0
"""At least so long between two requests: a fleet of kubelets that refuse is one reason to ask, not a thousand."""
REQUEST_SECONDS = 5.0
"""Less than a scrape may take: it waits for this."""

log = structlog.get_logger(__name__)


class _SpecWire(Shape):
    expiration_seconds: float = field(name="expirationSeconds", default=LIFE_SECONDS)


class _StatusWire(Shape):
    token: str = ""


class _RequestWire(Shape):
    spec: _SpecWire
    status: _StatusWire


_request = decoder(_RequestWire)


class AccountToken:
    """Implements `TokenSource` for the ServiceAccount `namespace`/`name`; KubeError while there is no token."""

    def __init__(self, client: KubeClient, namespace: str, name: str, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._name = f"{namespace}/{name}"
        self._path = f"/api/v1/namespaces/{segment(namespace)}/serviceaccounts/{segment(name)}/token"
        self._token = ""
        self._ends = self._asked_at = self._ask_at = float("-inf")
        self._problem = ""
        self._asking = asyncio.Lock()

    async def token(self, refused: str = "") -> str:
        """The current one; `refused` got a 401 from a kubelet, so a newer one if that can be had."""
        if self._holds() and self._token != refused and (not self._due() or self._asking.locked()):
            return self._token
        async with self._asking:
            paused = self._clock.monotonic() < self._asked_at + PAUSE_SECONDS
            if not paused and (self._due() or self._token == refused):
                await self._ask()
        if self._holds():
            return self._token
        raise KubeError(f"no token of ServiceAccount {self._name}: {self._problem or 'it was not given in time'}")

    def _holds(self) -> bool:
        return self._clock.monotonic() < self._ends

    def _due(self) -> bool:
        return self._clock.monotonic() >= self._ask_at

    async def _ask(self) -> None:
        asked_at = self._asked_at = self._clock.monotonic()
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": LIFE_SECONDS},
        }
        try:
            given = _request(await self._client.post(self._path, msgspec.json.encode(body), within=REQUEST_SECONDS))
            if not given.status.token:
                raise MalformedError("the answer has no token")
        except (KubeError, MalformedError) as exc:
            self._tell(exc)
            return
        self._problem = ""
        self._token = given.status.token
        self._ends, self._ask_at = (asked_at + given.spec.expiration_seconds * share for share in (1.0, 0.5))

    def _tell(self, exc: AutoscalerError) -> None:
        """Once, until it changes."""
        if str(exc) != self._problem:
            self._problem = str(exc)
            log.warning("Cannot renew the token for kubelets", account=self._name, err=self._problem, hint=_hint(exc))


def _hint(exc: AutoscalerError) -> str:
    if isinstance(exc, NotFoundError):
        return "the chart makes this ServiceAccount (kubelet.ownAccount): helm upgrade, or make it"
    if isinstance(exc, ForbiddenError):
        return "create on serviceaccounts/token is needed, by this name (rbac.create of the chart)"
    return "what there is is used to its end; it is tried again"
