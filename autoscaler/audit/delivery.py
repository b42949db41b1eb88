"""Whether the records of decisions are kept and reach Kafka, as a policy's status tells it.

Records are delivered in the order of the spool, whatever their target. So a target's newest record is with Kafka only
after the oldest of all: one age says it for everybody.
"""

from __future__ import annotations

from typing import Protocol

from autoscaler.audit.room import Pressure
from autoscaler.clock import Clock
from autoscaler.model.policy import Condition

LATE_SECONDS = 60.0
"""A record that has waited longer is late, known trouble or not; the usual wait is a fraction of a second."""
TYPE = "AuditDelivered"


class Backlog(Protocol):
    """When the oldest record was made that Kafka does not have, None when it has all; whether there is room for more,
    and whether nothing is scaled without; `audit.outbox.Outbox`.
    """

    @property
    def oldest(self) -> float | None: ...
    @property
    def pressure(self) -> Pressure: ...
    @property
    def halting(self) -> bool: ...


class Channel(Protocol):
    """What stands between the spool and Kafka, "" when nothing does; an alarm is of where records go all the same."""

    @property
    def problem(self) -> str: ...
    @property
    def alarm(self) -> str: ...


class Delivery:
    """`channel` None: there is no Kafka."""

    def __init__(self, backlog: Backlog, channel: Channel | None, clock: Clock) -> None:
        self._backlog = backlog
        self._channel = channel
        self._clock = clock

    def condition(self) -> Condition:
        """As it stands now. Its words do not move with time: each change is a write for every policy there is."""
        if self._backlog.pressure is Pressure.FULL:
            then = "nothing is scaled (--audit-full=halt)" if self._backlog.halting else "records are in the log only"
            return Condition(type=TYPE, status="False", reason="SpoolFull", message=f"the audit spool is full: {then}")
        if self._backlog.pressure is Pressure.CROWDED:
            message = "the audit spool is nearly full: evaluations that change nothing are not recorded"
            return Condition(type=TYPE, status="False", reason="RecordsShed", message=message)
        if self._channel is None:
            message = "no brokers are set (--audit-kafka-bootstrap-servers): records stay in the spool"
            return Condition(type=TYPE, status="Unknown", reason="NoBrokers", message=message)
        oldest, problem = self._backlog.oldest, self._channel.problem
        if oldest is None or (not problem and self._clock.now() - oldest < LATE_SECONDS):
            if self._channel.alarm:
                return Condition(type=TYPE, status="False", reason="ClusterChanged", message=self._channel.alarm)
            message = "Kafka has the records, or is about to"
            return Condition(type=TYPE, status="True", reason="Delivered", message=message)
        message = f"records wait in the spool: {problem or 'for more than a minute'}"
        return Condition(type=TYPE, status="False", reason="DeliveryDelayed", message=message)
