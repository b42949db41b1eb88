"""Delivers the spool to Kafka: at least once, in order per target, for ever if need be; nobody waits for it.

Records go in rounds: the oldest ones up to one producer batch, all sent before any is awaited, so that no partition has
two batches in flight; then the cursor moves. After any error the producer is thrown away and the round sent anew: one
that met an error cannot be trusted any more (aiokafka never gives back the sequence numbers of a refused batch, never
looks for a broker that moved). Only a refusal of the record itself, for its size, is final: it is set aside, and a stub
with its id and number published in its place.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import structlog
from aiokafka.errors import MessageSizeTooLargeError, RecordListTooLargeError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential
from tenacity.wait import wait_base

from autoscaler.audit import codec
from autoscaler.audit.brokerlog import BrokerLog
from autoscaler.audit.codec import Headers, Record
from autoscaler.clock import Clock
from autoscaler.telemetry import AuditTelemetry

log = structlog.get_logger(__name__)

ROUND_BYTES = 96 * 1024  # with keys, headers and framing one round stays under a producer batch of 128 KiB
ROUND_ROWS = 80
START_WITHIN = 15.0
ROUND_WITHIN = 30.0
CLOSE_WITHIN = 1.0
FINISH_WITHIN = 2.0  # with CLOSE_WITHIN, and the second of the last evaluations, well under the 5 s there are to end
FORWARD_INTERVAL = 0.25  # fuller batches: a quarter of the broker's work and of the log's bytes (measured)
BACKOFF = wait_random_exponential(multiplier=0.2, max=10)

REFUSALS = (MessageSizeTooLargeError, RecordListTooLargeError)


class Producer(Protocol):
    """A connection for one streak of good luck. `send` gives the future acknowledgement; `close` waits for none."""

    async def start(self) -> None: ...
    async def send(self, topic: str, *, key: bytes, value: bytes, headers: Headers) -> asyncio.Future[object]: ...
    async def close(self) -> None: ...


class Backlog(Protocol):
    """The undelivered records; `audit.outbox.Outbox`."""

    async def news(self) -> None: ...
    async def settle(self) -> None: ...
    async def undelivered(self, max_bytes: int, max_rows: int) -> Sequence[Record]: ...
    async def delivered(self, position: int) -> None: ...
    async def set_aside(self, record: Record, reason: str) -> None: ...


class Forwarder:
    """`run` until cancelled, then `finish`. `make` gives a fresh producer, with credentials read anew each time.

    `kind` is the `ce_type` of the records.
    """

    def __init__(
        self,
        backlog: Backlog,
        make: Callable[[], Producer],
        topic: str,
        clock: Clock,
        telemetry: AuditTelemetry,
        *,
        kind: str = codec.DECISION_TYPE,
        interval: float = FORWARD_INTERVAL,
        round_within: float = ROUND_WITHIN,
        backoff: wait_base = BACKOFF,
    ) -> None:
        self._backlog = backlog
        self._make = make
        self._topic = topic
        self._clock = clock
        self._telemetry = telemetry
        self._kind = kind
        self._interval = interval
        self._round_within = round_within
        self._producer: Producer | None = None
        self._careful_until = 0
        self._turn = asyncio.Lock()  # `finish` may be called before the cancelled `run` has cleaned up
        self._broker_log = BrokerLog(clock)
        self.problem = ""
        """What stands between the spool and Kafka, for the readiness detail; "" = nothing."""
        self._retrying = AsyncRetrying(
            sleep=clock.sleep, wait=backoff, retry=retry_if_exception_type(Exception), before_sleep=self._failed
        )

    async def run(self) -> None:
        """Deliver for ever. Cancel it to stop, then call `finish`."""
        with self._broker_log.attached():
            while True:
                await self._backlog.news()
                rows: int = await self._retrying(self._round)
                if rows < ROUND_ROWS:
                    await self._clock.sleep(self._interval)

    async def finish(self) -> None:
        """Deliver what is left for at most 2 s, without a second try; the rest waits in the spool for next time."""
        with self._broker_log.attached():
            try:
                async with asyncio.timeout(FINISH_WITHIN):
                    await self._backlog.settle()
                    while await self._round():
                        pass
            except Exception as exc:  # noqa: BLE001 - whatever it is: the records are safe and the process must end
                log.warning("Left records in the spool for the next start", error=_said(exc))
            finally:
                await self._discard()

    async def _round(self) -> int:
        """Send the oldest records and move the cursor past them; how many there were."""
        async with self._turn:
            records = await self._backlog.undelivered(ROUND_BYTES, ROUND_ROWS)
            if not records:
                return 0
            careful = records[0].position <= self._careful_until
            try:
                if careful:
                    records = records[:1]
                    await self._single(records[0])
                else:
                    await self._send(records, self._kind)
            except BaseException as exc:
                if isinstance(exc, REFUSALS) and not careful:
                    self._careful_until = records[-1].position  # one of these: find out which, one by one
                await self._discard()
                raise
            await self._backlog.delivered(records[-1].position)
        self._telemetry.delivered.inc(len(records))
        self._recovered()
        return len(records)

    async def _single(self, record: Record) -> None:
        """Send one record, or set it aside and send its stub when Kafka refuses it."""
        try:
            await self._send([record], self._kind)
        except REFUSALS as exc:
            reason = _said(exc)
            await self._discard()
            await self._send([codec.stub(record, reason)], codec.PARKED_TYPE)
            await self._backlog.set_aside(record, reason)
            self._telemetry.parked.inc()
            size = len(record.body)
            log.error(
                "Set a record aside that Kafka refuses", target=record.key, seq=record.seq, size=size, error=reason
            )

    async def _send(self, records: Sequence[Record], kind: str) -> None:
        """Return when all of `records` are acknowledged; the first error otherwise."""
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
        try:
            async with asyncio.timeout(CLOSE_WITHIN):
                await producer.close()
        except Exception as exc:  # noqa: BLE001 - it is being thrown away because it failed
            log.info("Abandoned a Kafka producer", error=_said(exc))

    def _failed(self, state: RetryCallState) -> None:
        """Note the failure before the next try."""
        error = state.outcome.exception() if state.outcome else None
        said = _said(error)
        self._telemetry.producers.labels(type(error).__name__).inc()
        hint = self._broker_log.last_error
        problem = f"audit delivery: {said}" + (f" (last said: {hint})" if hint else "")
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


def _said(error: BaseException | None) -> str:
    text = str(error)
    name = type(error).__name__
    return text if text.startswith(name) else f"{name}: {text}".removesuffix(": ")
