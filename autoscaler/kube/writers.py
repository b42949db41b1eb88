"""Who set the number of replicas of a target last, as its managed fields tell."""

from __future__ import annotations

from msgspec import Struct, field

from autoscaler.clock import Clock
from autoscaler.errors import KubeError, MalformedError
from autoscaler.kube.client import KubeClient, segment
from autoscaler.kube.discovery import Discovery, group_of
from autoscaler.kube.wire import Shape, decoder
from autoscaler.model.policy import TargetRef


class _ReplicasWire(Struct):
    replicas: dict[str, object] | None = field(default=None, name="f:replicas")


class _FieldsWire(Struct):
    spec: _ReplicasWire | None = field(default=None, name="f:spec")


class _ManagerWire(Shape):
    manager: str = ""
    operation: str = ""
    time: str = ""
    fields: _FieldsWire | None = field(default=None, name="fieldsV1")


class _ManagedWire(Shape):
    managed_fields: list[_ManagerWire] | None = None


class _ObjectWire(Struct):
    metadata: _ManagedWire


_object = decoder(_ObjectWire)


class Writers:
    """Asked only when somebody keeps changing what we wrote: it reads the whole object."""

    def __init__(self, client: KubeClient, clock: Clock) -> None:
        self._client = client
        self._discovery = Discovery(client, clock)

    async def of_replicas(self, namespace: str, target: TargetRef) -> str:
        """`argocd-controller (Apply)`; "" when it does not say, or we may not look."""
        try:
            [place, *_] = await self._discovery.scalable(group_of(target.api_version), target.kind)
            path = f"{place.prefix}/namespaces/{segment(namespace)}/{place.plural}/{segment(target.name)}"
            managers = _object(await self._client.get(path)).metadata.managed_fields or ()
        except (KubeError, MalformedError):
            return ""
        owning = [each for each in managers if _owns_replicas(each)]
        if not owning:
            return ""
        last = max(owning, key=lambda each: each.time)
        return f"{last.manager} ({last.operation})"


def _owns_replicas(entry: _ManagerWire) -> bool:
    spec = entry.fields.spec if entry.fields else None
    return spec is not None and spec.replicas is not None
