"""What `make soak` judges, and a short one: the whole program while its Kafka is slow, frozen, gone and elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from autoscaler.audit.entry import Entry
from autoscaler.audit.spool import Spool
from tests.e2e.kafka.broker import Broker
from tests.e2e.kafka.soak import SLOW, Lengths, numbers, prepared
from tests.e2e.kafka.verdict import Latency, Pair, Verdict, Window, ratio, writing

pytestmark = pytest.mark.timeout(590)

SHORT = Lengths(window=5.0, outage=10.0, rounds=1, wave=60.0, resolution=3.0)
"""Scraped five times as often as usual: a life of the program decides after a fifth of the time."""
TARGETS = 150


@pytest.fixture(scope="module")
def verdict(frail: Broker, tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    frail.revive()
    frail.stop()
    with prepared(tmp_path_factory.mktemp("soak"), frail, TARGETS, SHORT, print) as soak:
        return soak.run()


def test_q02_q15_an_outage_with_three_kills_and_another_address_loses_nothing_and_keeps_the_order(
    verdict: Verdict,
) -> None:
    assert (verdict.lost, verdict.late, verdict.strangers) == (0, 0, 0), str(verdict)
    assert verdict.records > TARGETS


def test_q14_a_slow_a_frozen_and_an_absent_kafka_are_not_waited_for(verdict: Verdict) -> None:
    """By how little scaling slows down is for `make soak` to say: it takes more writes than there are here."""
    for pair in verdict.pairs:
        assert pair.bad.writes.writes > 0, str(verdict)
    assert verdict.bad.quantile(0.99) < SLOW, str(verdict)
    assert not verdict.slower, str(verdict)


def test_q01_scaling_goes_on_where_there_never_was_a_kafka(verdict: Verdict) -> None:
    assert verdict.startless > 0, str(verdict)


def window(fast: int, slow: int) -> Window:
    inf = float("inf")
    counts = {0.005: 0.0, 0.01: float(fast), 0.1: float(fast + slow), inf: float(fast + slow)}
    return Window(Latency(counts), [0.01])


def judged(pairs: Sequence[Pair], **changes: int) -> Verdict:
    found = {"records": 1, "lost": 0, "late": 0, "duplicates": 0, "strangers": 0, **changes}
    return Verdict(**found, pairs=pairs, startless=1.0)


def test_the_verdict_can_fail() -> None:
    """Chance explains a few slow writes more, not three times as many."""
    good = window(990, 10)
    calm = [Pair(good, window(989, 11))] * 10
    assert judged(calm).passed
    assert judged([Pair(good, window(970, 30))] * 10).slower
    for fault in ("lost", "late", "strangers"):
        assert not judged(calm, **{fault: 1}).passed
    assert str(judged(calm)).endswith("passed")


def test_a_moment_in_which_the_machine_was_busy_is_not_kafkas() -> None:
    """All slow writes stand in one window of ten: the next run may have them on the other side."""
    pairs = [Pair(window(1000, 0), window(1000, 0))] * 9 + [Pair(window(1000, 0), window(0, 1000))]
    assert not judged(pairs).slower
    found = ratio(pairs, writing(0.99))
    assert found.low == pytest.approx(1.0)
    assert found.high > 5


def test_what_the_spool_keeps_for_the_next_start_is_not_lost(tmp_path: Path) -> None:
    spool = Spool(tmp_path, now=0.0, forwarding=True)
    spool.append([Entry(key, 0.0, changed=True, body=b'{"id": "x"}') for key in ("web", "web", "api", "web")])
    spool.delivered(2)
    spool.close()
    assert numbers(tmp_path) == {"web": 2, "api": 0}
