"""The network between a program and the API server: bytes pass until a test cuts the line, or lets it fall silent."""

from __future__ import annotations

import asyncio

from tests.e2e.background import Background

CHUNK = 65536


class Line:
    """Who dials `port` of 127.0.0.1 reaches `target` there; TLS passes through, so certificates are the server's."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open: set[_Connection] = set()
        self._background = Background("line")
        self._server = self._background.call(asyncio.start_server(self._connected, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def cut(self) -> int:
        """End every connection there is, in the middle of whatever it carries; how many. New ones work."""
        return self._background.call(self._cut())

    def silence(self) -> int:
        """From now on nothing passes on the connections there are, and nobody is told; how many. New ones work."""
        return self._background.call(self._silence())

    def stop(self) -> None:
        self._background.call(self._closed())
        self._background.stop()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:  # as the server itself would refuse
            writer.transport.abort()
            return
        connection = _Connection(writer, far_writer)
        self._open.add(connection)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(connection.pump(reader, far_writer))
                group.create_task(connection.pump(far_reader, writer))
        finally:
            self._open.discard(connection)
            connection.gone.set()

    async def _cut(self) -> int:
        found = list(self._open)
        for connection in found:
            connection.abort()
        for connection in found:
            await connection.gone.wait()
        return len(found)

    async def _silence(self) -> int:
        for connection in self._open:
            connection.passing.clear()
        return len(self._open)

    async def _closed(self) -> None:
        self._server.close()
        await self._cut()


class _Connection:
    """Both ends of one; `passing` is set while bytes may go on, `gone` once it has ended."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self._writers = writers
        self.gone = asyncio.Event()
        self.passing = asyncio.Event()
        self.passing.set()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what comes until one end is gone: then both are."""
        try:
            while data := await reader.read(CHUNK):
                await self.passing.wait()
                writer.write(data)
                await writer.drain()
            await self.passing.wait()
        except OSError:
            pass
        self.abort()

    def abort(self) -> None:
        self.passing.set()
        for writer in self._writers:
            writer.transport.abort()
