"""A custom and external metrics API of one process on loopback, behind the real kube-aggregator.

It knows one number for every app, its load, and tells it in three ways: what every pod has of it (`pods/*/share`), what
a pod has on average (`share`) and all of it (`load`), both of an object or of none. Only the aggregator is answered: it
shows the front proxy's certificate.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from tests.certificates import Authority
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import Object
from tests.e2e.network import SERVICE_PORT

NAMESPACE, NAME = "adapters", "adapter"
VERSIONS = {"custom.metrics.k8s.io": "v1beta2", "external.metrics.k8s.io": "v1beta1"}
REGISTRATIONS = "/apis/apiregistration.k8s.io/v1/apiservices"
WHEN = "2026-11-26T12:00:00Z"
START = 60.0


class Adapter:
    """Registered and available after the constructor; `loads` is what a test sets, in thousandths, by app."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.loads: dict[str, int] = {}
        self._cluster = cluster
        cluster.admin.apply(f"/api/v1/namespaces/{NAMESPACE}", _object("v1", "Namespace", NAMESPACE))
        self._server = self._listening(folder)
        threading.Thread(target=self._server.serve_forever, name="adapter", daemon=True).start()
        for group, version in VERSIONS.items():
            cluster.admin.apply(f"{REGISTRATIONS}/{version}.{group}", self._registration(group, version))
        eventually(START, self._available, "the adapter's APIs are available")

    def stop(self) -> None:
        """Unregistered first: an API that is announced and away keeps namespaces from being deleted."""
        for group, version in VERSIONS.items():
            self._cluster.admin.delete(f"{REGISTRATIONS}/{version}.{group}")
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, query: dict[str, str]) -> Object | None:
        """What is told under this path; None is a 404."""
        match path.strip("/").split("/")[1:]:
            case [group, version] if VERSIONS.get(group) == version:
                return {
                    "kind": "APIResourceList",
                    "apiVersion": "v1",
                    "groupVersion": f"{group}/{version}",
                    "resources": [],
                }
            case ["external.metrics.k8s.io", _, "namespaces", namespace, metric]:
                return self._external(namespace, metric, _app(query["labelSelector"]))
            case ["custom.metrics.k8s.io", _, "namespaces", namespace, "pods", "*", "share"]:
                app = _app(query["labelSelector"])
                share = self._share(namespace, app)
                return _values("MetricValueList", [_described("Pod", pod, share) for pod in self._pods(namespace, app)])
            case ["custom.metrics.k8s.io", _, "namespaces", namespace, "services", name, metric]:
                return _values("MetricValueList", [_described("Service", name, self._number(namespace, metric, name))])
        return None

    def _external(self, namespace: str, metric: str, app: str) -> Object:
        """In two series, as what is told of no object is to be summed."""
        number = self._number(namespace, metric, app)
        halves = [number // 2, number - number // 2]
        return _values(
            "ExternalMetricValueList",
            [
                {"metricName": metric, "metricLabels": {"half": str(half)}, "timestamp": WHEN, "value": f"{part}m"}
                for half, part in enumerate(halves)
            ],
        )

    def _number(self, namespace: str, metric: str, app: str) -> int:
        return self.loads[app] if metric == "load" else self._share(namespace, app)

    def _share(self, namespace: str, app: str) -> int:
        return self.loads[app] // max(len(self._pods(namespace, app)), 1)

    def _pods(self, namespace: str, app: str) -> list[str]:
        pods = self._cluster.admin.items(f"/api/v1/namespaces/{namespace}/pods?labelSelector=app%3D{app}")
        return [pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] == "Running"]

    def _listening(self, folder: Path) -> ThreadingHTTPServer:
        """On the ClusterIP that the API server gave the Service."""
        path = f"/api/v1/namespaces/{NAMESPACE}/services/{NAME}"
        ports = [{"port": SERVICE_PORT, "protocol": "TCP"}]
        service = self._cluster.admin.apply(path, _object("v1", "Service", NAME) | {"spec": {"ports": ports}})
        slices = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices/{NAME}"
        self._cluster.admin.apply(slices, _endpoints())
        authority = Authority("adapter")
        self._authority = authority.pem
        certificate, key = authority.issue("adapter", sans=[f"{NAME}.{NAMESPACE}.svc"]).write(folder)
        context = ssl.create_default_context(
            ssl.Purpose.CLIENT_AUTH, cafile=str(self._cluster.pki.path("front-proxy-ca.crt"))
        )
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(certificate, key)
        server = ThreadingHTTPServer((service["spec"]["clusterIP"], SERVICE_PORT), _handler(self))
        server.daemon_threads = True
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        return server

    def _registration(self, group: str, version: str) -> Object:
        spec = {
            "group": group,
            "version": version,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "caBundle": base64.b64encode(self._authority).decode(),
            "service": {"namespace": NAMESPACE, "name": NAME, "port": SERVICE_PORT},
        }
        return _object("apiregistration.k8s.io/v1", "APIService", f"{version}.{group}") | {"spec": spec}

    def _available(self) -> bool:
        for group, version in VERSIONS.items():
            conditions = (
                self._cluster.admin.get(f"{REGISTRATIONS}/{version}.{group}").get("status", {}).get("conditions")
            )
            assert [each["status"] for each in conditions or ()] == ["True"], conditions
        return True


def _handler(adapter: Adapter) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60.0

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            found = adapter.answer(unquote(url.path), {name: values[0] for name, values in parse_qs(url.query).items()})
            missing = {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "code": 404,
                "message": "no such metric",
            }
            body = json.dumps(found or missing).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    return Handler


def _endpoints() -> Object:
    """The aggregator wants a ready one, and dials the ClusterIP all the same; loopback may not stand here."""
    made = _object("discovery.k8s.io/v1", "EndpointSlice", NAME)
    made["metadata"]["labels"] = {"kubernetes.io/service-name": NAME}
    ready = {"addresses": ["10.240.255.254"], "conditions": {"ready": True}}
    ports = [{"name": "", "port": SERVICE_PORT, "protocol": "TCP"}]
    return made | {"addressType": "IPv4", "endpoints": [ready], "ports": ports}


def _app(selector: str) -> str:
    return selector.removeprefix("app=")


def _object(api_version: str, kind: str, name: str) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}}


def _values(kind: str, items: list[Object]) -> Object:
    group = "external.metrics.k8s.io" if kind.startswith("External") else "custom.metrics.k8s.io"
    return {"kind": kind, "apiVersion": f"{group}/{VERSIONS[group]}", "metadata": {}, "items": items}


def _described(kind: str, name: str, value: int) -> Object:
    described = {"kind": kind, "name": name, "apiVersion": "v1"}
    return {"describedObject": described, "metric": {"name": "share"}, "timestamp": WHEN, "value": f"{value}m"}
