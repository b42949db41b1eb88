from __future__ import annotations

import pytest

from autoscaler.audit import codec
from autoscaler.audit.codec import MAX_BODY
from autoscaler.audit.sharing import Sharing, changed
from autoscaler.errors import UnwritableError
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.plan import Action
from tests.audit.samples import NOON, cpu_proposal, decision, stages


def held(number: int, **changes: object) -> Decision:
    fields = {"action": Action.HOLD, "outcome": Outcome.HELD, "current": 5, "desired": 5}
    return decision(number, **(fields | changes))


def test_the_same_again_joins_the_record_of_the_first() -> None:
    sharing = Sharing(60.0)
    first = sharing.entry(held(1))
    assert (first.standing, first.joins, first.id) == (True, None, "web-1")
    later = held(2, stages=stages(cpu_proposal(usage=1360)))
    again = sharing.entry(later)
    assert (again.joins, again.body, again.id) == (NOON + 1, b"[1.0,7.25,[1360]]", "web-1")
    assert again.record() == codec.encode(later), "in case the other stands no more"


@pytest.mark.parametrize(
    ("heartbeat", "later"),
    [
        pytest.param(60.0, held(2, error="x"), id="another outcome"),
        pytest.param(60.0, held(61), id="the first is old enough to be delivered"),
        pytest.param(60.0, held(0), id="the clock went back"),
        pytest.param(0.0, held(2), id="sharing is off"),
        pytest.param(60.0, held(2, name="db"), id="another target"),
    ],
)
def test_others_have_records_of_their_own(heartbeat: float, later: Decision) -> None:
    sharing = Sharing(heartbeat)
    sharing.entry(held(1))
    entry = sharing.entry(later)
    assert (entry.joins, entry.id) == (None, later.id)
    assert entry.standing is (heartbeat > 0)


def test_a_change_is_joined_by_nobody() -> None:
    sharing = Sharing(60.0)
    sharing.entry(held(1))
    written = sharing.entry(decision(2))
    assert (written.standing, written.changed, written.joins) == (False, True, None)
    assert sharing.entry(held(3)).joins is None


def test_a_full_record_is_joined_no_more() -> None:
    sharing = Sharing(60.0)
    sizes = {}
    for number in range(4000):
        entry = sharing.entry(held(1, time=f"2027-01-15T08:00:{1 + number / 1000:09.6f}Z", id=str(number)))
        sizes[entry.id] = sizes.get(entry.id, 0) + len(entry.body)
    assert len(sizes) == 2
    assert max(sizes.values()) < MAX_BODY


def test_what_is_forgotten_is_not_joined() -> None:
    sharing = Sharing(60.0)
    sharing.entry(held(1))
    sharing.forget("shop/Deployment/web")
    assert sharing.entry(held(2)).joins is None
    sharing.forget_all()
    assert sharing.entry(held(3)).joins is None


def test_a_decision_without_a_time_is_refused() -> None:
    with pytest.raises(UnwritableError, match="no RFC 3339"):
        Sharing(60.0).entry(held(1, time="yesterday"))


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome.WRITTEN, True),
        (Outcome.SHADOWED, True),
        (Outcome.HELD, False),
        (Outcome.CONFLICTED, False),
        (Outcome.FAILED, False),
    ],
)
def test_what_counts_as_a_change(outcome: Outcome, expected: bool) -> None:
    assert changed(decision(outcome=outcome)) is expected
