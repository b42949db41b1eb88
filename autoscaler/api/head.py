"""Responses that go out in one piece, as bytes: what aiohttp writes of the same headers, without its objects."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache


def response(headers: Mapping[str, str], body: bytes, now: float, *, close: bool) -> bytes:
    """A 200 of HTTP/1.1, the last one of its connection or not; no value of a header may hold what nobody checked."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    end = "Connection: close\r\n\r\n" if close else "\r\n"
    return f"HTTP/1.1 200 OK\r\n{lines}Content-Length: {len(body)}\r\nDate: {_date(int(now))}\r\n{end}".encode() + body


@lru_cache(maxsize=2)
def _date(now: int) -> str:
    return formatdate(now, usegmt=True)
