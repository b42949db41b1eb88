"""The scale of every Deployment, from a watch: what `deployments/scale` would answer, without asking.

The Scale of an object is a view of it (spec.replicas, status.replicas, its selector, its resourceVersion), so whoever
watches the object has it. It may be behind by what the watch is behind: good to decide from, since a write carries the
resourceVersion and is refused when it was.
"""

from __future__ import annotations

from functools import lru_cache

from msgspec import Raw, Struct, field

from autoscaler.clock import Clock
from autoscaler.core import selectors
from autoscaler.kube import decode
from autoscaler.kube.client import KubeClient
from autoscaler.kube.decode_policy import ExpressionWire, SelectorWire
from autoscaler.kube.watch import STEADY, Pace, Resource, State, Watch
from autoscaler.kube.wire import MetaWire, ScaleStatusWire, decoder
from autoscaler.model.objects import ObjectKey, Scale
from autoscaler.telemetry import KubeTelemetry


class _SpecWire(Struct):
    replicas: int | None = None
    selector: SelectorWire = field(default_factory=SelectorWire)


class _DeploymentWire(Struct):
    metadata: MetaWire
    spec: _SpecWire = field(default_factory=_SpecWire)
    status: ScaleStatusWire | None = None


_deployment = decoder(_DeploymentWire)


def scale(data: bytes | Raw) -> Scale:
    """The Scale of an apps/v1 Deployment; MalformedError."""
    wire = _deployment(data)
    meta, status = wire.metadata, wire.status or ScaleStatusWire()
    return Scale(
        namespace=decode.shared(meta.namespace or ""),
        name=meta.name,
        uid=meta.uid or "",
        resource_version=meta.resource_version or "",
        replicas=wire.spec.replicas or 0,
        observed=status.replicas or 0,
        selector=_text(wire.spec.selector),
    )


def _text(wire: SelectorWire) -> str:
    labels = tuple((wire.match_labels or {}).items())
    return _selector(labels, tuple(map(_term, wire.match_expressions or ())))


def _term(wire: ExpressionWire) -> tuple[str, str, tuple[str, ...]]:
    return wire.key, wire.operator, tuple(wire.values or ())


@lru_cache(maxsize=16_384)
def _selector(labels: tuple[tuple[str, str], ...], terms: tuple[tuple[str, str, tuple[str, ...]], ...]) -> str:
    """Its text form, made once: a Deployment is told anew with every pod that comes or goes."""
    return str(selectors.from_object(dict(labels), terms))


DEPLOYMENTS = Resource("deployments.apps", "/apis/apps/v1/deployments", scale)


class Deployments:
    """`run` keeps it current. Without the right to watch them nothing is known here, and everybody asks."""

    def __init__(self, client: KubeClient, *, clock: Clock, telemetry: KubeTelemetry, pace: Pace = STEADY) -> None:
        self._watch = Watch(client, DEPLOYMENTS, lambda _old, _new: None, clock=clock, telemetry=telemetry, pace=pace)

    async def run(self) -> None:
        """Watch, for ever."""
        await self._watch.run()

    def scale(self, key: ObjectKey) -> Scale | None:
        """As it was last told; None when that is not known, or the watch is not to be relied on at present."""
        if not self._watch.synced or self._watch.state is not State.SYNCED:
            return None
        return self._watch.items.get((key.namespace, key.name))
