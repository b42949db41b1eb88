"""Whom kube-aggregator's requests are to be believed by: ConfigMap kube-system/extension-apiserver-authentication.

Watched, so that a rotated CA takes effect at once. A broken or missing ConfigMap leaves the last good trust in place,
and `problem` says what is wrong; before the first good one there is none, and nobody is believed (docs/faults.md A06).
"""

from __future__ import annotations

import msgspec
import structlog
from cryptography import x509
from msgspec import Raw, Struct, structs

from autoscaler.clock import Clock
from autoscaler.errors import MalformedError
from autoscaler.kube.client import KubeClient
from autoscaler.kube.watch import STEADY, Pace, Resource, Watch
from autoscaler.kube.wire import MetaWire, decoder
from autoscaler.model.identity import FrontProxyTrust
from autoscaler.telemetry import KubeTelemetry

log = structlog.get_logger(__name__)

NAMESPACE, NAME = "kube-system", "extension-apiserver-authentication"
CA = "requestheader-client-ca-file"


class ConfigMap(Struct, frozen=True):
    """A ConfigMap's texts."""

    uid: str
    resource_version: str
    data: dict[str, str]


class _ConfigMapWire(Struct):
    metadata: MetaWire
    data: dict[str, str] | None = None


_wire = decoder(_ConfigMapWire)


def config_map(data: bytes | Raw) -> ConfigMap:
    """A v1 ConfigMap; MalformedError."""
    wire = _wire(data)
    return ConfigMap(wire.metadata.uid or "", wire.metadata.resource_version or "", wire.data or {})


RESOURCE = Resource(
    "configmaps",
    f"/api/v1/namespaces/{NAMESPACE}/configmaps",
    config_map,
    params=(("fieldSelector", f"metadata.name={NAME}"),),
    permit=f"bind Role extension-apiserver-authentication-reader of {NAMESPACE} to our ServiceAccount",
)


class AuthenticationConfig:
    """`run` keeps it current."""

    def __init__(self, client: KubeClient, *, clock: Clock, telemetry: KubeTelemetry, pace: Pace = STEADY) -> None:
        self._trust: FrontProxyTrust | None = None
        self._fault = ""
        self._watch = Watch(client, RESOURCE, self._changed, clock=clock, telemetry=telemetry, pace=pace)

    async def run(self) -> None:
        """Watch, for ever."""
        await self._watch.run()

    async def wait_synced(self) -> None:
        """Return once it was looked for; it may not have been there."""
        await self._watch.wait_synced()

    def current(self) -> FrontProxyTrust | None:
        """Whom to believe now; None: nobody."""
        return self._trust

    @property
    def problem(self) -> str:
        """What is wrong now and what helps, "" when nothing is."""
        if self._watch.problem:
            return self._watch.problem
        if self._watch.synced and not self._watch.items:
            return f"ConfigMap {NAMESPACE}/{NAME} does not exist: the API server writes it, is it an old one?"
        return self._fault

    def _changed(self, _old: ConfigMap | None, new: ConfigMap | None) -> None:
        if new is None:
            log.warning("Kept the trust of a ConfigMap that is gone", config_map=f"{NAMESPACE}/{NAME}")
            return
        try:
            found = trust(new)
        except MalformedError as exc:
            self._fault = f"ConfigMap {NAMESPACE}/{NAME}: {exc}"
            log.warning("Kept the trust from before", err=self._fault)
            return
        self._fault = ""
        before = self._trust
        if before is None or structs.replace(found, generation=before.generation) != before:
            self._trust = structs.replace(found, generation=0 if before is None else before.generation + 1)
            log.info("Front proxy trust changed", generation=self._trust.generation, names=found.allowed_names)


def trust(found: ConfigMap) -> FrontProxyTrust:
    """What the ConfigMap says; MalformedError when it has no usable CA, or a list is none."""
    pem = found.data.get(CA, "")
    try:
        x509.load_pem_x509_certificates(pem.encode())
    except ValueError as exc:
        raise MalformedError(f"key {CA} holds no PEM certificates; is kube-apiserver started with --{CA}?") from exc
    return FrontProxyTrust(
        ca_pem=pem,
        allowed_names=_names(found, "requestheader-allowed-names"),
        username_headers=_names(found, "requestheader-username-headers"),
        group_headers=_names(found, "requestheader-group-headers"),
        extra_prefixes=_names(found, "requestheader-extra-headers-prefix"),
        uid_headers=_names(found, "requestheader-uid-headers"),
    )


def _names(found: ConfigMap, key: str) -> tuple[str, ...]:
    """A JSON list of strings; an absent key is an empty list."""
    text = found.data.get(key, "")
    try:
        return tuple(msgspec.json.decode(text, type=list[str])) if text.strip() else ()
    except msgspec.DecodeError as exc:
        raise MalformedError(f"key {key} is no JSON list of strings") from exc
