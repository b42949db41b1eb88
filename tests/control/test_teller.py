import pytest

from autoscaler.errors import AuditError, ForbiddenError
from autoscaler.model.decision import Outcome
from tests.control.shop import Shop, policy


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_a_spool_that_takes_nothing_does_not_keep_the_target_from_being_scaled(shop: Shop) -> None:
    shop.spool_fault = AuditError("no space left on device")
    assert shop.evaluate().outcome is Outcome.WRITTEN
    assert shop.replicas == 4


def test_a_status_that_cannot_be_written_does_not_keep_the_target_from_being_scaled(shop: Shop) -> None:
    shop.status_fault = ForbiddenError("no", status=403)
    assert shop.evaluate().outcome is Outcome.WRITTEN
    assert len(shop.records) == 1


def test_a_record_names_the_release_whose_rules_decided(shop: Shop) -> None:
    assert shop.evaluate().compat == "1.37"
    assert shop.evaluate(policy(max_replicas=0)).compat == ""


def test_a_record_that_only_the_log_has_is_told(shop: Shop) -> None:
    shop.evaluate()
    assert shop.condition("AuditDelivered").reason == "Delivered"
    shop.spool_fault = AuditError("no space left on device")
    shop.evaluate()
    assert (shop.condition("AuditDelivered").status, shop.condition("AuditDelivered").reason) == ("False", "NotKept")
