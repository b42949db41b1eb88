"""A kubelet at its lowest seam: a TLS server on loopback that answers by a script."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

PAGE = b"node_cpu_usage_seconds_total 1 1633253812125\n"

Script = Callable[[bytes, asyncio.StreamWriter], None]


def answer(body: bytes = PAGE, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def chunked(body: bytes, headers: str = "") -> bytes:
    head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{headers}\r\n{len(body):x}\r\n".encode()
    return head + body + b"\r\n0\r\n\r\n"


def saying(*answers: bytes) -> Script:
    """Give these answers in turn, the last one for ever."""
    left = list(answers)
    return lambda _request, writer: writer.write(left.pop(0) if len(left) > 1 else left[0])


def hanging_up_after(sent: bytes) -> Script:
    def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        writer.close()

    return script


class ScriptedKubelet:
    """A TLS server that answers by a script and keeps what it was asked."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0

    @asynccontextmanager
    async def serving(self, script: Script, tls: ssl.SSLContext | None) -> AsyncIterator[ScriptedKubelet]:
        open_writers: set[asyncio.StreamWriter] = set()

        async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.connections += 1
            open_writers.add(writer)
            try:
                while not writer.is_closing():
                    request = await reader.readuntil(b"\r\n\r\n")
                    self.requests.append(request)
                    script(request, writer)
                    await writer.drain()
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(connection, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for writer in open_writers:
                writer.transport.abort()
            await server.wait_closed()
