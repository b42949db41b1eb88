from __future__ import annotations

import pytest

from autoscaler.errors import MalformedError
from autoscaler.kube import wire


@pytest.mark.parametrize(
    ("text", "version", "more", "count"),
    [
        (b'{"metadata":{"resourceVersion":"7","continue":"abc"},"items":[{"a":1},{}]}', "7", "abc", 2),
        (b'{"metadata":{},"items":null}', None, None, 0),
        (b"{}", None, None, 0),
    ],
    ids=["a page", "an empty list", "nothing"],
)
def test_a_list_is_read_without_its_items(text: bytes, version: str | None, more: str | None, count: int) -> None:
    page = wire.page(text)
    assert (page.metadata.resource_version, page.metadata.more, len(page.items or ())) == (version, more, count)


def test_an_event_keeps_its_object_as_it_came() -> None:
    event = wire.event(b'{"type":"MODIFIED","object":{"metadata":{"name":"a","namespace":"n"}}}')
    meta = wire.named(event.object).metadata
    assert (event.type, meta.namespace, meta.name) == ("MODIFIED", "n", "a")


@pytest.mark.parametrize("text", [b"", b"[]", b'{"type":"ADDED"', b'{"type":"ADDED"}', b'{"type":1,"object":{}}'])
def test_a_line_that_is_no_event_is_malformed(text: bytes) -> None:
    with pytest.raises(MalformedError):
        wire.event(text)
