"""An admission webhook of the API server, for tests that act between a program's read and its write, or change it."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.certificates import Authority
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import MERGE, Object
from tests.e2e.workloads import Namespace

Acts = Callable[[Object], list[Object] | None]
"""Gets an AdmissionRequest, and answers with a JSON patch if it changes the object."""
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
SCALE = ("apps", "v1", "deployments/scale")
OURS = "system:serviceaccount:hpa-companion-system:hpa-companion"
PATIENCE = 2
"""Seconds the API server waits for it."""


class Interloper:
    """While it runs, `acts` is called with each AdmissionRequest before the API server goes on with it; all pass."""

    def __init__(self, folder: Path, acts: Acts) -> None:
        authority = Authority("webhooks")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("webhook", sans=["127.0.0.1"]).write(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(acts))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.authority = authority.pem
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, name="webhook")
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def between(
    here: Namespace, folder: Path, acts: Acts, *, changing: bool = False, also: Sequence[tuple[str, str, str]] = ()
) -> Iterator[None]:
    """Have `acts` called with every change of a scale in the namespace; `changing`: it may patch them.

    `also`: of what else (group, version, resource) it is to hear.
    """
    asked = threading.Event()

    def noticing(request: Object) -> list[Object] | None:
        asked.set()
        return acts(request)

    server = Interloper(folder, noticing)
    path = f"{ADMISSION}/{'mutating' if changing else 'validating'}webhookconfigurations"
    rules = [
        {"apiGroups": [group], "apiVersions": [version], "operations": ["UPDATE"], "resources": [resource]}
        for group, version, resource in (SCALE, *also)
    ]
    hook = {
        "name": "between.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "NoneOnDryRun",
        "timeoutSeconds": PATIENCE,
        "clientConfig": {"url": server.url, "caBundle": base64.b64encode(server.authority).decode()},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": here.name}},
        "rules": rules,
    }
    admin = here.cluster.admin
    admin.post(path, {"metadata": {"name": here.name}, "webhooks": [hook]})

    def in_place() -> bool:
        admin.call("PATCH", f"{here.deployments}/web/scale?dryRun=All", {"spec": {"replicas": 2}}, MERGE)
        return asked.is_set()

    try:
        eventually(20, in_place, "the API server asks the webhook")
        yield
    finally:
        admin.delete(f"{path}/{here.name}")
        server.stop()


def _handler(acts: Acts) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            patch = acts(review["request"])
            response = {"uid": review["request"]["uid"], "allowed": True}
            if patch is not None:
                response |= {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(patch).encode()).decode()}
            review = {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}
            body = json.dumps(review).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
            """Keep the test's output clean."""

    return Handler
