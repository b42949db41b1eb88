"""Shapes of Kubernetes JSON, reduced to what is read; absent and null are the same, as in Go.

msgspec passes over everything that is not named here without building it: managed fields and annotations of a megabyte
cost nothing but the reading.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct, field

from autoscaler.errors import MalformedError
from autoscaler.kube.answers import Status

Wire = TypeVar("Wire")

Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
"""As the API server has it: what is larger is refused there, too."""

Amounts = dict[str, str | int | float]
"""Quantities by resource name."""


class Shape(Struct, rename="camel", gc=False):
    """What all have in common; nothing refers back, so the garbage collector need not look at them."""


class MetaWire(Shape):
    """`metadata`."""

    name: str = ""
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    generation: int | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class OwnerWire(Shape):
    """One of `metadata.ownerReferences`."""

    uid: str = ""
    api_version: str = ""
    kind: str = ""
    name: str = ""
    controller: bool | None = None


class OwnedMetaWire(MetaWire):
    """`metadata` of what has owners."""

    owner_references: list[OwnerWire] | None = None


class ConditionWire(Shape):
    """One of `status.conditions`."""

    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None
    last_transition_time: str | None = None


class ResourcesWire(Shape):
    """`resources`."""

    requests: Amounts | None = None


class ContainerWire(Shape):
    """One container."""

    name: str = ""
    resources: ResourcesWire | None = None
    restart_policy: str | None = None


class PodSpecWire(Shape):
    """`spec` of a pod."""

    node_name: str | None = None
    containers: list[ContainerWire] | None = None
    init_containers: list[ContainerWire] | None = None
    resources: ResourcesWire | None = None
    overhead: Amounts | None = None


class PodStatusWire(Shape):
    """`status` of a pod."""

    phase: str | None = None
    start_time: str | None = None
    conditions: list[ConditionWire] | None = None


class PodWire(Shape):
    """v1 Pod."""

    metadata: OwnedMetaWire
    spec: PodSpecWire | None = None
    status: PodStatusWire | None = None


class OwnedWire(Shape):
    """Any object, as far as its owners."""

    metadata: OwnedMetaWire


class AddressWire(Shape):
    """One of a node's addresses."""

    type: str = ""
    address: str = ""


class PortWire(Shape, rename="pascal"):
    """`kubeletEndpoint`: its only field starts with a capital."""

    port: int = 0


class EndpointsWire(Shape):
    """`daemonEndpoints`."""

    kubelet_endpoint: PortWire | None = None


class NodeStatusWire(Shape):
    """`status` of a node."""

    addresses: list[AddressWire] | None = None
    capacity: Amounts | None = None
    conditions: list[ConditionWire] | None = None
    daemon_endpoints: EndpointsWire | None = None


class NodeWire(Shape):
    """v1 Node."""

    metadata: MetaWire
    status: NodeStatusWire | None = None


class ScaleSpecWire(Shape):
    """`spec` of a Scale."""

    replicas: Int32 | None = None


class ScaleStatusWire(Shape):
    """`status` of a Scale."""

    replicas: Int32 | None = None
    selector: str | None = None


class ScaleWire(Shape):
    """autoscaling/v1 Scale."""

    metadata: MetaWire
    spec: ScaleSpecWire | None = None
    status: ScaleStatusWire | None = None


class ListMetaWire(Shape, rename={"resource_version": "resourceVersion", "more": "continue"}):
    """`metadata` of a list."""

    resource_version: str | None = None
    more: str | None = None


class PageWire(Shape):
    """A list or a page of one; the items are read one by one, so that a broken one does not hide the others."""

    metadata: ListMetaWire = field(default_factory=ListMetaWire)
    items: list[Raw] | None = None


class EventWire(Shape):
    """A line of a watch."""

    type: str
    object: Raw


class NamedWire(Shape):
    """Any object, as far as its name and version."""

    metadata: MetaWire = field(default_factory=MetaWire)


def decoder(wire: type[Wire]) -> Callable[[bytes | Raw], Wire]:
    """A function from JSON to `wire`; MalformedError says at which path the JSON does not fit."""
    decode = msgspec.json.Decoder(wire).decode

    def read(data: bytes | Raw) -> Wire:
        try:
            return decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise MalformedError(str(exc)) from exc

    return read


page = decoder(PageWire)
event = decoder(EventWire)
named = decoder(NamedWire)
status = decoder(Status)
