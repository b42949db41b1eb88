"""The audit on a real broker that is killed, frozen, moved and absent: nothing is lost, nothing changes places."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

import pytest

from autoscaler.audit import codec
from autoscaler.audit.verify import verify
from tests.audit.samples import decision
from tests.e2e.kafka.broker import Broker, Message
from tests.e2e.kafka.courier import courier

pytestmark = [pytest.mark.timeout(600)]

TARGETS = [f"shop/Deployment/web{target}" for target in range(5)]


async def whole(broker: Broker, topic: str, each: int) -> Sequence[Message]:
    """The topic's messages, once proven to be decisions 1 to `each` of every target, all there and in order."""
    messages = await broker.messages(topic)
    verdict = verify(message.number for message in messages)
    assert verdict.missing == ()
    assert verdict.late == ()
    assert {message.key for message in messages} == set(TARGETS)
    assert verdict.records - len(verdict.duplicates) == each * len(TARGETS)
    return messages


async def test_a_plain_consumer_reads_every_decision(broker: Broker, topic: str, tmp_path: Path) -> None:
    async with courier(tmp_path, lambda: broker.bootstrap, topic) as working:
        await working.record(1, 200)
        await working.delivered()
    messages = await whole(broker, topic, 200)
    assert len(messages) == 1000
    first = next(message for message in messages if message.key == TARGETS[0])
    assert codec.decode(first.value) == decision(1, "web0")
    assert first.headers["ce_type"] == codec.DECISION_TYPE
    assert first.headers["ce_id"] == "web0-1"
    assert {message.partition for message in messages if message.key == TARGETS[0]} == {first.partition}


async def test_what_was_recorded_while_the_broker_was_away_arrives_afterwards(
    broker: Broker, topic: str, tmp_path: Path
) -> None:
    broker.stop()
    async with courier(tmp_path, lambda: broker.bootstrap, topic) as working:
        await working.record(1, 300)
        assert working.value("autoscaler_audit_undelivered") == 1500
        await working.until(lambda: "KafkaConnectionError" in working.forwarder.problem)
        broker.launch()
        await working.delivered()
        assert working.forwarder.problem == ""
    await whole(broker, topic, 300)


async def test_a_killed_broker_that_comes_back_loses_nothing(broker: Broker, topic: str, tmp_path: Path) -> None:
    async with courier(tmp_path, lambda: broker.bootstrap, topic) as working:
        for life in range(2):
            recording = asyncio.get_running_loop().create_task(working.record(life * 300 + 1, life * 300 + 300))
            seen = life * 1500 + 50
            await working.until(lambda seen=seen: working.value("autoscaler_audit_delivered_total") >= seen)
            broker.kill()
            await recording
            broker.launch()
        await working.delivered()
    await whole(broker, topic, 600)


async def test_q13_a_broker_that_moved_is_found_at_its_new_address(broker: Broker, topic: str, tmp_path: Path) -> None:
    async with courier(tmp_path, lambda: broker.bootstrap, topic) as working:
        await working.record(1, 50)
        await working.delivered()
        broker.stop()
        broker.move()
        await working.record(51, 100)
        broker.launch()
        await working.delivered()
    await whole(broker, topic, 100)


async def test_a_frozen_broker_holds_up_nobody_and_loses_nothing(broker: Broker, topic: str, tmp_path: Path) -> None:
    async with courier(tmp_path, lambda: broker.bootstrap, topic) as working:
        await working.record(1, 50)
        await working.delivered()
        broker.freeze()
        await working.record(51, 200)
        await working.until(lambda: "no acknowledgement within" in working.forwarder.problem)
        assert working.value("autoscaler_audit_undelivered") >= 750 - 80
        broker.thaw()
        await working.delivered()
    await whole(broker, topic, 200)


async def test_a_killed_process_leaves_the_rest_to_its_next_life(broker: Broker, topic: str, tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    for life in range(1, 4):
        command = [sys.executable, "-m", "tests.e2e.kafka.courier", str(tmp_path), broker.bootstrap, topic]
        with subprocess.Popen([*command, str(life * 1_000_000)], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(151 * life)]
            child.kill()
            lines += [line for line in child.stdout if line.endswith("\n")]
        acknowledged |= {line.strip().replace(" ", "-") for line in lines}
    async with courier(tmp_path, lambda: broker.bootstrap, topic) as working:
        await working.delivered()
    messages = await broker.messages(topic)
    verdict = verify(message.number for message in messages)
    assert verdict.whole
    ids = [message.headers["ce_id"] for message in messages]
    assert len(acknowledged) >= 151 * 6
    assert acknowledged <= set(ids)
    assert len(ids) - len(set(ids)) == len(verdict.duplicates)


async def test_a_topic_that_is_made_later_gets_everything(broker: Broker, tmp_path: Path) -> None:
    name = f"later-{uuid.uuid4().hex[:8]}"
    async with courier(tmp_path, lambda: broker.bootstrap, name) as working:
        await working.record(1, 20)
        await working.until(lambda: "there is no topic" in working.forwarder.problem)
        await broker.create(name)
        await working.delivered()
    await whole(broker, name, 20)


async def test_q09_a_record_too_large_for_the_topic_is_replaced_by_a_stub(broker: Broker, tmp_path: Path) -> None:
    name = await broker.create(f"narrow-{uuid.uuid4().hex[:8]}", settings={"max.message.bytes": "20000"})
    # text that compression cannot make small enough
    large = "".join(uuid.uuid4().hex for _ in range(1500))
    async with courier(tmp_path, lambda: broker.bootstrap, name) as working:
        await working.record(1, 3)
        await working.outbox.record(decision(4, "web0", error=large))
        await working.outbox.record(decision(5, "web0"))
        await working.delivered()
        assert working.value("autoscaler_audit_parked_total") == 1
    messages = await broker.messages(name)
    assert verify(message.number for message in messages).whole
    [stub] = [message for message in messages if message.headers["ce_type"] == codec.PARKED_TYPE]
    assert stub.headers["ce_id"] == "web0-4"
    assert "MessageSizeTooLarge" in json.loads(stub.value)["reason"]


async def test_leaving_while_the_broker_hangs_takes_less_than_5_s(broker: Broker, topic: str, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with courier(tmp_path, lambda: broker.bootstrap, topic) as working:
        await working.record(1, 5)
        await working.delivered()
        broker.freeze()
        await working.record(6, 10)
        started = loop.time()
    assert loop.time() - started < 5
    broker.thaw()
    async with courier(tmp_path, lambda: broker.bootstrap, topic) as working:
        await working.delivered()
    await whole(broker, topic, 10)
