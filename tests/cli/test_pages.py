from __future__ import annotations

import json
from collections.abc import Iterable

import msgspec
import pytest

from autoscaler.cli.pages import pages


class Server:
    """Answers with these bodies, one after the other; `asked` remembers the parameters."""

    def __init__(self, *bodies: bytes) -> None:
        self.bodies = list(bodies)
        self.asked: list[dict[str, str]] = []

    async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes:
        assert path == "/api/v1/nodes"
        self.asked.append(dict(params))
        return self.bodies.pop(0)


def page(token: str = "") -> bytes:
    return json.dumps({"metadata": {"continue": token} if token else {}, "items": []}).encode()


async def test_each_page_is_asked_for_by_the_one_before() -> None:
    server = Server(page("second"), page("third"), page())
    given = [("labelSelector", "a=b")]
    assert [each async for each in pages(server, "/api/v1/nodes", given)] == [page("second"), page("third"), page()]
    first = {"labelSelector": "a=b", "limit": "500"}
    assert server.asked == [first, first | {"continue": "second"}, first | {"continue": "third"}]


async def test_who_knows_no_pages_is_asked_once() -> None:
    server = Server(b'{"items": []}')
    assert [each async for each in pages(server, "/api/v1/nodes")] == [b'{"items": []}']


async def test_who_wants_no_more_asks_for_no_more() -> None:
    server = Server(page("second"))
    async for _ in pages(server, "/api/v1/nodes"):
        break
    assert len(server.asked) == 1


async def test_what_is_no_list_is_an_error_behind_it() -> None:
    with pytest.raises(msgspec.DecodeError):
        [each async for each in pages(Server(b"<html>"), "/api/v1/nodes")]
