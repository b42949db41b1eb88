from __future__ import annotations

from autoscaler.core.podcounters import LONGEST, MOST, counted, put_by
from autoscaler.model.metrics import ContainerId

ASKED = 99
WEB, API, ODD = ContainerId("shop", "web", ""), ContainerId("shop", "api", ""), ContainerId("shop", "web", "main")
IDS = [ODD, WEB, API]


def test_what_is_put_by_is_read_when_it_is_wanted() -> None:
    kept = put_by({2: b"1.5 17", 1: b"2"}, IDS, ASKED)
    assert kept is not None
    assert list(counted(kept)) == [(("shop", "api"), 1_500_000_000, 17_000_000), (("shop", "web"), 2 * 10**9, ASKED)]


def test_k18_what_is_malformed_or_no_pods_is_passed_over() -> None:
    kept = put_by({0: b"1 17", 1: b"NaN 17", 2: b"3 17"}, IDS, ASKED)
    assert kept is not None
    assert [owner for owner, _, _ in counted(kept)] == [("shop", "api")]


def test_k34_too_much_of_it_is_not_kept() -> None:
    assert put_by({}, IDS, ASKED) is None
    assert put_by({1: b"1" * (LONGEST + 1)}, IDS, ASKED) is None
    assert put_by(dict.fromkeys(range(MOST + 1), b"1"), [WEB] * (MOST + 1), ASKED) is None
    assert put_by(dict.fromkeys(range(MOST), b"1"), [WEB] * MOST, ASKED) is not None
