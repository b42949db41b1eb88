"""Kafka may be absent when the program starts and frozen when it ends: nothing waits for it, and nothing is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from autoscaler.audit import codec
from autoscaler.audit.read import SpoolReader
from tests.e2e.eventually import eventually
from tests.e2e.kafka import jars
from tests.e2e.kafka.broker import Broker
from tests.e2e.release import Release
from tests.e2e.requirements import need
from tests.e2e.topic import decisions, writes
from tests.e2e.workloads import Namespace

SOON = 20.0
DELIVERY = 60.0
"""Seconds until a broker that came back was tried again and has everything."""
END = 5.0
TOPIC = "faults"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    fetched = jars.folder() if jars.folder().exists() else jars.build(need("mvn"))
    made = Broker(need("java"), fetched, tmp_path_factory.mktemp("kafka") / "broker")
    made.start()
    asyncio.run(made.create(TOPIC))
    yield made
    made.remove()


@pytest.fixture
def delivering(installed: Release, broker: Broker) -> Iterator[Release]:
    """The program, told to deliver to the broker, and not running."""
    installed.stop()
    before = installed.values
    kafka = {"bootstrapServers": [broker.bootstrap], "topic": TOPIC}
    installed.values = {**before, "audit": {"kafka": kafka}}
    installed.helm("upgrade")
    yield installed
    installed.stop()
    installed.values = before
    installed.helm("upgrade")


def kept(release: Release, key: str) -> list[str]:
    """Ids of the decisions the program made durable, in their order."""
    with SpoolReader(release.spool) as spool:
        return [codec.decode(record.body).id for record in spool.records(key)]


def delivered(broker: Broker, key: str, *, again: bool = False) -> list[str]:
    """Ids of those in the topic; that none is missing there, late or (unless `again`) twice is part of reading them."""
    return [each["id"] for each in decisions(broker, TOPIC, key, again=again)]


def end(release: Release) -> None:
    """SIGTERM: a clean end within the time there is."""
    began = time.monotonic()
    assert release.program.terminate() == 0
    assert time.monotonic() - began < END


def decided_often(release: Release, key: str, more: int = 3) -> None:
    """Return when there are a few more decisions: one pass every 5 s, and one for fresh samples."""
    before = len(kept(release, key))
    eventually(SOON, lambda: len(kept(release, key)) >= before + more)


def test_a_kafka_that_comes_after_us_gets_everything(delivering: Release, broker: Broker, here: Namespace) -> None:
    key = f"{here.name}/Deployment/web"
    broker.stop()
    delivering.serve()
    here.ask_for("web", 2)
    eventually(SOON, lambda: here.replicas("web") == 2, "a decision without Kafka")
    assert delivering.series()["autoscaler_audit_undelivered"] > 0
    before = kept(delivering, key)

    broker.start()

    def complete() -> bool:
        assert delivered(broker, key)[: len(before)] == before
        return True

    eventually(DELIVERY, complete, "what was decided before it came is in the topic")
    [written] = writes(decisions(broker, TOPIC, key))
    assert (written["current"], written["desired"]) == (1, 2)


def test_sigterm_delivers_what_there_is_and_ends(delivering: Release, broker: Broker, here: Namespace) -> None:
    key = f"{here.name}/Deployment/web"
    delivering.serve()
    decided_often(delivering, key)
    end(delivering)
    assert delivered(broker, key, again=True) == kept(delivering, key)


def test_sigterm_ends_in_time_with_a_frozen_kafka_and_the_next_start_delivers(
    delivering: Release, broker: Broker, here: Namespace
) -> None:
    key = f"{here.name}/Deployment/web"
    delivering.serve()
    decided_often(delivering, key)
    broker.freeze()
    try:
        decided_often(delivering, key)
        end(delivering)
    finally:
        broker.thaw()
    before = kept(delivering, key)
    delivering.serve()

    def complete() -> bool:
        assert delivered(broker, key, again=True)[: len(before)] == before
        return True

    eventually(DELIVERY, complete, "all of them are in the topic")
