"""A broker in memory with the one rule that matters here: sequence numbers per producer and partition.

Like the real one it refuses a batch that does not follow the last it took from that producer; like aiokafka's the
producers use a number up even when their batch is refused: after a refusal nothing works until there is a new producer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiokafka.errors import KafkaConnectionError, KafkaError, MessageSizeTooLargeError, OutOfOrderSequenceNumber

from autoscaler.audit.codec import Headers
from autoscaler.audit.verify import Number


class Broker:
    """`lose`: messages are kept, and their acknowledgements never arrive. `fault` may raise, or return a
    future to be awaited instead of the acknowledgement, for a message.
    """

    def __init__(self) -> None:
        self.log: list[tuple[str, bytes, dict[str, bytes]]] = []
        self.up = True
        self.limit = 1 << 20
        self.fault: Callable[[bytes], asyncio.Future[object] | None] = lambda _: None
        self.producers: list[ScriptedProducer] = []
        self.stored = asyncio.Event()
        self.lose = False
        self._lost: list[asyncio.Future[object]] = []

    def hide(self, answer: asyncio.Future[object]) -> None:
        self._lost.append(answer)

    def acknowledge(self) -> None:
        """What was lost until now, late."""
        for answer in self._lost:
            answer.set_result(None)

    def producer(self) -> ScriptedProducer:
        self.producers.append(ScriptedProducer(self))
        return self.producers[-1]

    def numbers(self) -> list[Number]:
        return [Number(key, int(headers["epoch"]), int(headers["seq"])) for key, _, headers in self.log]

    def ids(self) -> list[str]:
        return [headers["ce_id"].decode() for _, _, headers in self.log]


class ScriptedProducer:
    """One partition; each message is a batch of its own."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._next = 0
        self._expected = 0
        self.closed = False
        self.changed = False

    asked = "127.0.0.1:9092"

    def stale(self) -> bool:
        return self.changed

    async def start(self) -> None:
        if not self._broker.up:
            raise KafkaConnectionError("Unable to bootstrap from [('127.0.0.1', 9092, 0)]")

    async def send(self, topic: str, *, key: bytes, value: bytes, headers: Headers) -> asyncio.Future[object]:
        assert topic == "decisions"
        assert not self.closed
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        sequence, self._next = self._next, self._next + 1
        if not self._broker.up:
            return answer  # idempotent batches never expire
        try:
            if (instead := self._broker.fault(value)) is not None:
                return instead
            if sequence != self._expected:
                raise OutOfOrderSequenceNumber
            if len(value) > self._broker.limit:
                raise MessageSizeTooLargeError(f"The message is {len(value)} bytes when serialized")
        except KafkaError as exc:
            answer.set_exception(exc)
            return answer
        self._expected += 1
        self._broker.log.append((key.decode(), value, dict(headers)))
        if self._broker.lose:
            self._broker.hide(answer)
        else:
            answer.set_result(None)
        self._broker.stored.set()
        return answer

    async def close(self) -> None:
        self.closed = True
