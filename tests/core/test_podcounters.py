from __future__ import annotations

from autoscaler.core.podcounters import LONGEST, MOST, counted, put_by
from autoscaler.model.metrics import ContainerId

ASKED = 99
WEB, API, ODD = ContainerId("shop", "web", ""), ContainerId("shop", "api", ""), ContainerId("shop", "web", "main")


def test_what_is_put_by_is_read_when_it_is_wanted() -> None:
    kept = put_by(b"1.5 17\n2", [API, WEB], ASKED)
    assert kept is not None
    assert list(counted(kept)) == [(("shop", "api"), 1_500_000_000, 17_000_000), (("shop", "web"), 2 * 10**9, ASKED)]


def test_k18_what_is_malformed_or_no_pods_is_passed_over() -> None:
    kept = put_by(b"1 17\nNaN 17\n3 17", [ODD, WEB, API], ASKED)
    assert kept is not None
    assert [owner for owner, _, _ in counted(kept)] == [("shop", "api")]


def test_k34_too_much_of_it_is_not_kept() -> None:
    assert put_by(b"", [], ASKED) is None
    assert put_by(b"1" * (LONGEST + 1), [WEB], ASKED) is None
    assert put_by(b"\n".join([b"1"] * (MOST + 1)), [WEB] * (MOST + 1), ASKED) is None
    assert put_by(b"\n".join([b"1"] * MOST), [WEB] * MOST, ASKED) is not None
