"""All keys and certificates of one cluster, in one folder, under the names its components are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.certificates import Authority

FRONT_PROXY = "front-proxy-client"
MANAGER = "system:kube-controller-manager"  # the name that the built-in roles know


@dataclass(frozen=True)
class Pki:
    """`path("admin.key")`. Three authorities, as in a real cluster: its own, the front proxy's, the kubelets'."""

    folder: Path
    kubelets: Authority

    def path(self, name: str) -> Path:
        return self.folder / name

    @property
    def cluster_ca(self) -> Path:
        return self.path("cluster-ca.crt")

    @property
    def kubelets_ca(self) -> Path:
        return self.path("kubelets-ca.crt")


def make(folder: Path, kubelet_addresses: Sequence[str]) -> Pki:
    """Everything anew; kubelets share one certificate with all their addresses, as they are checked against those."""
    folder.mkdir()
    cluster, proxy, kubelets = Authority("cluster"), Authority("front-proxy"), Authority("kubelets")
    for authority in (cluster, proxy, kubelets):
        authority.write(folder)
    cluster.issue(
        "kube-apiserver", sans=["127.0.0.1", "localhost", "kubernetes.default.svc", "kubernetes.default"]
    ).write(folder)
    cluster.issue("admin", server=False, client=True, organizations=["system:masters"]).write(folder)
    cluster.issue(MANAGER, sans=["127.0.0.1"], client=True).write(folder)
    cluster.issue("service-accounts").write(folder)
    proxy.issue(FRONT_PROXY, server=False, client=True).write(folder)
    kubelets.issue("kubelet", sans=kubelet_addresses).write(folder)
    return Pki(folder, kubelets)
