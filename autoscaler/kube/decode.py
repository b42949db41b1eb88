"""Kubernetes JSON to model objects: only the fields somebody reads, straight into structs, nothing else kept.

Made for tens of thousands of pods: one pass by msgspec, and equal parts (labels, requests, containers) shared between
objects. Whatever breaks the grammar is a MalformedError that says where.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeVar

from msgspec import Raw

from autoscaler.errors import MalformedError
from autoscaler.kube.wire import (
    ConditionWire,
    EndpointsWire,
    NodeStatusWire,
    NodeWire,
    OwnedMetaWire,
    PodSpecWire,
    PodStatusWire,
    PodWire,
    PortWire,
    ResourcesWire,
    ScaleSpecWire,
    ScaleStatusWire,
    ScaleWire,
    decoder,
)
from autoscaler.model.instant import parse_instant
from autoscaler.model.objects import (
    Container,
    InitContainer,
    Labels,
    Milli,
    Node,
    NodeAddress,
    NodeName,
    Owner,
    Pod,
    Ready,
    Resources,
    Scale,
)
from autoscaler.model.quantity import milli

KEPT_ANNOTATIONS = ("metrics.k8s.io/", "hpa-companion.dev/")
"""Prefixes of the annotations somebody reads; the others may be a megabyte each."""

Quantity = str | int | float
_T = TypeVar("_T")

_pod = decoder(PodWire)
_node = decoder(NodeWire)
_scale = decoder(ScaleWire)


def pod(data: bytes | Raw) -> Pod:
    """A v1 Pod."""
    wire = _pod(data)
    meta, spec, status = wire.metadata, wire.spec or PodSpecWire(), wire.status or PodStatusWire()
    return Pod(
        namespace=sys.intern(meta.namespace or ""),
        name=sys.intern(meta.name),  # the cache has both too, and the decoder of its node's pages
        uid=meta.uid or "",
        resource_version=meta.resource_version or "",
        node=NodeName(shared(spec.node_name or "")),
        labels=labels(meta.labels),
        phase=shared(status.phase or ""),
        deleted=meta.deletion_timestamp is not None,
        created=instant(meta.creation_timestamp),
        started=instant(status.start_time),
        ready=_ready(status.conditions or ()),
        containers=_containers(tuple([(each.name, _key(each.resources)) for each in spec.containers or ()])),
        init_containers=tuple(
            [
                _init_container(each.name, _key(each.resources), each.restart_policy == "Always")
                for each in spec.init_containers or ()
            ]
        ),
        pod_requests=None if spec.resources is None else _requests(_key(spec.resources)),
        overhead=_requests(tuple((spec.overhead or {}).items())),
        owner=controller(meta),
    )


def controller(meta: OwnedMetaWire) -> Owner | None:
    """The owner that controls it, one object for all that have the same."""
    for each in meta.owner_references or ():
        if each.controller:
            return _owner(each.api_version, each.kind, each.name, each.uid)
    return None


def node(data: bytes | Raw) -> Node:
    """A v1 Node; without a Ready condition it counts as ready."""
    wire = _node(data)
    meta, status = wire.metadata, wire.status or NodeStatusWire()
    ready = _ready(status.conditions or ())
    endpoint = (status.daemon_endpoints or EndpointsWire()).kubelet_endpoint or PortWire()
    capacity = status.capacity or {}
    return Node(
        name=NodeName(shared(meta.name)),
        uid=meta.uid or "",
        resource_version=meta.resource_version or "",
        labels=labels(meta.labels),
        annotations=kept_annotations(meta.annotations),
        addresses=tuple(NodeAddress(each.type, each.address) for each in status.addresses or ()),
        kubelet_port=endpoint.port,
        ready=ready is None or ready.status == "True",
        capacity={name: amount(capacity[name]) for name in ("cpu", "memory") if name in capacity},
        created=instant(meta.creation_timestamp),
    )


def scale(data: bytes | Raw) -> Scale:
    """An autoscaling/v1 Scale; absent numbers are 0, as in Go."""
    wire = _scale(data)
    meta, status = wire.metadata, wire.status or ScaleStatusWire()
    return Scale(
        namespace=meta.namespace or "",
        name=meta.name,
        uid=meta.uid or "",
        resource_version=meta.resource_version or "",
        replicas=(wire.spec or ScaleSpecWire()).replicas or 0,
        observed=status.replicas or 0,
        selector=status.selector or "",
    )


@lru_cache(maxsize=4_096)
def instant(text: str | None) -> float | None:
    """Seconds since 1970; None for null, absent and the zero time. The pods of a target begin in the same seconds."""
    return parse_instant(text) if text and not text.startswith("0001-") else None


def amount(value: Quantity) -> Milli:
    """A quantity in thousandths; JSON numbers are as good as strings."""
    return milli(value if isinstance(value, str) else str(value))


def placed(field: str, read: Callable[[Quantity], _T], value: Quantity | None) -> _T | None:
    """What was read of the field, None where there is nothing; MalformedError with its name."""
    if value is None:
        return None
    try:
        return read(value)
    except MalformedError as exc:
        raise MalformedError(f"{field}: {exc}") from exc


def labels(found: Mapping[str, str] | None) -> Labels:
    """The labels, one mapping for all objects that have the same."""
    return _labels(tuple(found.items())) if found else _NONE


def kept_annotations(found: Mapping[str, str] | None) -> Labels:
    """Those that somebody reads."""
    return {key: value for key, value in (found or {}).items() if key.startswith(KEPT_ANNOTATIONS)}


_NONE: Labels = {}


def _key(resources: ResourcesWire | None) -> tuple[tuple[str, str | int | float], ...]:
    """Requests as written, to look up what was already made of them."""
    return tuple(resources.requests.items()) if resources is not None and resources.requests else ()


@lru_cache(maxsize=16_384)
def shared(text: str) -> str:
    """The first text that was equal to this one."""
    return text


@lru_cache(maxsize=16_384)
def _labels(items: tuple[tuple[str, str], ...]) -> Labels:
    return {shared(key): shared(value) for key, value in items}


@lru_cache(maxsize=16_384)
def _owner(api_version: str, kind: str, name: str, uid: str) -> Owner:
    return Owner(shared(api_version), shared(kind), name, uid)


@lru_cache(maxsize=4_096)
def _requests(items: tuple[tuple[str, str | int | float], ...]) -> Resources:
    return {shared(name): amount(value) for name, value in items}


@lru_cache(maxsize=4_096)
def _containers(named: tuple[tuple[str, tuple[tuple[str, str | int | float], ...]], ...]) -> tuple[Container, ...]:
    """Pods of a target have the same."""
    return tuple([_container(name, items) for name, items in named])


@lru_cache(maxsize=4_096)
def _container(name: str, items: tuple[tuple[str, str | int | float], ...]) -> Container:
    return Container(name, _requests(items))


@lru_cache(maxsize=4_096)
def _init_container(name: str, items: tuple[tuple[str, str | int | float], ...], sidecar: bool) -> InitContainer:
    return InitContainer(name, _requests(items), sidecar)


def _ready(conditions: list[ConditionWire] | tuple[()]) -> Ready | None:
    for each in conditions:
        if each.type == "Ready":
            return _condition(each.status, each.last_transition_time)
    return None


@lru_cache(maxsize=4_096)
def _condition(status: str, since: str | None) -> Ready:
    return Ready(shared(status), instant(since))
