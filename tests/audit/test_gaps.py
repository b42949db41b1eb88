from __future__ import annotations

from autoscaler.audit.gaps import Gaps


def test_what_was_refused_is_owed_until_it_is_told() -> None:
    gaps = Gaps()
    gaps.add(["web", "web", "api"])
    gaps.missed("web")
    told = gaps.untold()
    assert told == {"web": 3, "api": 1}
    gaps.missed("api")
    assert gaps.untold() == {"web": 3, "api": 2}, "nothing is told yet"
    gaps.told(told)
    assert gaps.untold() == {"api": 1}
