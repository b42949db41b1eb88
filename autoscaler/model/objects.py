"""Kubernetes objects, reduced to the fields somebody reads.

Times are seconds since 1970 (float). Amounts of a resource are `Milli`: thousandths of a core or of a byte, rounded up,
the only unit the HPA computes in (k8s.io/apimachinery `Quantity.MilliValue`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NewType

from msgspec import Struct

NodeName = NewType("NodeName", str)
Milli = NewType("Milli", int)

Labels = Mapping[str, str]
Resources = Mapping[str, Milli]
"""By resource name: `cpu`, `memory`, ..."""


class ObjectKey(Struct, frozen=True, order=True):
    """What names an object of one kind."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class NodeAddress(Struct, frozen=True):
    """`status.addresses[]` of a Node."""

    type: str
    address: str


class Node(Struct, frozen=True, kw_only=True):
    """v1 Node. `kubelet_port` 0 and an absent capacity mean: not told."""

    name: NodeName
    uid: str
    resource_version: str = ""
    labels: Labels = {}
    annotations: Labels = {}
    addresses: tuple[NodeAddress, ...] = ()
    kubelet_port: int = 0
    ready: bool = True
    capacity: Resources = {}
    created: float | None = None


class Container(Struct, frozen=True):
    """One entry of `spec.containers` or `spec.initContainers`; `requests` has only what is set."""

    name: str
    requests: Resources = {}


class InitContainer(Struct, frozen=True):
    """`sidecar` = restartPolicy Always: it keeps running beside the containers (KEP-753)."""

    name: str
    requests: Resources = {}
    sidecar: bool = False


class Owner(Struct, frozen=True, gc=False):
    """The controlling one of `metadata.ownerReferences`."""

    api_version: str
    kind: str
    name: str
    uid: str


class Ready(Struct, frozen=True):
    """The pod's Ready condition: `status` is True, False or Unknown; `since` its lastTransitionTime."""

    status: str
    since: float | None


class Pod(Struct, frozen=True, kw_only=True, gc=False):
    """v1 Pod. `node` is empty until bound; `pod_requests` is `spec.resources.requests` (KEP-2837), None if absent."""

    namespace: str
    name: str
    uid: str = ""
    resource_version: str = ""
    node: NodeName = NodeName("")
    labels: Labels = {}
    phase: str = "Running"
    deleted: bool = False
    created: float | None = None
    started: float | None = None
    ready: Ready | None = None
    containers: tuple[Container, ...] = ()
    init_containers: tuple[InitContainer, ...] = ()
    pod_requests: Resources | None = None
    overhead: Resources = {}
    owner: Owner | None = None

    @property
    def key(self) -> ObjectKey:
        """What names it."""
        return ObjectKey(self.namespace, self.name)


class Scale(Struct, frozen=True, kw_only=True):
    """autoscaling/v1 Scale: `replicas` is spec.replicas, `observed` status.replicas, `selector` the string form."""

    namespace: str
    name: str
    uid: str = ""
    resource_version: str = ""
    replicas: int
    observed: int
    selector: str = ""
