"""Delivers the spool to Kafka: at least once, in order per target, for ever if need be; nobody waits for it.

Records go in rounds: the oldest ones up to one producer batch, all sent before any is awaited, so that no partition has
two batches in flight. The spool is read and marked for several rounds at a time (`audit.readahead`). After any error
the producer is thrown away and the round sent anew: one that met an error cannot be trusted any more (aiokafka never
gives back the sequence numbers of a refused batch, never looks for a broker that moved). A refusal of the record itself
is final (`audit.refusals`): it is set aside, and a stub with its id and number published in its place. A refusal of the
topic (there is none, or no right to write it) is for a person to mend: records wait for it in the spool, however long.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential
from tenacity.wait import wait_base

from autoscaler.audit import codec, reasons, refusals
from autoscaler.audit.brokerlog import BrokerLog
from autoscaler.audit.codec import Headers, Record
from autoscaler.audit.readahead import ReadAhead, Stock, Told
from autoscaler.clock import Clock
from autoscaler.errors import MalformedError
from autoscaler.telemetry import DeliveryTelemetry

log = structlog.get_logger(__name__)

ROUND_BYTES = 96 * 1024  # with keys, headers and framing one round stays under a producer batch of 128 KiB
ROUND_ROWS = 80
START_WITHIN = 60.0  # half a dozen questions and answers, and SASL's, also where each takes 5 s
ROUND_WITHIN = 30.0
CLOSE_WITHIN = 1.0
MARK_WITHIN = 0.5  # a mark that is not waited for is made all the same: it stands in the queue of the spool's thread
FINISH_WITHIN = 2.0  # with these two, and the second of the last evaluations, under the 5 s there are to end
FORWARD_INTERVAL = 0.25  # fuller batches: a quarter of the broker's work and of the log's bytes (measured)
FINAL = (*refusals.OF_A_RECORD, MalformedError)  # one whose body a disk has changed has no headers
BACKOFF = wait_random_exponential(multiplier=0.2, max=10)


class Producer(Protocol):
    """A connection for one streak of good luck. `send` gives the future acknowledgement; `close` waits for none.

    `asked` names the brokers it tried; `stale` says that credentials have changed since it was made.
    """

    @property
    def asked(self) -> str: ...
    def stale(self) -> bool: ...
    async def start(self) -> None: ...
    async def send(self, topic: str, *, key: bytes, value: bytes, headers: Headers) -> asyncio.Future[object]: ...
    async def close(self) -> None: ...


class Backlog(Stock, Protocol):
    """The undelivered records; `audit.outbox.Outbox`. `set_aside` raises when the record is not safe elsewhere."""

    async def settle(self) -> None: ...
    async def set_aside(self, record: Record, reason: str) -> None: ...


class Forwarder:
    """`run`, then `finish` beside it, then cancel `run` if it has not returned.

    `make` gives a fresh producer, with credentials read anew each time. `kind` is the `ce_type` of the records, `told`
    are called with those that Kafka has acknowledged and the backlog has marked.
    """

    def __init__(
        self,
        backlog: Backlog,
        make: Callable[[], Producer],
        topic: str,
        clock: Clock,
        telemetry: DeliveryTelemetry,
        *,
        kind: str = codec.DECISION_TYPE,
        interval: float = FORWARD_INTERVAL,
        round_within: float = ROUND_WITHIN,
        backoff: wait_base = BACKOFF,
        told: Sequence[Told] = (),
    ) -> None:
        self._backlog = backlog
        self._make = make
        self._topic = topic
        self._clock = clock
        self._telemetry = telemetry
        self._kind = kind
        self._interval = interval
        self._round_within = round_within
        self._ahead = ReadAhead(backlog, clock, [*told, self._count])
        self._producer: Producer | None = None
        self._asked = ""
        self._careful_until = 0
        self._stubbed = 0
        self._turn = asyncio.Lock()  # a round that is under way when `finish` is called ends before its own
        self._ending = False
        self._broker_log = BrokerLog(clock)
        self.problem = ""
        """What stands between the spool and Kafka, for the readiness detail; "" = nothing."""
        self._retrying = AsyncRetrying(
            sleep=clock.sleep, wait=backoff, retry=retry_if_exception_type(Exception), before_sleep=self._failed
        )

    async def run(self) -> None:
        """Deliver until `finish` is called: the round under way then is the last one begun here."""
        with self._broker_log.attached():
            while not self._ending:
                await self._ahead.news()
                await self._retrying(self._regular)
                if not self._ahead.more:
                    await self._clock.sleep(self._interval)

    async def finish(self) -> bool:
        """Deliver what is left for at most 2 s, without a second try; the rest waits in the spool for next time.

        A round of `run` that is under way is waited for: cut off, it would be sent again. Whether everything was
        delivered.
        """
        self._ending = True
        with self._broker_log.attached():
            try:
                async with asyncio.timeout(FINISH_WITHIN), self._turn:
                    await self._backlog.settle()
                    while await self._round():
                        pass
                    return True
            except Exception as exc:  # noqa: BLE001 - whatever it is: the records are safe and the process must end
                log.warning("Left records in the spool for the next start", error=reasons.named(exc))
            finally:
                await self._discard()
                await self._mark_the_rest()
            return False

    async def _mark_the_rest(self) -> None:
        """What is not marked is sent again by the next start."""
        try:
            async with asyncio.timeout(MARK_WITHIN):
                await self._ahead.mark()
        except Exception as exc:  # noqa: BLE001 - as above
            log.warning("Left what Kafka has unmarked in the spool", error=reasons.named(exc))

    async def _regular(self) -> None:
        async with self._turn:
            if not self._ending:
                await self._round()

    async def _round(self) -> bool:
        """Send the oldest records; False when there is none."""
        records = await self._ahead.round(ROUND_BYTES, ROUND_ROWS)
        if not records:
            return False
        careful = records[0].position <= self._careful_until
        try:
            if careful:
                records = records[:1]
                await self._single(records[0])
            else:
                await self._send(records, self._kind)
        except BaseException as exc:
            if isinstance(exc, FINAL) and not careful:
                self._careful_until = records[-1].position  # one of these: find out which, one by one
            self._ahead.forget()
            await self._discard()
            raise
        await self._ahead.acknowledged(records, at_once=careful)
        self._recovered()
        return True

    def _count(self, records: Sequence[Record]) -> None:
        self._telemetry.delivered.inc(len(records))

    async def _single(self, record: Record) -> None:
        """Send one record, or set it aside and send its stub when Kafka refuses it."""
        try:
            await self._send([record], self._kind)
        except FINAL as exc:
            reason = reasons.named(exc)
            await self._discard()
            if record.position != self._stubbed:  # else it is there, and the record was not safe yet
                await self._send([codec.stub(record, reason)], codec.PARKED_TYPE)
                self._stubbed = record.position
            await self._backlog.set_aside(record, reason)
            self._telemetry.parked.inc()
            size = len(record.body)
            log.error(
                "Set a record aside that Kafka refuses", target=record.key, seq=record.seq, size=size, error=reason
            )

    async def _send(self, records: Sequence[Record], kind: str) -> None:
        """Return when all of `records` are acknowledged; the first error otherwise."""
        if self._producer is not None and self._producer.stale():
            log.info("Kafka credentials have changed: connecting anew", topic=self._topic)
            await self._discard()
        producer = self._producer or await self._started()
        acknowledgements: list[asyncio.Future[object]] = []
        try:
            async with _deadline(self._round_within, "no acknowledgement"):
                for record in records:
                    headers = codec.headers(record, kind)
                    acknowledgements.append(
                        await producer.send(self._topic, key=record.key.encode(), value=record.body, headers=headers)
                    )
                await asyncio.gather(*acknowledgements)
        finally:
            for acknowledgement in acknowledgements:  # those nobody will ask any more; no-op for the others
                acknowledgement.cancel()

    async def _started(self) -> Producer:
        producer = self._producer = self._make()
        async with _deadline(START_WITHIN, "no broker let us in"):
            await producer.start()
        return producer

    async def _discard(self) -> None:
        """Throw the producer away, whatever it is doing; the next round makes another one."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        self._asked = producer.asked
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                await producer.close()
        except Exception as exc:  # noqa: BLE001 - it is being thrown away because it failed
            log.info("Abandoned a Kafka producer", error=reasons.named(exc))

    def _failed(self, state: RetryCallState) -> None:
        """Note the failure before the next try."""
        error = state.outcome.exception() if state.outcome else None
        self._telemetry.producers.labels(type(error).__name__).inc()
        problem = f"audit delivery: {reasons.told(error, self._broker_log.last_error, self._asked)}"
        if not self.problem:  # once per outage; its end is told too
            log.warning("Audit delivery was interrupted", topic=self._topic, problem=problem)
        self.problem = problem

    def _recovered(self) -> None:
        if self.problem:
            log.info("Audit delivery resumed", topic=self._topic)
        self.problem = ""
        self._broker_log.last_error = ""


@asynccontextmanager
async def _deadline(seconds: float, what: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as exc:
        raise TimeoutError(f"{what} within {seconds:g} s") from exc
