"""Where the Metrics API listens and what it shows: given files, a pair of its own, or one that all replicas share."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from autoscaler.api import certificate
from autoscaler.api.server import ApiSettings
from autoscaler.clock import Clock
from autoscaler.config.settings import ServingSettings
from autoscaler.control.reconciler import Gate
from autoscaler.kube.cabundle import CaBundles
from autoscaler.kube.client import KubeClient
from autoscaler.kube.issuing import Issuing
from autoscaler.kube.servingsecret import ServingSecret
from autoscaler.model.certificate import Pair
from autoscaler.telemetry import Health, Verdict


def api_settings(serving: ServingSettings) -> ApiSettings:
    """The options in the words of the API's room."""
    return ApiSettings(
        bind_address=serving.bind_address,
        port=serving.port,
        tls_cert_file=serving.tls_cert_file,
        tls_private_key_file=serving.tls_private_key_file,
        tls_min_version=serving.tls_min_version,
        cert_dir=serving.cert_dir,
    )


class SharedCertificate:
    """The pair of --tls-issue-secret-name, kept in a file of --cert-dir, where a restart finds it.

    `settings` are those of the server. Until a pair was taken something is shown that nobody trusts, and the replica is
    not ready: probes are answered, no request is sent to it. Raises ConfigError: the folder cannot be used.
    """

    def __init__(
        self, serving: ServingSettings, client: KubeClient, *, gate: Gate, health: Health, clock: Clock
    ) -> None:
        service, namespace = serving.issue_service, serving.issue_namespace
        names = (f"{service}.{namespace}.svc", f"{service}.{namespace}", f"{service}.{namespace}.svc.cluster.local")
        self._file = Path(serving.cert_dir) / "issued.pem"
        self._taken = certificate.provisional(self._file, names, clock.now())
        self.settings = replace(
            api_settings(serving), tls_cert_file=str(self._file), tls_private_key_file=str(self._file)
        )
        self.issuing = Issuing(
            ServingSecret(client, namespace, serving.issue_secret, names),
            CaBundles(client, namespace, service),
            names=names,
            lifetime=serving.issue_lifetime,
            overlap=serving.issue_overlap,
            leads=lambda: not gate.refusal(),
            serve=self._serve,
            clock=clock,
        )
        health.add_ready(self._verdict)

    def _serve(self, pair: Pair) -> None:
        """Put it where the server looks every second."""
        certificate.keep(self._file, (pair.certificate + pair.key).encode())
        self._taken = True

    def _verdict(self) -> Verdict:
        return Verdict("serving-certificate", self._taken, self.issuing.problem or "who leads has not made one yet")


def shared_certificate(
    serving: ServingSettings, client: KubeClient, *, gate: Gate, health: Health, clock: Clock
) -> SharedCertificate | None:
    """As --tls-issue-secret-name wants it; None without that."""
    return SharedCertificate(serving, client, gate=gate, health=health, clock=clock) if serving.issue_secret else None
