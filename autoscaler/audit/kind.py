"""What an event of the stream is to a reader: its CloudEvents `type` says so, before anything else is looked at.

- `DECISION`, `PARKED`: a record of ours, which this release reads;
- `LATER`: a record of ours in a version that is not released yet. Its place counts (id, time, key, `epoch`, `seq` and
  `shed` stay where they are), what it says is for a later release to read;
- `OTHER`: no record. Somebody else's, or one of ours that has no number: readers pass over it, and count it.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from autoscaler.audit.codec import DECISION_TYPE, PARKED_TYPE


class Kind(Enum):
    """See above."""

    DECISION = auto()
    PARKED = auto()
    LATER = auto()
    OTHER = auto()


_RELEASED = {DECISION_TYPE: Kind.DECISION, PARKED_TYPE: Kind.PARKED}
_NAMES = "|".join(re.escape(each.removesuffix("1")) for each in _RELEASED)
_LATER = re.compile(rf"(?:{_NAMES})(?:[2-9]|[1-9][0-9]{{1,8}})")


def kind_of(type_: str) -> Kind:
    """By the word of the attribute `type`."""
    if found := _RELEASED.get(type_):
        return found
    return Kind.LATER if _LATER.fullmatch(type_) else Kind.OTHER
