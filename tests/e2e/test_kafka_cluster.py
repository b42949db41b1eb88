"""Three brokers: leaders move, replicas are missing, most of them freeze, and all are restarted one after the other."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from autoscaler.audit.verify import verify
from tests.e2e.kafka import jars
from tests.e2e.kafka.broker import Broker, kafka_uuid
from tests.e2e.kafka.courier import Courier, courier
from tests.e2e.processes import free_port
from tests.e2e.requirements import need

pytestmark = [pytest.mark.timeout(400)]

FROZEN = 5.0
"""Seconds; a round is given up after 4."""


@pytest.fixture(scope="module")
def formed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sequence[Broker]]:
    java, folder, cluster = need("java"), tmp_path_factory.mktemp("brokers"), kafka_uuid()
    fetched = jars.folder() if jars.folder().exists() else jars.build(need("mvn"))
    voters = {node: free_port() for node in (1, 2, 3)}
    made = [Broker(java, fetched, folder / str(node), cluster=cluster, node=node, voters=voters) for node in voters]
    for broker in made:
        broker.launch()
    for broker in made:
        broker.wait()
    yield made
    for broker in made:
        broker.remove()


@pytest.fixture
def brokers(formed: Sequence[Broker]) -> Iterator[Sequence[Broker]]:
    """All three, running."""
    yield formed
    for broker in formed:
        broker.revive()


def working(brokers: Sequence[Broker], topic: str, directory: Path) -> AbstractAsyncContextManager[Courier]:
    """A courier that is told another broker each time it connects, as a list of servers would have it."""
    turns = iter(range(1_000_000))
    return courier(directory, lambda: brokers[next(turns) % len(brokers)].bootstrap, topic)


async def whole(broker: Broker, topic: str, each: int) -> None:
    """Decisions 1 to `each` of five targets are there, in order."""
    verdict = verify(message.number for message in await broker.messages(topic))
    assert (verdict.missing, verdict.late) == ((), ())
    assert verdict.records - len(verdict.duplicates) == 5 * each


async def replicated(brokers: Sequence[Broker], least: int) -> str:
    name = f"decisions-{uuid.uuid4().hex[:8]}"
    return await brokers[0].create(name, replicas=3, settings={"min.insync.replicas": str(least)})


async def test_q05_q16_leaders_move_while_every_broker_is_restarted(brokers: Sequence[Broker], tmp_path: Path) -> None:
    topic = await replicated(brokers, 2)
    async with working(brokers, topic, tmp_path) as courier:
        for number, broker in enumerate(brokers):
            recording = asyncio.get_running_loop().create_task(courier.record(100 * number + 1, 100 * number + 100))
            broker.kill()
            await recording
            await courier.delivered()
            broker.start()
    await whole(brokers[0], topic, 300)


async def test_q05_too_few_replicas_are_waited_for(brokers: Sequence[Broker], tmp_path: Path) -> None:
    topic = await replicated(brokers, 3)
    async with working(brokers, topic, tmp_path) as courier:
        await courier.record(1, 20)
        await courier.delivered()
        brokers[2].kill()
        await courier.record(21, 40)
        await courier.until(lambda: bool(courier.forwarder.problem))
        assert courier.value("autoscaler_audit_undelivered") > 0
        brokers[2].start()
        await courier.delivered()
    await whole(brokers[0], topic, 40)


async def test_q06_two_of_three_that_freeze_and_thaw_again_and_again_leave_no_gap(
    brokers: Sequence[Broker], tmp_path: Path
) -> None:
    topic = await replicated(brokers, 2)
    async with working(brokers, topic, tmp_path) as courier:
        for turn in range(2):
            for broker in brokers[1:]:
                broker.freeze()
            await spread(courier, 100 * turn + 1, 50)
            for broker in brokers[1:]:
                broker.thaw()
            await spread(courier, 100 * turn + 51, 50)
        await courier.delivered()
    await whole(brokers[0], topic, 200)


async def spread(courier: Courier, first: int, count: int) -> None:
    """So many decisions of each target, evenly over the time that brokers are frozen."""
    loop = asyncio.get_running_loop()
    end = loop.time() + FROZEN
    for number in range(first, first + count):
        await courier.record(number, number)
        left = first + count - number
        await asyncio.sleep(max(0.0, (end - loop.time()) / left))
