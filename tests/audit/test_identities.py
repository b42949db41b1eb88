from __future__ import annotations

import pytest

from autoscaler.audit.identities import NO_CHANGE, UNKNOWN, Identities, Known, digest

HERE, THERE = ("web", 1, 1), ("web", 2, 9)
BODY, OTHER = digest(b"body"), digest(b"another body")
UP, DOWN = digest(("web", 3, 5)), digest(("web", 5, 3))

Record = tuple[str, object, int, int]


@pytest.mark.parametrize(
    ("records", "known"),
    [
        pytest.param([("a", HERE, BODY, UP), ("b", THERE, BODY, UP)], [Known.NEW, Known.NEW], id="two records"),
        pytest.param([("a", HERE, BODY, UP)] * 3, [Known.NEW, Known.SAME, Known.SAME], id="delivered again"),
        pytest.param([("a", HERE, BODY, UP), ("a", HERE, OTHER, UP)], [Known.NEW, Known.OTHERWISE], id="altered"),
        pytest.param(
            [("a", HERE, BODY, NO_CHANGE), ("a", THERE, BODY, NO_CHANGE)],
            [Known.NEW, Known.ELSEWHERE],
            id="one id at two numbers",
        ),
        pytest.param(
            [("a", HERE, BODY, UP), ("a", THERE, OTHER, DOWN)], [Known.NEW, Known.ELSEWHERE], id="for another change"
        ),
        pytest.param(
            [("a", HERE, BODY, UP), ("a", THERE, OTHER, UP), ("a", THERE, OTHER, UP), ("a", HERE, BODY, UP)],
            [Known.NEW, Known.AGAIN, Known.SAME, Known.SAME],
            id="a change told again by the next leader, and both delivered again",
        ),
        pytest.param(
            [("a", HERE, BODY, UP), ("a", THERE, OTHER, UP), ("a", THERE, BODY, UP)],
            [Known.NEW, Known.AGAIN, Known.OTHERWISE],
            id="what was told again is altered",
        ),
        pytest.param(
            [("a", HERE, UNKNOWN, UNKNOWN), ("a", HERE, BODY, UP), ("a", HERE, OTHER, UP), ("a", THERE, BODY, UP)],
            [Known.NEW, Known.SAME, Known.OTHERWISE, Known.AGAIN],
            id="what the broker refused, then whole",
        ),
        pytest.param(
            [("a", HERE, BODY, UP), ("a", HERE, UNKNOWN, UNKNOWN), ("a", HERE, BODY, UP)],
            [Known.NEW, Known.SAME, Known.SAME],
            id="whole, then refused",
        ),
    ],
)
def test_what_is_known(records: list[Record], known: list[Known]) -> None:
    identities = Identities()
    assert [identities.take(*each) for each in records] == known


def test_a_hundred_thousand_are_told_apart_in_little_room() -> None:
    count, identities = 100_000, Identities()
    for number in range(count):
        assert identities.take(f"{number:032x}", ("web", 1, number), BODY, NO_CHANGE) is Known.NEW
    assert identities.size <= 36 * count
    for number in range(0, count, 7):
        assert identities.take(f"{number:032x}", ("web", 1, number), BODY, NO_CHANGE) is Known.SAME
