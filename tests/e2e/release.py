"""The chart installed by the real Helm, and its container run here: the rendered arguments, files and account."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.certificates import Authority
from tests.e2e.chart import CHART
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import Api, Credentials, Object
from tests.e2e.network import SERVICE_PORT
from tests.e2e.processes import Process

NAME = "hpa-companion"
START = 60.0
VERSIONS = ("v1beta1", "v1")
MONITOR = "prometheus"
SECRET, KUBELET_CA = "serving-certificate", "kubelet-ca"

Values = dict[str, Any]


class Release:
    """Installed after the constructor; `start` runs the program, as often as a test likes.

    `port` is where the program dials the API server, when that is not the API server's own. Without `install` somebody
    else is to install it, with these `values`, into this `namespace`.
    """

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        values: Values | None = None,
        *,
        port: int | None = None,
        namespace: str = f"{NAME}-system",
        install: bool = True,
    ) -> None:
        self.cluster = cluster
        self._port = port
        self.namespace = namespace
        self._folder = folder
        self._authority = Authority("serving")
        self._authority.write(folder)
        self._prepare()
        self.values = _merged(self._usual_values(), values or {})
        if install:
            self.helm("install", "--wait", "--timeout=60s")
        self._program: Process | None = None

    @property
    def program(self) -> Process:
        assert self._program is not None, "the program was not started"
        return self._program

    @property
    def spool(self) -> Path:
        """Where the running program keeps its records."""
        return self._folder / "volumes" / "state" / "spool"

    @property
    def another_spool(self) -> Path:
        """The same of the one beside it."""
        return self._folder / "another-spool"

    def helm(self, verb: str, *flags: str, chart: Path = CHART) -> str:
        """`install` or `upgrade` with the current values."""
        file = self._folder / "values.json"
        file.write_text(json.dumps(self.values))
        return self.cluster.helm(verb, NAME, str(chart), f"--namespace={self.namespace}", f"--values={file}", *flags)

    def roll_back(self) -> None:
        """To the revision before the current one."""
        self.cluster.helm("rollback", NAME, f"--namespace={self.namespace}")

    def uninstall(self) -> None:
        """Returns when Helm says that all of it is gone."""
        self.cluster.helm("uninstall", NAME, f"--namespace={self.namespace}", "--wait", "--timeout=60s")

    def start(self, *flags: str) -> Process:
        """Run the container's command; returns at once."""
        self._program = self._run(NAME, "program.log", *flags)
        return self._program

    def start_another(self, port: int, *flags: str) -> Process:
        """Run it once more beside the first one, on this port of 127.0.0.1, with a spool of its own."""
        place = [f"--audit-spool-dir={self.another_spool}", "--bind-address=127.0.0.1"]
        return self._run("another", "another.log", *place, f"--secure-port={port}", *flags)

    def completed(self, pod: Object, *flags: str) -> subprocess.CompletedProcess[str]:
        """Run the one container of a pod to its end, by the pod's account: what a kubelet would do with it."""
        spec, name = pod["spec"], pod["metadata"]["name"]
        [container] = spec["containers"]
        places = self._volumes(spec, container, self._folder / name)
        token = self.cluster.token(self.namespace, spec["serviceAccountName"])
        config = self.cluster.plane.kubeconfig(name, token=token, port=self._port)
        arguments = [_moved(argument, places) for argument in container["args"]]
        command = [sys.executable, "-m", "autoscaler", *arguments, f"--kubeconfig={config}", *flags]
        environment = {**os.environ, **_variables(container, places)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    def examined(self) -> subprocess.CompletedProcess[str]:
        """What `doctor` says of the running program's pod, with its flags, files, rights and tokens."""
        pod = self._deployment()["spec"]["template"]
        [container] = pod["spec"]["containers"]
        container["args"][0] = "doctor"
        return self.completed(pod | {"metadata": {"name": "doctor"}}, "--output=json")

    def _run(self, name: str, log: str, *flags: str) -> Process:
        pod, container, places = self._placed()
        token = self.cluster.token(self.namespace, pod["serviceAccountName"])
        here = [
            f"--kubeconfig={self.cluster.plane.kubeconfig('program', token=token, port=self._port)}",
            f"--bind-address={self.address}",
            f"--secure-port={SERVICE_PORT}",
        ]
        arguments = [_moved(argument, places) for argument in container["args"]]
        command = [sys.executable, "-m", "autoscaler", *arguments, *here, *flags]
        environment = {"HOME": str(self._folder), **_variables(container, places)}
        return Process(name, command, self._folder / log, environment)

    def variables(self) -> dict[str, str]:
        """Those of the running program's container, for whatever else is run in the pod."""
        _, container, places = self._placed()
        return _variables(container, places)

    def _placed(self) -> tuple[Object, Object, dict[str, Path]]:
        """The pod, its container, and where its volumes are here."""
        pod = self._deployment()["spec"]["template"]["spec"]
        [container] = pod["containers"]
        return pod, container, self._volumes(pod, container, self._folder / "volumes")

    def available(self) -> bool:
        """Whether the API server reaches and verifies the program under every version."""
        self.program.must_run()
        return all(self.registered(version)["status"] == "True" for version in VERSIONS)

    def serving(self) -> bool:
        """Whether the program answers through the API server, with every node's usage."""
        if self._program is None or not self._program.running():
            return False
        status, body = self.cluster.admin.raw("GET", "/apis/metrics.k8s.io/v1beta1/nodes")
        return status == 200 and len(json.loads(body)["items"]) == self.cluster.nodes

    def registered(self, version: str) -> Object:
        """The APIService's condition Available."""
        found = self.cluster.admin.get(f"/apis/apiregistration.k8s.io/v1/apiservices/{version}.metrics.k8s.io")
        conditions = found.get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == "Available"), {"status": "", "message": ""})

    def serve(self) -> None:
        """Start, and return when the Metrics API is there."""
        self.start()
        eventually(START, self.available, "the Metrics API is available")
        eventually(START, self.serving, "every node has a usage")

    def stop(self) -> None:
        """End the program, if it runs."""
        if self._program is not None:
            self._program.kill()

    @property
    def address(self) -> str:
        """The ClusterIP that the API server gave the Service: the program listens there."""
        service = self.cluster.admin.get(f"/api/v1/namespaces/{self.namespace}/services/{NAME}")
        address: str = service["spec"]["clusterIP"]
        return address

    @property
    def serving_ca(self) -> bytes:
        """What the APIServices trust when nobody changed it."""
        return self._authority.pem

    def serve_with(self, authority: Authority | None = None) -> None:
        """Have the mounted Secret hold a new certificate: of this authority, else of our own."""
        issued = (authority or self._authority).issue(self.verified_name, sans=[self.verified_name])
        [mounted] = (self._folder / "volumes").rglob("tls.crt")
        for path, content in ((mounted, issued.certificate), (mounted.with_name("tls.key"), issued.key)):
            fresh = path.with_suffix(".new")
            fresh.write_bytes(content)
            fresh.replace(path)

    def trust(self, bundle: bytes) -> None:
        """Have the API server verify us by these CAs."""
        for version in VERSIONS:
            path = f"/apis/apiregistration.k8s.io/v1/apiservices/{version}.metrics.k8s.io"
            self.cluster.admin.patch(path, {"spec": {"caBundle": _encoded(bundle)}})

    def direct(self, token: str = "", server: str = "") -> Api:
        """The program itself, not through the API server. Its certificate names the Service, not the address."""
        credentials = Credentials(self._folder / "serving-ca.crt", token=token)
        return Api(server or f"https://{self.address}:{SERVICE_PORT}", credentials, verified_name=self.verified_name)

    def series(self, server: str = "") -> dict[str, float]:
        """What the program, or one at another address, tells Prometheus, read as an account that may read it."""
        status, body = self.direct(self.cluster.token(self.namespace, MONITOR), server).raw("GET", "/metrics")
        assert status == 200, body
        lines = [line for line in body.decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    @property
    def verified_name(self) -> str:
        return f"{NAME}.{self.namespace}.svc"

    def _prepare(self) -> None:
        """What the chart expects to be there; the namespace admits restricted pods only."""
        admin, labels = self.cluster.admin, {"pod-security.kubernetes.io/enforce": "restricted"}
        admin.post("/api/v1/namespaces", {"metadata": {"name": self.namespace, "labels": labels}})
        admin.post(f"/api/v1/namespaces/{self.namespace}/serviceaccounts", {"metadata": {"name": MONITOR}})
        account = f"--serviceaccount={self.namespace}:{MONITOR}"
        # A built-in role: GET on /metrics and the probes.
        self.cluster.kubectl("create", "clusterrolebinding", MONITOR, "--clusterrole=system:monitoring", account)
        issued = self._authority.issue(self.verified_name, sans=[self.verified_name])
        data = {"tls.crt": _encoded(issued.certificate), "tls.key": _encoded(issued.key)}
        admin.post(
            f"/api/v1/namespaces/{self.namespace}/secrets",
            {"metadata": {"name": SECRET}, "type": "kubernetes.io/tls", "data": data},
        )
        admin.post(
            f"/api/v1/namespaces/{self.namespace}/configmaps",
            {"metadata": {"name": KUBELET_CA}, "data": {"ca.crt": self.cluster.pki.kubelets_ca.read_text()}},
        )

    def _usual_values(self) -> Values:
        """Those a test needs to see things in seconds, on loopback."""
        return {
            "tls": {"mode": "existingSecret", "existingSecret": SECRET, "caBundle": self._authority.pem.decode()},
            "service": {"port": SERVICE_PORT},
            "kubelet": {"resolution": "5s", "certificateAuthority": {"configMap": KUBELET_CA}},
            "scaling": {"syncPeriod": "5s", "evaluationInterval": "1s"},
            "leaderElection": {"leaseDuration": "6s", "renewDeadline": "5s", "retryPeriod": "500ms"},
            "log": {"format": "text"},
            "shutdownDelay": "0s",
            "extraArgs": ["--kubelet-allow-loopback"],
        }

    def _deployment(self) -> Object:
        return self.cluster.admin.get(f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{NAME}")

    def _volumes(self, pod: Object, container: Object, folder: Path) -> dict[str, Path]:
        """Mount paths and where they are below `folder`; Secrets and ConfigMaps are written as a kubelet would."""
        by_name = {volume["name"]: volume for volume in pod.get("volumes", [])}
        places = {}
        for mount in container.get("volumeMounts", []):
            place = folder / mount["name"]
            place.mkdir(parents=True, exist_ok=True)
            for name, content in self._files(by_name[mount["name"]]).items():
                (place / name).write_bytes(content)
            places[mount["mountPath"]] = place
        return places

    def _files(self, volume: Object) -> dict[str, bytes]:
        base = f"/api/v1/namespaces/{self.namespace}"
        if "secret" in volume:
            data = self.cluster.admin.get(f"{base}/secrets/{volume['secret']['secretName']}")["data"]
            return {name: base64.b64decode(value) for name, value in data.items()}
        if "configMap" in volume:
            data = self.cluster.admin.get(f"{base}/configmaps/{volume['configMap']['name']}")["data"]
            return {name: value.encode() for name, value in data.items()}
        return {}


def _moved(argument: str, places: dict[str, Path]) -> str:
    """The argument with the path of a mount replaced by where it is here."""
    name, _, value = argument.partition("=")
    for inside, outside in places.items():
        if f"{value}/".startswith(f"{inside}/"):
            return f"{name}={outside}{value.removeprefix(inside)}"
    return argument


def _variables(container: Object, places: dict[str, Path]) -> dict[str, str]:
    """Those of the container, with the paths of mounts replaced as in its arguments."""
    moved = (_moved(f"{each['name']}={each['value']}", places) for each in container.get("env", []))
    return {name: value for name, _, value in (each.partition("=") for each in moved)}


def _merged(base: Values, over: Values) -> Values:
    """`base` with `over` on top, mappings merged."""
    made = dict(base)
    for key, value in over.items():
        old = made.get(key)
        made[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return made


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
