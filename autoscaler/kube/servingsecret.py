"""The one Secret that all replicas take the serving certificate from; only who leads writes it, by compare-and-swap.

`tls.crt`, `tls.key` are served, `ca.crt` has every CA that is to be trusted (what a Prometheus verifies us by); the
other keys are the rest of `model.certificate.Keyring`. The Secret is made by whoever installs us, so that we need no
right to create one.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from autoscaler.kube.authority import ends_of, usable
from autoscaler.kube.client import KubeClient, segment
from autoscaler.kube.wire import MetaWire, Shape, decoder
from autoscaler.model.certificate import Keyring, Pair

MAX_BODY = 2 << 20
_SERVING = ("tls.crt", "tls.key", "tls-ca.crt")
_FOLLOWING = ("next-tls.crt", "next-tls.key", "next-tls-ca.crt")
_PREVIOUS = "previous-ca.crt"
_BUNDLE = "ca.crt"


class _SecretWire(Shape):
    metadata: MetaWire
    data: dict[str, str] | None = None


_secret = decoder(_SecretWire)


class Stored(Struct, frozen=True):
    """What the Secret of this version holds."""

    ring: Keyring
    resource_version: str


class ServingSecret:
    """The Secret of this name; raises KubeError or MalformedError. What makes no pair for `names` counts as none."""

    def __init__(self, client: KubeClient, namespace: str, name: str, names: Sequence[str]) -> None:
        self._client = client
        self._path = f"/api/v1/namespaces/{segment(namespace)}/secrets/{segment(name)}"
        self._names = names

    async def read(self) -> Stored:
        """As it stands now."""
        return self._stored(await self._client.get(self._path, limit=MAX_BODY))

    async def write(self, over: Stored, ring: Keyring) -> Stored:
        """Keep `ring` where `over` was read; ConflictError when it is no longer so."""
        data = {name: base64.b64encode(text.encode()).decode() if text else None for name, text in _data(ring).items()}
        body = {"metadata": {"resourceVersion": over.resource_version}, "data": data}
        return self._stored(await self._client.patch(self._path, msgspec.json.encode(body)))

    def _stored(self, body: bytes) -> Stored:
        wire = _secret(body)
        data = {name: _text(value) for name, value in (wire.data or {}).items()}
        previous = data.get(_PREVIOUS, "")
        ring = Keyring(
            serving=self._pair(data, _SERVING),
            following=self._pair(data, _FOLLOWING),
            previous_ca=previous,
            previous_ends=ends_of(previous) if previous else 0.0,
        )
        return Stored(ring, wire.metadata.resource_version or "")

    def _pair(self, data: Mapping[str, str], names: tuple[str, str, str]) -> Pair | None:
        certificate, key, ca = (data.get(name, "") for name in names)
        return usable(certificate, key, ca, self._names) if certificate else None


def _data(ring: Keyring) -> dict[str, str]:
    """Every key, "" for one that is to go."""
    found = {_BUNDLE: ring.bundle, _PREVIOUS: ring.previous_ca}
    for names, pair in ((_SERVING, ring.serving), (_FOLLOWING, ring.following)):
        parts = (pair.certificate, pair.key, pair.ca) if pair else ("", "", "")
        found |= dict(zip(names, parts, strict=True))
    return found


def _text(value: str) -> str:
    """What somebody wrote by hand may be anything."""
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
