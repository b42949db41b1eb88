import pytest

from autoscaler.errors import NotFoundError
from autoscaler.model.decision import Outcome
from autoscaler.model.objects import ObjectKey
from tests.control.shop import Shop


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_the_pods_that_were_counted_are_followed(shop: Shop) -> None:
    shop.evaluate()
    assert shop.followers.of([ObjectKey("shop", "web-1")]) == {ObjectKey("shop", "web")}


def test_a_selector_that_is_none_is_a_condition(shop: Shop) -> None:
    shop.selector = "(("
    shop.evaluate()
    assert shop.condition("ScalingActive").reason == "InvalidSelector"


def test_a_target_that_is_not_there_holds_and_says_so(shop: Shop) -> None:
    shop.unreadable = NotFoundError('deployments.apps "web" not found', status=404)
    decision = shop.evaluate()
    assert (decision.outcome, decision.current, decision.reason) == (Outcome.HELD, None, "FailedGetScale")
    assert "not found" in shop.condition("AbleToScale").message
    assert shop.statuses[-1].desired_replicas is None
