from __future__ import annotations

import pytest

from autoscaler.errors import ConflictError
from autoscaler.kube import journal
from autoscaler.model.plan import History, Recommendation, ScaleEvent
from autoscaler.model.status import Pending, PolicyStatus

PENDING = Pending(decision="d-1", leadership=7, current=2, desired=4, resource_version="9", reason="AboveTarget")
HISTORY = History(
    recommendations=(Recommendation(4, 100.5),),
    scale_ups=(ScaleEvent(2, 99.0),),
    scale_downs=(ScaleEvent(1, 1.0, outdated=True),),
)


def status(**given: object) -> PolicyStatus:
    return PolicyStatus(observed_generation=1, **given)  # type: ignore[arg-type]  # a test builds it from words


def test_what_is_told_is_read_back() -> None:
    made = journal.merged({"desiredReplicas": 2}, status(pending=PENDING, leadership=7, history=HISTORY))
    assert made["desiredReplicas"] == 2
    assert journal.pending(made) == PENDING
    kept = journal.history(made)
    assert kept is not None
    assert kept.restored
    assert (kept.recommendations, kept.scale_ups, kept.scale_downs) == (
        HISTORY.recommendations,
        HISTORY.scale_ups,
        HISTORY.scale_downs,
    )


def test_the_end_takes_away_the_decision_it_settles_and_no_other() -> None:
    made = journal.merged({}, status(pending=PENDING, leadership=7))
    assert "pendingDecision" not in journal.merged(made, status(settles="d-1", leadership=7))
    assert journal.pending(journal.merged(made, status(settles="d-0", leadership=7))) == PENDING


def test_a_decision_without_its_end_is_not_written_over() -> None:
    made = journal.merged({}, status(pending=PENDING, leadership=7))
    later = Pending(decision="d-2", leadership=8, current=4, desired=5, resource_version="10", reason="AboveTarget")
    with pytest.raises(ConflictError, match="d-1 is not finished"):
        journal.merged(made, status(pending=later, leadership=8))
    assert journal.pending(journal.merged(made, status(pending=later, leadership=8, settles="d-1"))) == later


def test_l01_a_leader_of_before_writes_nothing_over_a_later_one() -> None:
    made = journal.merged({}, status(leadership=8))
    with pytest.raises(ConflictError, match="leadership 8 decides here, ours was 7"):
        journal.merged(made, status(leadership=7))
    assert journal.merged(made, status(leadership=9))["leadership"] == 9
    assert journal.merged(made, status())["leadership"] == 8, "one that is alone"


@pytest.mark.parametrize("junk", [5, "x", [], {}, {"decisionId": 1}, {"recommendations": 3}])
def test_l03_junk_is_as_good_as_nothing(junk: object) -> None:
    held = {"pendingDecision": junk, "history": junk, "leadership": "seven"}
    assert journal.pending(held) is None
    assert journal.history({"history": junk}) in (None, History(recommendations=(), restored=True))
    assert journal.merged(held, status(pending=PENDING, leadership=7))["leadership"] == 7


def test_a_decision_about_fewer_pods_than_none_is_none() -> None:
    made = journal.merged({}, status(pending=PENDING))["pendingDecision"]
    assert journal.pending({"pendingDecision": made}) == PENDING
    assert journal.pending({"pendingDecision": {**made, "toReplicas": -1}}) is None  # type: ignore[dict-item]  # JSON


def test_l09_what_a_later_version_adds_does_not_disturb_this_one() -> None:
    made = dict(journal.merged({}, status(pending=PENDING, leadership=7, history=HISTORY)))
    made["pendingDecision"] = {**made["pendingDecision"], "later": {"a": 1}}  # type: ignore[dict-item]  # JSON
    made["history"] = {**made["history"], "later": [1]}  # type: ignore[dict-item]  # JSON
    made["laterStill"] = "kept"
    assert journal.pending(made) == PENDING
    assert journal.history(made) is not None
    assert journal.merged(made, status(settles="d-1", leadership=8))["laterStill"] == "kept"
