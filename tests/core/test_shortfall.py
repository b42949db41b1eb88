from autoscaler.core.shortfall import Shortfall
from autoscaler.model.whatif import Unanswerable


def test_evaluations_are_counted_by_their_reason_from_the_first_on():
    found = Shortfall("shop/Deployment/web")
    assert list(found.told()) == []
    for why, at, number in (("late", 15.0, 2), ("gone", 30.0, 1), ("late", 45.0, 3)):
        found.add(why, at, number)
    assert list(found.told()) == [
        Unanswerable("shop/Deployment/web", 15.0, 5, "late"),
        Unanswerable("shop/Deployment/web", 30.0, 1, "gone"),
    ]
