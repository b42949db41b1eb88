"""Connections that are held open from an address of our choice, and whether they still are."""

import asyncio

from tests.api.world import World


async def held(world: World, source: str, count: int) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connections from that address, each kept open by one answered request, in this order."""
    found = []
    for _ in range(count):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", world.server.port, ssl=world.client_context(), local_addr=(source, 0)
        )
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        found.append((reader, writer))
    return found


async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    try:
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"ok")
    except (asyncio.IncompleteReadError, OSError):
        return False
    return True
