"""Who else scales a target: HorizontalPodAutoscalers, KEDA's ScaledObjects where there are any, and our own policies.

Kept by watches, so that the question costs nothing in steady state. Shadow policies write nothing and claim nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from msgspec import Raw, Struct, field

from autoscaler.clock import Clock
from autoscaler.errors import KubeError, NotFoundError
from autoscaler.kube.changes import Changes
from autoscaler.kube.client import KubeClient
from autoscaler.kube.decode_policy import RefWire
from autoscaler.kube.policies import PolicyCache
from autoscaler.kube.watch import STEADY, Pace, Resource, Watch
from autoscaler.kube.wire import MetaWire, decoder
from autoscaler.model.claim import Claim, Place, place
from autoscaler.model.objects import ObjectKey
from autoscaler.model.policy import Policy, TargetRef
from autoscaler.telemetry import KubeTelemetry

KEDA = "/apis/keda.sh/v1alpha1"
KEDA_LOOK_SECONDS = 60.0
"""How often it is asked whether KEDA has come."""


VERSIONS = {"HorizontalPodAutoscaler": "autoscaling/v2", "ScaledObject": "keda.sh/v1alpha1"}


class Alarm(Protocol):
    """Tells the owner of an object what it suffers from; may be called again while it lasts."""

    def warn_of_rival(self, regarding: Mapping[str, str], message: str) -> None: ...


class Claimant(Struct, frozen=True):
    """An object that scales something, reduced to that."""

    claim: Claim
    place: Place
    uid: str
    resource_version: str


class _SpecWire(Struct, rename="camel"):
    scale_target_ref: RefWire = field(default_factory=RefWire)


class _ClaimantWire(Struct):
    metadata: MetaWire
    spec: _SpecWire = field(default_factory=_SpecWire)


_claimant = decoder(_ClaimantWire)


def autoscaler(data: bytes | Raw) -> Claimant:
    """An autoscaling/v2 HorizontalPodAutoscaler; MalformedError."""
    return _read(data, "HorizontalPodAutoscaler", TargetRef("", "", ""))


def scaled_object(data: bytes | Raw) -> Claimant:
    """A keda.sh ScaledObject, whose target is a Deployment unless it says otherwise; MalformedError."""
    return _read(data, "ScaledObject", TargetRef("apps/v1", "Deployment", ""))


def _read(data: bytes | Raw, kind: str, default: TargetRef) -> Claimant:
    wire = _claimant(data)
    meta, ref = wire.metadata, wire.spec.scale_target_ref
    target = TargetRef(ref.api_version or default.api_version, ref.kind or default.kind, ref.name)
    namespace = meta.namespace or ""
    return Claimant(
        Claim(kind, namespace, meta.name), place(namespace, target), meta.uid or "", meta.resource_version or ""
    )


AUTOSCALERS = Resource(
    "horizontalpodautoscalers.autoscaling", "/apis/autoscaling/v2/horizontalpodautoscalers", autoscaler
)
SCALED_OBJECTS = Resource("scaledobjects.keda.sh", f"{KEDA}/scaledobjects", scaled_object)


class Claims:
    """`run` keeps it current; until it has seen all HPAs once, `unseen` says that nobody knows."""

    def __init__(
        self,
        client: KubeClient,
        policies: PolicyCache,
        alarm: Alarm,
        *,
        clock: Clock,
        telemetry: KubeTelemetry,
        pace: Pace = STEADY,
    ) -> None:
        self._client = client
        self._policies = policies
        self._clock = clock
        self._alarm = alarm
        self._by_place: dict[Place, dict[Claim, Claimant]] = {}
        self._changes: Changes[ObjectKey] = Changes()
        self._autoscalers = Watch(client, AUTOSCALERS, self._changed, clock=clock, telemetry=telemetry, pace=pace)
        self._scaled = Watch(client, SCALED_OBJECTS, self._changed, clock=clock, telemetry=telemetry, pace=pace)

    async def run(self) -> None:
        """Watch, for ever; ScaledObjects from when the API server knows them."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._autoscalers.run(), name="watch HPAs")
            group.create_task(self._watch_scaled(), name="watch ScaledObjects")

    @property
    def unseen(self) -> str:
        """Why it is not known who else scales a target, "" when it is."""
        if self._autoscalers.synced:
            return ""
        return self._autoscalers.problem or "the HorizontalPodAutoscalers are being listed"

    def others(self, policy: Policy) -> Sequence[str]:
        """Everybody but the policy itself that scales its target: `HorizontalPodAutoscaler shop/web`."""
        where = place(policy.namespace, policy.target)
        found = self._by_place.get(where, {}).keys() | self._policies.claiming(where)
        return [str(each) for each in sorted(found - {Claim(policy.kind, policy.namespace, policy.name)})]

    def warn(self, policy: Policy) -> None:
        """Tell the owners of the HPAs and ScaledObjects that scale its target, on their own objects."""
        target, ours = f"{policy.target.kind} {policy.target.name}", f"{policy.kind} {policy.key}"
        message = f"{target} is scaled by {ours} too, which writes nothing while this is so: delete one of them"
        for claim, found in self._by_place.get(place(policy.namespace, policy.target), {}).items():
            regarding = {
                "apiVersion": VERSIONS[claim.kind],
                "kind": claim.kind,
                "namespace": claim.namespace,
                "name": claim.name,
                "uid": found.uid,
                "resourceVersion": found.resource_version,
            }
            self._alarm.warn_of_rival(regarding, message)

    def changes(self) -> AsyncIterator[ObjectKey]:
        """Our policies whose target somebody began or ceased to scale, from this call on."""
        return self._changes.listen()

    async def _watch_scaled(self) -> None:
        while not await self._keda():
            await self._clock.sleep(KEDA_LOOK_SECONDS)
        await self._scaled.run()

    async def _keda(self) -> bool:
        """Whether somebody serves its API; unknown counts as no, and is asked again."""
        try:
            await self._client.get(KEDA)
        except (NotFoundError, KubeError):
            return False
        return True

    def _changed(self, old: Claimant | None, new: Claimant | None) -> None:
        if old is not None:
            claims = self._by_place[old.place]
            del claims[old.claim]
            if not claims:
                del self._by_place[old.place]
        if new is not None:
            self._by_place.setdefault(new.place, {})[new.claim] = new
        if old is None or new is None or old.place != new.place:
            for each in (old, new):
                for ours in self._policies.claiming(each.place) if each else ():
                    self._changes.told(ObjectKey(ours.namespace, ours.name))
