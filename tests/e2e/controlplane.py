"""etcd, kube-apiserver and kube-controller-manager as three processes on loopback."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import Api, Credentials
from tests.e2e.pki import FRONT_PROXY, MANAGER, Pki
from tests.e2e.processes import Process, free_port

ISSUER = "https://kubernetes.default.svc"
START = 60.0
"""Seconds a component may take to answer; 3 to 5 are usual."""

CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "root-ca-certificate-publisher-controller",
    "horizontal-pod-autoscaler-controller",
    "endpointslice-controller",
    "disruption-controller",
    "resourcequota-controller",
    "clusterrole-aggregation-controller",
)
FAST_HPA = (
    "--horizontal-pod-autoscaler-sync-period=2s",
    "--horizontal-pod-autoscaler-initial-readiness-delay=0s",
    "--horizontal-pod-autoscaler-cpu-initialization-period=0s",
    "--horizontal-pod-autoscaler-downscale-stabilization=5s",
)


class ControlPlane:
    """Started by `start`, ended by `stop`; the API server alone can be stopped and started in between."""

    def __init__(
        self,
        tools: Path,
        folder: Path,
        pki: Pki,
        service_range: str,
        *,
        apiserver_flags: Sequence[str] = (),
        hpa_flags: Sequence[str] = FAST_HPA,
    ) -> None:
        self._tools, self._folder, self._pki = tools, folder, pki
        self._service_range = service_range
        self._extra, self._hpa = apiserver_flags, hpa_flags
        self._etcd_port, self.port, self._manager_port = free_port(), free_port(), free_port()
        self.server = f"https://127.0.0.1:{self.port}"
        self.admin = Api(self.server, Credentials(pki.cluster_ca, pki.path("admin.crt"), pki.path("admin.key")))
        self._etcd: Process | None = None
        self.apiserver: Process | None = None
        self._manager: Process | None = None

    def start(self) -> None:
        """All three, ready when it returns."""
        self._etcd = self._run("etcd", self._etcd_flags())
        self.start_apiserver()
        self._manager = manager = self._run("kube-controller-manager", self._manager_flags())
        health = Api(f"https://127.0.0.1:{self._manager_port}", self.admin.credentials)

        def healthy() -> bool:
            manager.must_run()
            try:
                return health.raw("GET", "/healthz")[0] == 200
            except OSError:
                return False

        eventually(START, healthy, "kube-controller-manager is healthy")

    def start_apiserver(self) -> None:
        """On the same etcd and port as before; ready when it returns."""
        self.apiserver = apiserver = self._run("kube-apiserver", self._apiserver_flags())

        def ready() -> bool:
            apiserver.must_run()
            return self.admin.ready()

        eventually(START, ready, "kube-apiserver is ready")

    def stop_apiserver(self) -> None:
        """As if its machine had lost power: no goodbye to open connections."""
        assert self.apiserver is not None
        self.apiserver.kill()

    def stop(self) -> None:
        """All of it; nothing is kept, so nobody is asked to end in order."""
        for process in (self._manager, self.apiserver, self._etcd):
            if process is not None:
                process.kill()

    def kubeconfig(self, name: str, *, token: str = "", port: int | None = None) -> Path:
        """A file for the user whose certificate is `<name>.crt`, or for the bearer of `token`.

        `port` is where the API server is to be dialled, when that is not its own.
        """
        pki = self._pki
        user = (
            {"token": token}
            if token
            else {"client-certificate": str(pki.path(f"{name}.crt")), "client-key": str(pki.path(f"{name}.key"))}
        )
        path = self._folder / f"{name}.kubeconfig"
        server = f"https://127.0.0.1:{port or self.port}"
        cluster = {"server": server, "certificate-authority": str(pki.cluster_ca)}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "e2e", "cluster": cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": name}}],
            "current-context": "e2e",
        }
        path.write_text(json.dumps(document))
        path.chmod(0o600)
        return path

    def _run(self, tool: str, flags: Sequence[str]) -> Process:
        return Process(tool, [self._tools / tool, *flags], self._folder / f"{tool}.log")

    def _etcd_flags(self) -> list[str]:
        client = f"http://127.0.0.1:{self._etcd_port}"
        return [
            f"--data-dir={self._folder / 'etcd'}",
            "--unsafe-no-fsync",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            "--listen-peer-urls=http://127.0.0.1:0",
            "--initial-advertise-peer-urls=http://127.0.0.1:2380",
            "--initial-cluster=default=http://127.0.0.1:2380",
            "--log-level=warn",
        ]

    def _apiserver_flags(self) -> list[str]:
        pki = self._pki
        return [
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.port}",
            # An address and no reconciler: else it looks for a default route and writes Endpoints on loopback.
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--service-cluster-ip-range={self._service_range}",
            "--authorization-mode=RBAC",
            f"--client-ca-file={pki.cluster_ca}",
            f"--tls-cert-file={pki.path('kube-apiserver.crt')}",
            f"--tls-private-key-file={pki.path('kube-apiserver.key')}",
            f"--service-account-key-file={pki.path('service-accounts.crt')}",
            f"--service-account-signing-key-file={pki.path('service-accounts.key')}",
            f"--service-account-issuer={ISSUER}",
            f"--api-audiences={ISSUER}",
            f"--requestheader-client-ca-file={pki.path('front-proxy-ca.crt')}",
            f"--requestheader-allowed-names={FRONT_PROXY}",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            f"--proxy-client-cert-file={pki.path(f'{FRONT_PROXY}.crt')}",
            f"--proxy-client-key-file={pki.path(f'{FRONT_PROXY}.key')}",
            "--shutdown-delay-duration=0s",
            "--profiling=false",
            *self._extra,
        ]

    def _manager_flags(self) -> list[str]:
        config = self.kubeconfig(MANAGER)
        return [
            f"--kubeconfig={config}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._manager_port}",
            f"--tls-cert-file={self._pki.path(f'{MANAGER}.crt')}",
            f"--tls-private-key-file={self._pki.path(f'{MANAGER}.key')}",
            "--leader-elect=false",
            "--use-service-account-credentials=true",
            f"--service-account-private-key-file={self._pki.path('service-accounts.key')}",
            f"--root-ca-file={self._pki.cluster_ca}",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
            f"--controllers={','.join(CONTROLLERS)}",
            *self._hpa,
        ]
