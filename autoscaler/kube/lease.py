"""One Lease of coordination.k8s.io/v1: read it, and write it only over what was read (compare-and-swap)."""

from __future__ import annotations

import msgspec

from autoscaler.errors import NotFoundError
from autoscaler.kube.client import KubeClient, segment
from autoscaler.kube.wire import MetaWire, Shape, decoder
from autoscaler.model.lease import Claim, Lease

API_VERSION, KIND = "coordination.k8s.io/v1", "Lease"
MAX_BODY = 1 << 20
"""Somebody may have annotated it."""


class _SpecWire(Shape):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    lease_transitions: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None


class _LeaseWire(Shape):
    metadata: MetaWire
    spec: _SpecWire | None = None


_lease = decoder(_LeaseWire)


def lease(data: bytes) -> Lease:
    """A Lease, whatever somebody wrote into it; MalformedError when it is none."""
    wire = _lease(data)
    meta, spec = wire.metadata, wire.spec or _SpecWire()
    return Lease(
        claim=Claim(
            holder=spec.holder_identity or "",
            duration=spec.lease_duration_seconds or 0,
            transitions=spec.lease_transitions or 0,
            acquired=spec.acquire_time or "",
            renewed=spec.renew_time or "",
        ),
        uid=meta.uid or "",
        resource_version=meta.resource_version or "",
        labels=meta.labels or {},
        annotations=meta.annotations or {},
    )


class LeaseClient:
    """The Lease of this name; raises KubeError or MalformedError."""

    def __init__(self, client: KubeClient, namespace: str, name: str) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name

    async def read(self) -> Lease | None:
        """As it stands now; None: there is none."""
        try:
            return lease(await self._client.get(self._path(self._name), limit=MAX_BODY))
        except NotFoundError:
            return None

    async def write(self, over: Lease | None, claim: Claim) -> Lease:
        """Put `claim` where `over` was read, None: where nothing was; ConflictError when it is no longer so."""
        body = msgspec.json.encode(self._document(over, claim))
        if over is None:
            return lease(await self._client.post(self._path(), body))
        return lease(await self._client.put(self._path(self._name), body))

    def _document(self, over: Lease | None, claim: Claim) -> dict[str, object]:
        metadata: dict[str, object] = {"name": self._name, "namespace": self._namespace}
        if over is not None:
            metadata |= {
                "uid": over.uid,
                "resourceVersion": over.resource_version,
                "labels": over.labels,
                "annotations": over.annotations,
            }
        spec = {
            "holderIdentity": claim.holder,
            "leaseDurationSeconds": claim.duration,
            "leaseTransitions": claim.transitions,
            "acquireTime": claim.acquired,
            "renewTime": claim.renewed,
        }
        return {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": spec}

    def _path(self, name: str = "") -> str:
        path = f"/apis/{API_VERSION}/namespaces/{segment(self._namespace)}/leases"
        return f"{path}/{segment(name)}" if name else path
