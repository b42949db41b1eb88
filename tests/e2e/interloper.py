"""An admission webhook of the API server, for tests that must act between a program's read and its write."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.certificates import Authority
from tests.e2e.kubeapi import Object

Acts = Callable[[Object], None]


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


def _handler(acts: Acts) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            acts(review["request"])
            review = {
                "apiVersion": review["apiVersion"],
                "kind": review["kind"],
                "response": {"uid": review["request"]["uid"], "allowed": True},
            }
            body = json.dumps(review).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
            """Keep the test's output clean."""

    return Handler
