"""The CA by which the API server verifies us: `caBundle` of the APIServices, and nothing else of them.

Only those that send requests to our own Service are written: a registration that somebody turned elsewhere is left
alone (A33).
"""

from __future__ import annotations

import base64

import msgspec
from msgspec import Struct, field

from autoscaler.errors import NotFoundError
from autoscaler.kube.client import KubeClient
from autoscaler.kube.registration import APISERVICES, VERSIONS
from autoscaler.kube.wire import MetaWire, Shape, decoder


class _Service(Struct, frozen=True):
    namespace: str = ""
    name: str = ""


class _SpecWire(Struct, frozen=True):
    service: _Service | None = None
    bundle: str = field(name="caBundle", default="")


class _ApiServiceWire(Shape):
    metadata: MetaWire
    spec: _SpecWire = _SpecWire()


_wire = decoder(_ApiServiceWire)


class CaBundles:
    """Of the APIServices that name the Service `name` in `namespace`; raises KubeError or MalformedError."""

    def __init__(self, client: KubeClient, namespace: str, name: str) -> None:
        self._client = client
        self._service = _Service(namespace, name)

    async def keep(self, pem: str) -> bool:
        """Have all of ours trust these CAs; True when they did already, as it was read."""
        wanted, found = base64.b64encode(pem.encode()).decode(), True
        for version in VERSIONS:
            path = f"{APISERVICES}/{version}.metrics.k8s.io"
            try:
                wire = _wire(await self._client.get(path))
            except NotFoundError:
                continue
            if wire.spec.service != self._service or wire.spec.bundle == wanted:
                continue
            found = False
            change = {"metadata": {"resourceVersion": wire.metadata.resource_version}, "spec": {"caBundle": wanted}}
            await self._client.patch(path, msgspec.json.encode(change))
        return found
