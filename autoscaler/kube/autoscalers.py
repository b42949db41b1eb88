"""HorizontalPodAutoscalers of all namespaces, to be evaluated beside kube-controller-manager: read, never written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from msgspec import Raw, Struct, field
from msgspec.structs import replace

from autoscaler.clock import Clock
from autoscaler.core.comparison import Theirs
from autoscaler.kube import decode_policy
from autoscaler.kube.changes import Changes
from autoscaler.kube.client import KubeClient
from autoscaler.kube.decode import amount
from autoscaler.kube.watch import STEADY, Pace, Resource, Watch
from autoscaler.kube.wire import decoder
from autoscaler.model.objects import ObjectKey
from autoscaler.model.policy import Mode, Policy
from autoscaler.telemetry import KubeTelemetry

KIND = "HorizontalPodAutoscaler"


class _CurrentWire(Struct, rename="camel"):
    average_utilization: int | None = None
    average_value: str | int | None = None
    value: str | int | None = None


class _SourceWire(Struct):
    current: _CurrentWire = field(default_factory=_CurrentWire)


class _MetricWire(Struct, rename="camel"):
    resource: _SourceWire | None = None
    container_resource: _SourceWire | None = None
    pods: _SourceWire | None = None
    object: _SourceWire | None = None
    external: _SourceWire | None = None


class _StatusWire(Struct, rename="camel"):
    current_metrics: list[_MetricWire] | None = None


class _MetricsWire(Struct):
    status: _StatusWire | None = None


_metrics = decoder(_MetricsWire)


class Observed(decode_policy.Cached, frozen=True):
    """An HPA, and what its status says of its last decision."""

    theirs: Theirs


def observed(data: bytes | Raw) -> Observed:
    """An autoscaling/v2 HorizontalPodAutoscaler; MalformedError."""
    policy = decode_policy.policy(data, KIND)
    status = _metrics(data).status or _StatusWire()
    decided = bool(policy.conditions) and policy.desired >= 0
    return Observed(
        replace(policy, mode=Mode.OBSERVE),
        Theirs(
            desired=policy.desired if decided else None,
            conditions=policy.conditions,
            metrics=tuple(_measured(each) for each in status.current_metrics or ()),
        ),
    )


def _measured(wire: _MetricWire) -> int | None:
    sources = (wire.resource, wire.container_resource, wire.pods, wire.object, wire.external)
    current = next((source.current for source in sources if source is not None), _CurrentWire())
    if current.average_utilization is not None:
        return current.average_utilization
    value = current.average_value if current.average_value is not None else current.value
    return None if value is None else amount(value)


RESOURCE = Resource("horizontalpodautoscalers.autoscaling", "/apis/autoscaling/v2/horizontalpodautoscalers", observed)


class Autoscalers:
    """HPAs by name; `run` keeps them current."""

    def __init__(self, client: KubeClient, *, clock: Clock, telemetry: KubeTelemetry, pace: Pace = STEADY) -> None:
        self._policies: dict[ObjectKey, Policy] = {}
        self._theirs: dict[ObjectKey, Theirs] = {}
        self._changes: Changes[ObjectKey] = Changes()
        self._watch = Watch(client, RESOURCE, self._changed, clock=clock, telemetry=telemetry, pace=pace)

    async def run(self) -> None:
        """Watch, for ever."""
        await self._watch.run()

    def policies(self) -> Mapping[ObjectKey, Policy]:
        """All HPAs, as policies that are observed; a live view."""
        return self._policies

    def theirs(self, key: ObjectKey) -> Theirs | None:
        """What the HPA's status says; None when there is no such HPA."""
        return self._theirs.get(key)

    def policy_changes(self) -> AsyncIterator[ObjectKey]:
        """Names of HPAs that were added or went, or whose spec changed, from this call on."""
        return self._changes.listen()

    def _changed(self, old: Observed | None, new: Observed | None) -> None:
        if new is not None:
            self._policies[new.policy.key], self._theirs[new.policy.key] = new.policy, new.theirs
            if old is None or (old.uid, old.policy.generation) != (new.uid, new.policy.generation):
                self._changes.told(new.policy.key)
        elif old is not None:
            del self._policies[old.policy.key], self._theirs[old.policy.key]
            self._changes.told(old.policy.key)
