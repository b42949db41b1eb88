"""A whole cluster on loopback: control plane, nodes with kubelets, and pods that come and go as on a real one."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.e2e import pki
from tests.e2e.controlplane import FAST_HPA, ControlPlane
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import Api, Credentials, Object
from tests.e2e.network import Network, free_network
from tests.e2e.processes import Process

NODES = 3
SAMPLING = "10s"
"""How often a kubelet looks at a container; cAdvisor's own interval."""
STAGES = Path(__file__).with_name("stages.yaml")
TOKEN_SECONDS = 3600


class Cluster:
    """Ready after the constructor; `stop` ends everything. State and logs are in `folder`."""

    def __init__(
        self,
        tools: Path,
        folder: Path,
        *,
        nodes: int = NODES,
        apiserver_flags: Sequence[str] = (),
        hpa_flags: Sequence[str] = FAST_HPA,
        sampling: str = SAMPLING,
    ) -> None:
        self.folder = folder
        self.nodes = nodes
        self._sampling = sampling
        self.tools = tools
        self.network = free_network(nodes)
        self.pki = pki.make(folder / "pki", [self.network.kubelet(number) for number in range(nodes)])
        self.plane = ControlPlane(
            tools, folder, self.pki, self.network.service_range, apiserver_flags=apiserver_flags, hpa_flags=hpa_flags
        )
        self.admin = self.plane.admin
        self._others: list[Process] = []
        try:
            self.plane.start()
            self._start_nodes(nodes)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        for process in self._others:
            process.kill()
        self.plane.stop()

    def kubectl(self, *arguments: str, kubeconfig: Path | None = None) -> str:
        """What it prints; AssertionError with its complaint when it fails."""
        config = kubeconfig or self.plane.kubeconfig("admin")
        return self.tool("kubectl", f"--kubeconfig={config}", *arguments)

    def following_kubectl(self, name: str, *arguments: str) -> Process:
        """One that goes on until it is ended; `name` is that of its log."""
        command = [self.tools / "kubectl", f"--kubeconfig={self.plane.kubeconfig('admin')}", *arguments]
        return Process(name, command, self.folder / f"{name}.log", {"HOME": str(self.folder)})

    def helm(self, *arguments: str) -> str:
        """What it prints; AssertionError with its complaint when it fails."""
        return self.tool("helm", f"--kubeconfig={self.plane.kubeconfig('admin')}", *arguments)

    def traced_kubectl(self, *arguments: str) -> str:
        """What it tells about its requests and their answers."""
        return self._ran("kubectl", f"--kubeconfig={self.plane.kubeconfig('admin')}", "-v=8", *arguments).stderr

    def tool(self, name: str, *arguments: str) -> str:
        """Run one of the tools to its end, with a home of its own."""
        return self._ran(name, *arguments).stdout

    def _ran(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [self.tools / name, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env={"HOME": str(self.folder), "PATH": "/usr/bin:/bin"},
        )
        assert done.returncode == 0, f"{name} {' '.join(arguments)}:\n{done.stderr}{done.stdout}"
        return done

    def token(self, namespace: str, account: str, seconds: int = TOKEN_SECONDS) -> str:
        """A fresh token of a ServiceAccount, by TokenRequest as for a pod."""
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        answer: str = self.admin.post(path, request)["status"]["token"]
        return answer

    def bearer(self, token: str) -> Api:
        """The API server as the bearer of `token` sees it."""
        return Api(self.plane.server, Credentials(self.pki.cluster_ca, token=token))

    def kubelet(self, number: int, credentials: Credentials) -> Api:
        """Node `number`'s kubelet; the credentials' authority is replaced by the kubelets' own."""
        server = f"https://{self.network.kubelet(number)}:{self.network.kubelet_port}"
        mine = Credentials(self.pki.kubelets_ca, credentials.certificate, credentials.key, credentials.token)
        return Api(server, mine)

    def _start_nodes(self, count: int) -> None:
        """Nodes, then what plays them: kwok the pods, `kubelets` their metrics and the binding."""
        for number in range(count):
            self.admin.post("/api/v1/nodes", _node(number, self.network))
        admin = self.plane.kubeconfig("admin")
        self._run(
            "kwok",
            f"--kubeconfig={admin}",
            f"--config={STAGES}",
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
            "--node-lease-duration-seconds=0",
            "--cidr=10.240.0.0/16",
        )
        kubelets = self._run(
            "kubelets",
            f"--kubeconfig={admin}",
            f"--certificate={self.pki.path('kubelet.crt')}",
            f"--key={self.pki.path('kubelet.key')}",
            f"--client-ca={self.pki.cluster_ca}",
            f"--sample-interval={self._sampling}",
        )
        last = self.kubelet(count - 1, self.admin.credentials)

        def answers() -> bool:
            kubelets.must_run()
            try:
                return last.raw("GET", "/metrics/resource")[0] == 200
            except OSError:
                return False

        eventually(30, answers, "the kubelets answer")

    def _run(self, tool: str, *flags: str) -> Process:
        home = {"HOME": str(self.folder)}  # kwok would read ~/.kwok
        process = Process(tool, [self.tools / tool, *flags], self.folder / f"{tool}.log", home)
        self._others.append(process)
        return process


def node_name(number: int) -> str:
    return f"node-{number}"


def _node(number: int, network: Network) -> Object:
    """A POST keeps the status of a Node, so one request makes it Ready."""
    resources = {"cpu": "8", "memory": "32Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": node_name(number),
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {"kubernetes.io/hostname": node_name(number), "kubernetes.io/os": "linux"},
        },
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": network.kubelet(number)},
                {"type": "Hostname", "address": node_name(number)},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": network.kubelet_port}},
            "capacity": resources,
            "allocatable": resources,
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        },
    }
