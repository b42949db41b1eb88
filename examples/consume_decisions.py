"""Reads the topic of decisions and prints one line for each, and a line for every gap and duplicate.

    pip install 'aiokafka[zstd]'
    python examples/consume_decisions.py kafka:9092
    python examples/consume_decisions.py kafka:9092 --topic autoscaler.decisions --from-start

What the stream promises: the key is `namespace/kind/name` of the target; per target and `epoch` the records have
numbers, `seq` = 1, 2, 3, ... in order; delivery is at least once: a record sent twice has the same number and the same
`ce_id`. Each replica writes under an epoch of its own for as long as its spool lives: when the leadership comes back to
it, its epoch goes on, be it higher or lower than the other's. So one integer per target and epoch must be remembered.
Where the writer had no room it dropped numbers: `shed` of the next record counts them.

Between epochs the body's `leadership` says what is later, then its `time`: what a former leader delivers late is told
as late here, for it is true, but not how things are now. A write that the next leader records once more after a crash
has the same `ce_id`, and is told once.

A file that `autoscaler audit export` wrote is read by `autoscaler audit tail --from FILE`, or by `json.loads` of each
line (docs/consuming.md).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

DECISION, PARKED = "dev.hpa-companion.decision.v1", "dev.hpa-companion.parked.v1"
RECORD = re.compile(r"dev\.hpa-companion\.(decision|parked)\.v[1-9][0-9]*")


class Message(Protocol):
    """The part of aiokafka's ConsumerRecord that is read here."""

    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]


class Ledger:
    """The last number of every target and epoch, the last leadership of every target, and the writes that were told."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, int], int] = {}
        self._leadership: dict[str, int] = {}
        self._written: set[str] = set()

    def verdict(self, target: str, epoch: int, seq: int, shed: int = 0) -> str:
        """ "" when the number is the next one; else "duplicate" or what is missing. Any number may come first.

        `shed` numbers directly before it were dropped on purpose.
        """
        before = self._last.get((target, epoch))
        if before is not None and seq <= before:
            return "duplicate"
        self._last[target, epoch] = seq
        expected = seq if before is None else before + 1 + shed
        return f"gap: {seq - expected} missing" if seq > expected else ""

    def again(self, identity: str) -> bool:
        """Whether this write was told before, under another number."""
        known = identity in self._written
        self._written.add(identity)
        return known

    def late(self, target: str, leadership: int | None) -> bool:
        """Whether somebody who leads later was heard of the target before."""
        newest = self._leadership.get(target, 0)
        self._leadership[target] = max(newest, leadership or 0)
        return leadership is not None and leadership < newest


def lines(message: Message, ledger: Ledger) -> list[str]:
    """What to print for one message: nothing for what is no record, as the probe of `autoscaler doctor`."""
    headers = {name: (value or b"").decode(errors="replace") for name, value in message.headers}
    kind = headers.get("ce_type", "")
    if not RECORD.fullmatch(kind):
        return []
    target = message.key.decode()
    epoch, seq = int(headers["epoch"]), int(headers["seq"])
    verdict = ledger.verdict(target, epoch, seq, int(headers.get("shed", 0)))
    number = f"{target} {epoch}/{seq}"
    if verdict == "duplicate":
        return [f"{number} duplicate of {headers['ce_id']}, skipped"]
    told = [f"{number} {verdict}"] if verdict else []
    if kind not in (DECISION, PARKED):
        return [*told, f"{headers['ce_time']} {number} is of a later version: {kind}"]
    body = json.loads(message.value)
    if kind == PARKED:
        return [*told, f"{headers['ce_time']} {number} could not be delivered: {body['reason']}"]
    if body["outcome"] == "written" and ledger.again(headers["ce_id"]):
        return [*told, f"{number} tells {headers['ce_id']} once more, skipped"]
    size = f"{body['current']} → {body['desired']}" if body["action"] == "resize" else f"stays at {body['current']}"
    told.append(f"{headers['ce_time']} {number} {size} ({body['reason']}, {body['outcome']})")
    if repeats := body["repeats"]:
        told[-1] += f", and {len(repeats)} times more within {repeats[-1][0]:.0f} s"
    if ledger.late(target, body.get("leadership")):
        told[-1] += ", late: of a former leader"
    return told


async def follow(servers: str, topic: str, *, from_start: bool) -> None:
    """Print until interrupted."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest" if from_start else "latest")
    ledger = Ledger()
    try:
        await consumer.start()
        if topic not in await consumer.topics():
            raise UnknownTopicOrPartitionError(f"there is no topic {topic}")
        consumer.subscribe([topic])
        async for message in consumer:
            for line in lines(message, ledger):
                print(line, flush=True)  # noqa: T201 - a script prints
    finally:
        await consumer.stop()


def main() -> None:
    """Read the command line and follow."""
    parser = argparse.ArgumentParser(description="Print every scaling decision, and every gap and duplicate.")
    parser.add_argument("servers", help="host:port of a broker")
    parser.add_argument("--topic", default="autoscaler.decisions")
    parser.add_argument("--from-start", action="store_true", help="begin with the oldest record, not with the next")
    options = parser.parse_args()
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # what ends us is told below, in one line
    with suppress(KeyboardInterrupt):
        try:
            asyncio.run(follow(options.servers, options.topic, from_start=options.from_start))
        except KafkaError as exc:
            sys.exit(f"{options.servers}: {exc}")


if __name__ == "__main__":
    main()
