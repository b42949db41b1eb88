"""A small synchronous client of the API server, for what a test arranges and looks at."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

Object = dict[str, Any]

COME_AGAIN, BETWEEN = 15.0, 0.2
"""Seconds in all, and from one try to the next, while the API server says 429."""

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


class ApiError(Exception):
    """An answer that is no success; `status` is the HTTP code, `body` the Status object or the text."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


@dataclass(frozen=True)
class Credentials:
    """Whom to trust, and who we are: by client certificate or by token."""

    authority: Path
    certificate: Path | None = None
    key: Path | None = None
    token: str = ""

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.authority))
        if self.certificate and self.key:
            context.load_cert_chain(self.certificate, self.key)
        return context

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


class _Connection(http.client.HTTPSConnection):
    """Dials `host`, verifies `name`."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext, name: str) -> None:
        super().__init__(host, port, timeout=30, context=context)
        self._own_context, self._name = context, name or host

    def connect(self) -> None:
        plain = socket.create_connection((self.host, self.port), self.timeout)
        self.sock = self._own_context.wrap_socket(plain, server_hostname=self._name)


class Api:
    """One server, one identity; a connection per request, so that a restarted server is no matter.

    `verified_name` is what the server's certificate must be valid for, when that is not the address.
    """

    def __init__(self, server: str, credentials: Credentials, *, verified_name: str = "") -> None:
        self.server = server
        self.credentials = credentials
        self._context = credentials.context()
        self._verified_name = verified_name

    def raw(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body as they come; OSError when there is no answer."""
        url = urlsplit(self.server)
        connection = _Connection(url.hostname or "", url.port or 443, self._context, self._verified_name)
        try:
            connection.request(method, path, body, {**self.credentials.headers(), **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def call(self, method: str, path: str, body: Object | None = None, content_type: str = "application/json") -> Any:
        """The decoded answer; ApiError when it is no success."""
        data = None if body is None else json.dumps(body).encode()
        status, answer = self._patiently(
            method, path, data, {"Content-Type": content_type, "Accept": "application/json"}
        )
        try:
            decoded = json.loads(answer)
        except ValueError:
            decoded = answer.decode(errors="replace")
        if not 200 <= status < 300:
            raise ApiError(status, decoded)
        return decoded

    def _patiently(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Asked again while the answer is 429, as every client does; a new kind is answered so in its first seconds."""
        end = time.monotonic() + COME_AGAIN
        while True:
            status, answer = self.raw(method, path, body, headers)
            if status != 429 or time.monotonic() >= end:
                return status, answer
            time.sleep(BETWEEN)

    def get(self, path: str) -> Object:
        found: Object = self.call("GET", path)
        return found

    def items(self, path: str) -> list[Object]:
        found: list[Object] = self.get(path)["items"]
        return found

    def post(self, path: str, body: Object) -> Object:
        made: Object = self.call("POST", path, body)
        return made

    def patch(self, path: str, body: Object) -> Object:
        """JSON merge patch."""
        made: Object = self.call("PATCH", path, body, MERGE)
        return made

    def apply(self, path: str, body: Object) -> Object:
        """Server-side apply: made or brought to this state."""
        made: Object = self.call("PATCH", f"{path}?fieldManager=tests&force=true", body, APPLY)
        return made

    def delete(self, path: str) -> None:
        """Gone, also when it was not there."""
        try:
            self.call("DELETE", path)
        except ApiError as exc:
            if exc.status != 404:
                raise

    def exists(self, path: str) -> bool:
        try:
            self.call("GET", path)
        except ApiError as exc:
            if exc.status != 404:
                raise
            return False
        return True

    def ready(self) -> bool:
        """Whether /readyz says ok."""
        try:
            return self.raw("GET", "/readyz")[0] == 200
        except OSError:
            return False
