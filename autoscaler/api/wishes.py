"""What a call for objects asks for, read once of a call that comes again and again."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar, cast

from msgspec import Struct

from autoscaler.api import renderings
from autoscaler.api.binary import Binary
from autoscaler.api.call import Call
from autoscaler.api.listoptions import ListOptions, list_options
from autoscaler.api.selection import Selection, selection_of
from autoscaler.api.textual import Textual
from autoscaler.model.identity import ResourceAttributes

T = TypeVar("T")

MOST = 1024
"""Calls; what is kept of each is as long as what was sent, so long ones are read anew every time."""


class ListWish(Struct, frozen=True):
    """Of a list; `variety` tells apart the entity tags of what two Accept headers may have chosen at one URL."""

    rendering: Textual | Binary
    selection: Selection
    options: ListOptions
    variety: str


def _usual(read: Callable[[Call, ResourceAttributes], T]) -> Callable[[Call, ResourceAttributes], T]:
    @lru_cache(maxsize=MOST)
    def remembered(call: Call) -> T:
        return read(call, cast("ResourceAttributes", call.attributes))

    return lambda call, asked: remembered(call) if call.usual else read(call, asked)


@_usual
def rendering(call: Call, asked: ResourceAttributes) -> Textual | Binary:
    """How it is to be written. Raises StatusError (400, 406)."""
    return renderings.chosen(call, asked)


@_usual
def list_wish(call: Call, asked: ResourceAttributes) -> ListWish:
    """Raises StatusError (400, 406, 422)."""
    accepted = renderings.chosen(call, asked)
    variety = f"{zlib.crc32(call.accept.encode(errors='surrogateescape')):08x}"
    return ListWish(accepted, selection_of(call, asked), list_options(call), variety)
