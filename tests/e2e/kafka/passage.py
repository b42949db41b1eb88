"""A port in front of another one, that passes on what it gets later than it came, or nothing at all."""

from __future__ import annotations

import asyncio

from tests.e2e.background import Background

CHUNK = 65536


class Passage:
    """Who dials `port` of 127.0.0.1 reaches `target` there; each way takes `delay` seconds. Both may be set anew."""

    def __init__(self, target: int, port: int = 0) -> None:
        self.target = target
        self.delay = 0.0
        self._background = Background("passage")
        self._server = self._background.call(asyncio.start_server(self._connected, "127.0.0.1", port))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """End it, and every connection it has."""
        self._background.call(self._closed())
        self._background.stop()

    async def _closed(self) -> None:
        self._server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:  # as the broker itself would refuse
            writer.transport.abort()
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, far_writer))
                group.create_task(self._pump(far_reader, writer))
        finally:
            for end in (writer, far_writer):
                end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One direction, piece by piece in order, each as late as it is to be; at its end both ends are closed."""
        loop = asyncio.get_running_loop()
        late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, data = await late.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                if not data:
                    writer.transport.abort()
                    return
                writer.write(data)
                await writer.drain()

        async with asyncio.TaskGroup() as group:
            group.create_task(self._tolerant(deliver()))
            data = b"-"
            while data:
                try:
                    data = await reader.read(CHUNK)
                except OSError:
                    data = b""
                late.put_nowait((loop.time() + self.delay, data))

    async def _tolerant(self, delivering: object) -> None:
        try:
            await delivering  # type: ignore[misc]  # a coroutine
        except OSError:
            return
