"""A list of the API server in pages, so that none of its answers is too long, or too long in coming."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

SIZE = 500
"""Objects asked for at once, as kubectl asks. Who knows no pages, as metrics-server, answers with all there are."""


class Getter(Protocol):
    """`kube.client.KubeClient`."""

    async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes: ...


class _Meta(Struct, frozen=True):
    token: str = msgspec.field(name="continue", default="")


class _List(Struct, frozen=True):
    metadata: _Meta = _Meta()


_meta = msgspec.json.Decoder(_List).decode


async def pages(client: Getter, path: str, params: Sequence[tuple[str, str]] = ()) -> AsyncIterator[bytes]:
    """The bodies one after the other. Raises KubeError, msgspec.DecodeError."""
    token = ""
    while True:
        body = await client.get(path, [*params, ("limit", str(SIZE)), *([("continue", token)] if token else [])])
        yield body
        token = _meta(body).metadata.token
        if not token:
            return
