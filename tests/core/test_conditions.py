from autoscaler.core.conditions import REMOVED, holds, merged, touched
from autoscaler.model.policy import Condition


def condition(type_, status, since=None, reason="R"):
    return Condition(type=type_, status=status, reason=reason, message="", since=since)


def test_a_touched_condition_keeps_its_place():
    conditions = touched(touched((), "A", "True", "R", ""), "B", "True", "R", "")
    assert [each.type for each in touched(conditions, "A", "False", "R2", "")] == ["A", "B"]
    assert touched(conditions, "A", "False", "R2", "")[0].reason == "R2"


def test_only_true_holds():
    assert holds([condition("A", "True")], "A")
    assert not holds([condition("A", "False"), condition("B", "True")], "A")


def test_the_transition_time_moves_with_the_status_only():
    standing = [condition("A", "True", since=1.0), condition("B", "True", since=1.0), condition("C", "True", since=1.0)]
    new = [condition("B", "True", reason="New"), condition("C", "False"), condition("D", "True")]
    found = merged(standing, new, 9.0)
    assert [(each.type, each.since) for each in found] == [("A", 1.0), ("B", 1.0), ("C", 9.0), ("D", 9.0)]
    assert found[1].reason == "New"


def test_a_removed_condition_is_gone():
    assert merged([condition("A", "True")], [condition("A", REMOVED), condition("B", REMOVED)], 9.0) == ()
