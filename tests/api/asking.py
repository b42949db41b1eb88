"""What tests ask the Metrics API for, as whom, and the end of what it says."""

from __future__ import annotations

import asyncio
import ssl

BASE = "/apis/metrics.k8s.io/v1beta1"
NODES = f"{BASE}/nodes"
ANN = [("X-Remote-User", "ann"), ("X-Remote-Group", "a"), ("X-Remote-Group", "b")]
REQUEST = b"GET /apis/metrics.k8s.io/v1beta1/nodes HTTP/1.1\r\nHost: x\r\nX-Remote-User: ann\r\n\r\n"


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Until the server closes, well or abruptly."""
    try:
        return await reader.read()
    except (ConnectionError, ssl.SSLError):
        return b""
