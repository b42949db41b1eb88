"""What was worked out before, against the sums worked out each time."""

from random import Random

import pytest

from autoscaler.core.reckoner import KEPT, Reckoner
from autoscaler.core.totals import PLAIN, Tolerance, Totals, wanted

ASKED = [(usage, current) for usage in range(0, 3000, 37) for current in (0, 1, 5, 6, 40)]


def sums(chance):
    ready = chance.randint(0, 6)
    return Totals(
        usage=0,
        samples=ready,
        values=ready + chance.choice((0, 0, 1)),
        ready=ready,
        requests=chance.choice((None, 0, -5, 500 * ready, 777)) if ready else 500,
        missing=chance.choice((0, 0, 1)),
        unready=chance.choice((0, 0, 2)),
        missing_requests=500,
        unready_requests=1000,
        assumed=chance.choice((0, 400)),
    )


@pytest.mark.parametrize("seed", range(40))
def test_it_asks_for_what_the_sums_ask_for(seed):
    chance = Random(seed)
    given, target, tolerance = sums(chance), chance.choice((-5, 0, 1, 60, 100, 250)), Tolerance(0.1, 0.05)
    if given.requests is None and not given.samples:
        return
    reckoner = Reckoner(given, target, tolerance)
    for usage, current in [*ASKED, *ASKED[::-3], (PLAIN - 1, 5), (PLAIN, 5), (1 << 62, 5), (-4, 5)]:
        found = wanted(given, target, current, tolerance, usage)
        assert reckoner.replicas(usage, current) == (found and found.replicas), (given, target, usage, current)


def test_not_more_than_so_many_are_remembered():
    given = Totals(usage=0, samples=1, values=1, ready=1, requests=100)
    reckoner = Reckoner(given, 100, Tolerance(0.1, 0.1))
    assert [reckoner.replicas(percent, 1) for percent in range(KEPT + 2)][-1] == 41
    assert len(reckoner._known) == 2
