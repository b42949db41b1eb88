import pytest
from structlog.testing import capture_logs

from autoscaler.errors import AuditError, ForbiddenError, ShedError, SlowError, SpoolFullError
from autoscaler.model.decision import Outcome
from autoscaler.model.status import Pending
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


def test_a_record_stays_within_its_schema_whatever_clocks_and_statuses_say(shop: Shop) -> None:
    shop.sample_age = -3600.0
    assert shop.evaluate().sample_age == 0.0
    assert shop.evaluate(policy(max_replicas=0, desired=-1)).desired == 0


def test_a_record_that_only_the_log_has_is_told(shop: Shop) -> None:
    shop.evaluate()
    assert shop.condition("AuditDelivered").reason == "Delivered"
    shop.spool_fault = AuditError("no space left on device")
    shop.evaluate()
    assert (shop.condition("AuditDelivered").status, shop.condition("AuditDelivered").reason) == ("False", "NotKept")


def test_a_record_that_waits_for_the_disk_is_told_as_that(shop: Shop) -> None:
    shop.spool_fault = SlowError("the audit spool did not answer within 1 s")
    with capture_logs() as logs:
        shop.evaluate()
    told = shop.condition("AuditDelivered")
    assert (told.status, told.reason) == ("False", "DiskSlow")
    assert [each["log_level"] for each in logs if "record" in each] == ["warning"]


def test_a_record_that_was_dropped_on_purpose_is_no_trouble_of_its_target(shop: Shop) -> None:
    shop.spool_fault = ShedError("nearly full")
    with capture_logs() as logs:
        assert shop.evaluate().outcome is Outcome.WRITTEN
    assert shop.condition("AuditDelivered").reason == "Delivered"
    assert not [each for each in logs if "record" in each]


def test_nothing_is_scaled_where_there_would_be_no_record_of_it_and_somebody_asked_for_that(shop: Shop) -> None:
    shop.no_room = SpoolFullError("the audit spool is full")
    decision = shop.evaluate()
    assert (decision.outcome, shop.replicas, shop.written) == (Outcome.DEFERRED, 2, [])
    assert decision.error == "the audit spool is full; nothing is scaled without a record (--audit-full=halt)"
    assert shop.promises == [], "nor is it promised"
    shop.no_room = None
    assert shop.evaluate().outcome is Outcome.WRITTEN


@pytest.mark.parametrize(("named", "whole"), [("id-1", True), ("id-9", False)], ids=["its own", "of another decision"])
def test_what_was_reserved_before_a_crash_is_recorded_whole_after_it(shop: Shop, named: str, whole: bool) -> None:
    meant = shop.evaluate()
    after = Shop()
    after.replicas, after.meant = 4, meant
    after.left = Pending(decision=named, current=2, desired=4, resource_version="7", reason="AboveTarget", leadership=4)
    after.evaluate()
    found = after.records[0]
    assert (found.id, found.outcome, found.desired) == (named, Outcome.WRITTEN, 4)
    assert (found == meant) is whole
    assert bool(found.stages) is whole


def test_who_else_scales_the_target_is_told_as_long_as_it_does(shop: Shop) -> None:
    shop.evaluate()
    assert shop.warned == []
    shop.others = ("HorizontalPodAutoscaler shop/web",)
    for _ in range(2):
        shop.evaluate()
    assert shop.warned == ["shop/web", "shop/web"]
