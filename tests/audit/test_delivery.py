import asyncio

import pytest

from autoscaler.audit.delivery import Delivery
from autoscaler.audit.room import Pressure
from tests.clock import FakeClock


class Spool:
    def __init__(self, oldest: float | None, pressure: Pressure = Pressure.NONE, *, halting: bool = False) -> None:
        self.oldest, self.pressure, self.halting = oldest, pressure, halting


class Kafka:
    def __init__(self, problem: str = "", alarm: str = "") -> None:
        self.problem = problem
        self.alarm = alarm


@pytest.mark.parametrize(
    ("age", "status", "reason"),
    [
        pytest.param(None, "True", "Delivered", id="nothing waits"),
        pytest.param(59.0, "True", "Delivered", id="waiting its turn"),
        pytest.param(60.0, "False", "DeliveryDelayed", id="late"),
    ],
)
def test_a_minute_is_late(age: float | None, status: str, reason: str) -> None:
    clock = FakeClock()
    spool = Spool(None if age is None else clock.now() - age)
    told = Delivery(spool, Kafka(), clock).condition()
    assert (told.type, told.status, told.reason) == ("AuditDelivered", status, reason)


def test_known_trouble_is_told_at_once_if_anything_waits() -> None:
    clock, trouble = FakeClock(), Kafka("audit delivery: no broker let us in")
    assert Delivery(Spool(clock.now()), trouble, clock).condition().reason == "DeliveryDelayed"
    assert Delivery(Spool(None), trouble, clock).condition().reason == "Delivered"


def test_what_stands_between_is_told_and_the_words_stay_while_it_does() -> None:
    clock = FakeClock()
    spool = Spool(clock.now() - 61)
    delivery = Delivery(spool, Kafka("audit delivery: no broker let us in"), clock)
    first = delivery.condition()
    assert "no broker let us in" in first.message
    asyncio.run(clock.advance(600))
    spool.oldest = clock.now() - 90
    assert delivery.condition() == first


def test_without_brokers_nobody_can_know() -> None:
    told = Delivery(Spool(1.0), None, FakeClock()).condition()
    assert (told.status, told.reason) == ("Unknown", "NoBrokers")
    assert "--audit-kafka-bootstrap-servers" in told.message


@pytest.mark.parametrize("kafka", [None, Kafka("no broker let us in")], ids=["no Kafka", "Kafka is away"])
@pytest.mark.parametrize(
    ("pressure", "halting", "reason", "words"),
    [
        pytest.param(Pressure.CROWDED, False, "RecordsShed", "that change nothing are not recorded", id="crowded"),
        pytest.param(Pressure.FULL, False, "SpoolFull", "records are in the log only", id="full"),
        pytest.param(Pressure.FULL, True, "SpoolFull", "nothing is scaled", id="full, and scaling is to halt"),
    ],
)
def test_want_of_room_is_told_before_all_else(
    kafka: Kafka | None, pressure: Pressure, halting: bool, reason: str, words: str
) -> None:
    told = Delivery(Spool(1.0, pressure, halting=halting), kafka, FakeClock()).condition()
    assert (told.status, told.reason) == ("False", reason)
    assert words in told.message


def test_q16_another_cluster_is_an_alarm_though_records_arrive() -> None:
    told = Delivery(Spool(None), Kafka(alarm="records go to Kafka cluster b"), FakeClock()).condition()
    assert (told.status, told.reason, told.message) == ("False", "ClusterChanged", "records go to Kafka cluster b")
