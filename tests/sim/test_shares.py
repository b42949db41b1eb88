from __future__ import annotations

import pytest

from autoscaler.sim.curves import Polyline, constant
from autoscaler.sim.shares import SharedLoad


def test_shares_add_up_to_the_load() -> None:
    load = SharedLoad(Polyline((0, 0), (100, 10)))
    load.share_among(2, 0)
    load.share_among(5, 30)
    load.share_among(1, 70)
    taken = 2 * load.drawn(30) + 5 * (load.drawn(70) - load.drawn(30)) + (load.drawn(100) - load.drawn(70))
    assert taken == pytest.approx(500)


def test_the_past_does_not_change() -> None:
    load = SharedLoad(constant(4))
    load.share_among(2, 0)
    before = load.drawn(7)
    load.share_among(8, 10)
    assert load.drawn(7) == before == 14
    assert load.drawn(12) == 21
    assert load.each(7) == 2
    assert load.each(12) == 0.5


def test_a_load_that_nobody_takes_is_lost() -> None:
    load = SharedLoad(constant(4))
    assert load.drawn(5) == load.each(5) == 0
    load.share_among(1, 10)
    load.share_among(0, 20)
    load.share_among(1, 30)
    assert load.drawn(31) == 44
    assert load.each(25) == 0
    assert load.sharers == 1
