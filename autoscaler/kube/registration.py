"""Whether the API server sends metrics.k8s.io to us: the APIServices of its versions, read and never written (A33).

Two programs that each write the registration back to themselves would fight for ever; so we say what we see, in a
series and once in the log, and a person decides. What was ours and was turned away while we ran is told by an Event of
the APIService too, every hour while it lasts; what never was ours may be meant so.
"""

from __future__ import annotations

from typing import Protocol

import structlog
from msgspec import Raw, Struct, field

from autoscaler.clock import Clock, ticks
from autoscaler.errors import KubeError, MalformedError, NotFoundError
from autoscaler.kube.client import KubeClient
from autoscaler.kube.wire import decoder
from autoscaler.telemetry import KubeTelemetry

OUR_NAME = "hpa-companion"
APISERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
VERSIONS = ("v1beta1", "v1")
LOOK_SECONDS = 60.0
HINT = "requests do not come to hpa-companion any more; see `autoscaler doctor`"

_log = structlog.get_logger(__name__)


class Alarm(Protocol):
    """Tells people about an APIService; called again and again while it lasts."""

    def warn_of_service(self, name: str, uid: str, reason: str, message: str) -> None: ...


class Registration(Struct, frozen=True):
    """`service` is namespace/name, "" for the API server itself; `unavailable` is why it is not, "" when it is."""

    namespace: str
    service: str
    ours: bool
    unavailable: str
    verified: bool
    uid: str = ""

    @property
    def trouble(self) -> str:
        """Why requests do not come to us, "" when they do."""
        if not self.service:
            return "served by the API server itself"
        where = f"{self.namespace}/{self.service}"
        if not self.ours:
            return f"points at {where}, which is not ours"
        return f"{where} is not available: {self.unavailable}" if self.unavailable else ""


class _Service(Struct, frozen=True):
    namespace: str = ""
    name: str = ""


class _Spec(Struct, frozen=True):
    service: _Service | None = None
    insecure: bool = field(name="insecureSkipTLSVerify", default=False)


class _Condition(Struct, frozen=True):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class _Status(Struct, frozen=True):
    conditions: tuple[_Condition, ...] = ()


class _Meta(Struct, frozen=True):
    labels: dict[str, str] = {}
    uid: str = ""


class _ApiService(Struct, frozen=True):
    metadata: _Meta = _Meta()
    spec: _Spec = _Spec()
    status: _Status = _Status()


_wire = decoder(_ApiService)


def registration(data: bytes | Raw) -> Registration:
    """What an APIService says; known as ours by the chart's labels, under whatever name. MalformedError."""
    wire = _wire(data)
    service, labels = wire.spec.service or _Service(), wire.metadata.labels
    ours = labels.get("app.kubernetes.io/name") == OUR_NAME or labels.get("helm.sh/chart", "").startswith(OUR_NAME)
    available = next((each for each in wire.status.conditions if each.type == "Available"), None)
    why = f"{available.reason}: {available.message}" if available else "kube-aggregator has not looked yet"
    good = available is not None and available.status == "True"
    return Registration(
        service.namespace, service.name, ours, "" if good else why, not wire.spec.insecure, wire.metadata.uid
    )


class Registrations:
    """`run` keeps `autoscaler_apiservice_owned` current; what cannot be read leaves it as it was."""

    def __init__(self, client: KubeClient, clock: Clock, telemetry: KubeTelemetry, alarm: Alarm) -> None:
        self._client = client
        self._alarm = alarm
        self._ours: dict[str, str] = {}
        """The uid of each that was ours when we last looked, or before it was turned away."""
        self._clock = clock
        self._telemetry = telemetry
        self._told: dict[str, str] = {}

    async def run(self) -> None:
        """Look every minute, for ever."""
        async for _ in ticks(self._clock, LOOK_SECONDS, phase=LOOK_SECONDS):
            await self.look()

    async def look(self) -> None:
        """Look once."""
        for version in VERSIONS:
            name, ours = f"{version}.metrics.k8s.io", False
            try:
                found = registration(await self._client.get(f"{APISERVICES}/{name}"))
                trouble, ours = found.trouble, found.ours
                if ours:
                    self._ours[name] = found.uid
            except NotFoundError:
                trouble = "there is none"
            except (KubeError, MalformedError) as exc:
                self._tell(name, f"could not be read: {exc}")
                continue
            self._telemetry.owned.labels(version).set(not trouble)
            self._tell(name, trouble)
            if name in self._ours and not ours:
                self._alarm.warn_of_service(name, self._ours[name], "TurnedAway", f"{trouble}: {HINT}")

    def _tell(self, name: str, trouble: str) -> None:
        """Once, until it changes."""
        before = self._told.get(name, "")
        self._told[name] = trouble
        if trouble and trouble != before:
            _log.warning("The Metrics API does not come to us", apiservice=name, why=trouble, hint="autoscaler doctor")
        elif before and not trouble:
            _log.info("The Metrics API comes to us", apiservice=name)
