"""What `make soak` judges; the run itself is too long for every merge."""

from __future__ import annotations

from tests.e2e.kafka.soak import Latency, Verdict


def latency(fast: int, slow: int) -> Latency:
    inf = float("inf")
    return Latency({0.005: 0.0, 0.01: float(fast), 0.1: float(fast + slow), inf: float(fast + slow)})


def test_the_verdict_can_fail() -> None:
    """Chance explains a few slow writes more, not three times as many."""
    good = latency(9900, 100)

    def judged(bad: Latency, **changes: int) -> Verdict:
        found = {"records": 1, "lost": 0, "late": 0, "duplicates": 0, "strangers": 0, **changes}
        return Verdict(**found, good=good, bad=bad, startless=1.0)

    assert judged(latency(9890, 110)).passed
    assert judged(latency(9700, 300)).slower
    for fault in ("lost", "late", "strangers"):
        assert not judged(good, **{fault: 1}).passed
    assert str(judged(good)).endswith("passed")
