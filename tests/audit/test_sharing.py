from __future__ import annotations

import pytest

from autoscaler.audit.codec import MAX_BODY
from autoscaler.audit.sharing import Sharing, changed
from autoscaler.errors import MalformedError
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.plan import Action
from tests.audit.samples import NOON, cpu_proposal, decision, stages


def held(number: int, **changes: object) -> Decision:
    fields = {"action": Action.HOLD, "outcome": Outcome.HELD, "current": 5, "desired": 5}
    return decision(number, **(fields | changes))


def test_the_same_again_joins_the_record_of_the_first() -> None:
    sharing = Sharing(60.0)
    first, first_id = sharing.entry(held(1))
    assert (first.standing, first.joins, first_id) == (True, None, "web-1")
    again, again_id = sharing.entry(held(2, stages=stages(cpu_proposal(usage=1360))))
    assert (again.joins, again.row, again_id) == (NOON + 1, b"[1.0,7.25,[1360]]", "web-1")
    assert again.body, "the whole record goes along, in case the other stands no more"


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
    entry, record_id = sharing.entry(later)
    assert (entry.joins, record_id) == (None, later.id)
    assert entry.standing is (heartbeat > 0)


def test_a_change_is_joined_by_nobody() -> None:
    sharing = Sharing(60.0)
    sharing.entry(held(1))
    written, _ = sharing.entry(decision(2))
    assert (written.standing, written.changed, written.joins) == (False, True, None)
    assert sharing.entry(held(3))[0].joins is None


def test_a_full_record_is_joined_no_more() -> None:
    sharing = Sharing(60.0)
    sizes = {}
    for number in range(4000):
        entry, record_id = sharing.entry(held(1, time=f"2027-01-15T08:00:{1 + number / 1000:09.6f}Z", id=str(number)))
        sizes[record_id] = sizes.get(record_id, 0) + len(entry.row or entry.body)
    assert len(sizes) == 2
    assert max(sizes.values()) < MAX_BODY


def test_what_is_forgotten_is_not_joined() -> None:
    sharing = Sharing(60.0)
    sharing.entry(held(1))
    sharing.forget("shop/Deployment/web")
    assert sharing.entry(held(2))[0].joins is None
    sharing.forget_all()
    assert sharing.entry(held(3))[0].joins is None


def test_a_decision_without_a_time_is_refused() -> None:
    with pytest.raises(MalformedError):
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
