"""A kept-alive connection to a server of the Metrics API, verified TLS, that costs its client next to nothing.

A short answer takes a server 0.1 to 0.4 ms; with `http.client`, which reads headers as mail, 0.1 ms of client would
stand in every figure of it. This one sends one piece and reads to the end that Content-Length or the last chunk gives.
"""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

TIMEOUT = 60.0
BUFFER = 256 * 1024


class ClosedError(ConnectionError):
    """The server ended the connection instead of answering."""


class Line:
    """One connection, one request after another. Raises OSError as soon as anything is not as it should be."""

    def __init__(self, port: int, certificate: Path) -> None:
        context = ssl.create_default_context(cafile=str(certificate))
        dialled = socket.create_connection(("localhost", port), TIMEOUT)
        try:
            dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = context.wrap_socket(dialled, server_hostname="localhost")
        except OSError:
            dialled.close()
            raise
        self._answers = self._socket.makefile("rb", BUFFER)

    def close(self) -> None:
        """End it."""
        self._answers.close()
        self._socket.close()

    def get(self, path: str, accept: str, token: str) -> tuple[int, bytes]:
        """The answer's code and whole body."""
        self._socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: identity\r\n"
            f"Authorization: Bearer {token}\r\nAccept: {accept}\r\n\r\n".encode()
        )
        status = self._answers.readline()
        if not status:
            raise ClosedError(f"{path}: no answer")
        try:
            code = int(status.split(b" ", 2)[1])
            return code, self._body()
        except (IndexError, ValueError) as exc:
            raise ConnectionError(f"{path}: the answer does not follow HTTP/1.1") from exc

    def _body(self) -> bytes:
        length = -1
        while (line := self._answers.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return self._read(length) if length >= 0 else b"".join(self._chunks())

    def _chunks(self) -> list[bytes]:
        found: list[bytes] = []
        while size := int(self._answers.readline(), 16):
            found.append(self._read(size))
            self._answers.readline()
        self._answers.readline()
        return found

    def _read(self, size: int) -> bytes:
        body = self._answers.read(size)
        if len(body) < size:
            raise ClosedError("the connection ended within an answer")
        return body
