"""Ids are random UUIDs, each another."""

from __future__ import annotations

import uuid
from itertools import islice

from autoscaler.app.ids import BLOCK, ids


def test_each_is_a_random_uuid_and_no_other_is_the_same_whoever_made_it() -> None:
    found = [*islice(ids(), 2 * BLOCK + 1), *islice(ids(), 2 * BLOCK + 1)]
    assert len(set(found)) == len(found)
    assert {(len(each), uuid.UUID(each).version) for each in found} == {(32, 4)}
