"""Topics on a real broker: made by us, denied to us, for last decisions only, in another cluster than before."""

from __future__ import annotations

import asyncio
import gc
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from autoscaler.app.kafka import Decisions
from autoscaler.audit.brokers import KafkaSettings
from autoscaler.audit.deadletters import FILE_NAME
from autoscaler.audit.outbox import Outbox
from autoscaler.audit.producer import KafkaProducer
from autoscaler.audit.spool import Spool
from autoscaler.audit.verify import verify
from autoscaler.clock import SystemClock
from autoscaler.config.load import load
from autoscaler.telemetry import Telemetry
from tests.audit.samples import decision
from tests.e2e.kafka import rights
from tests.e2e.kafka.broker import Broker
from tests.e2e.kafka.courier import courier
from tests.e2e.kafka.listeners import SCRAM_USER

pytestmark = [pytest.mark.timeout(300)]


class Deciding:
    """Decisions on their way, as the program's own settings send them."""

    def __init__(self, outbox: Outbox, decisions: Decisions, telemetry: Telemetry) -> None:
        self._outbox = outbox
        self._telemetry = telemetry
        self.decisions = decisions

    async def record(self, first: int, last: int) -> None:
        for number in range(first, last + 1):
            for target in ("web0", "web1"):
                await self._outbox.record(decision(number, target))

    async def until(self, series: str, value: float) -> None:
        async with asyncio.timeout(60):
            while self.value(series) != value:
                await asyncio.sleep(0.02)

    def value(self, series: str) -> float | None:
        return self._telemetry.registry.get_sample_value(series)


@asynccontextmanager
async def deciding(directory: Path, broker: Broker, topic: str, **options: str) -> AsyncIterator[Deciding]:
    """`options` by their names, with _ for -."""
    flags = {name.replace("_", "-"): value for name, value in options.items()}
    named = {"audit-kafka-bootstrap-servers": broker.bootstrap, "audit-topic": topic, "audit-spool-dir": str(directory)}
    settings = load({**named, "audit-kafka-create-topics": "true", **flags}, {})
    clock, telemetry = SystemClock(), Telemetry()
    spool = Spool(directory, now=clock.now(), forwarding=True)
    async with Outbox(spool, clock, telemetry.audit, heartbeat=0, patience=30) as outbox:
        decisions = Decisions(settings.audit, outbox, clock, telemetry)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(decisions.run())
            yield Deciding(outbox, decisions, telemetry)
            running.cancel()
        await decisions.finish()


async def described(broker: Broker, topic: str) -> Mapping[str, str]:
    """The topic's own configuration, and its partitions and replicas."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    try:
        [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
        [(_, _, _, _, entries)] = answer.resources
        [about] = await admin.describe_topics([topic])
    finally:
        await admin.close()
    replicas = {len(partition["replicas"]) for partition in about["partitions"]}
    return {entry[0]: entry[1] for entry in entries} | {
        "partitions": str(len(about["partitions"])),
        "replicas": ",".join(map(str, replicas)),
    }


async def test_q09_topics_are_made_when_allowed_and_one_has_the_last_decisions_only(
    broker: Broker, tmp_path: Path
) -> None:
    history, latest = f"history-{uuid.uuid4().hex[:8]}", f"latest-{uuid.uuid4().hex[:8]}"
    options = {"audit_kafka_latest_topic": latest, "audit_kafka_partitions": "4", "audit_kafka_retention": "48h"}
    async with deciding(tmp_path, broker, history, **options) as working:
        await working.record(1, 150)
        await working.until("autoscaler_audit_delivered_total", 300)
    made = await described(broker, history)
    expected = {
        "partitions": "4",
        "replicas": "1",
        "cleanup.policy": "delete",
        "retention.ms": "172800000",
        "min.insync.replicas": "1",
        "max.message.bytes": "1048576",
    }
    assert {name: made[name] for name in expected} == expected
    assert (await described(broker, latest))["cleanup.policy"] == "compact"
    found = await broker.messages(latest)
    last = {message.key: message for message in found}
    assert {key: message.headers["ce_id"] for key, message in last.items()} == {
        "shop/Deployment/web0": "web0-150",
        "shop/Deployment/web1": "web1-150",
    }
    assert len(found) < 300, "what was overtaken while it waited was not sent"
    complete = {message.headers["ce_id"]: message.value for message in await broker.messages(history)}
    assert len(complete) == 300
    assert all(complete[message.headers["ce_id"]] == message.value for message in found)


async def test_q09_a_topic_that_is_denied_holds_up_no_other_and_loses_nothing(
    broker: Broker, topic: str, tmp_path: Path
) -> None:
    other = await broker.create(f"other-{uuid.uuid4().hex[:8]}")
    await rights.set_password(broker.bootstrap, SCRAM_USER, "secret")
    (tmp_path / "user").write_text(SCRAM_USER)
    (tmp_path / "password").write_text("secret")
    access = {
        "security_protocol": "SASL_SSL",
        "ca_file": str(broker.listeners.ca),
        "username_file": str(tmp_path / "user"),
        "password_file": str(tmp_path / "password"),
    }
    denied, allowed = tmp_path / "denied", tmp_path / "allowed"
    async with (
        courier(denied, lambda: broker.sasl, topic, access=access) as stuck,
        courier(allowed, lambda: broker.sasl, other, access=access) as flowing,
    ):
        await stuck.record(1, 2)
        await stuck.delivered()
        await rights.deny(broker.bootstrap, SCRAM_USER, topic)
        await asyncio.gather(stuck.record(3, 4), flowing.record(1, 100))
        await flowing.delivered()
        await stuck.until(lambda: stuck.forwarder.problem != "")
        assert stuck.value("autoscaler_audit_undelivered") == 10
        assert "no right to" in stuck.forwarder.problem or "TopicAuthorization" in stuck.forwarder.problem
        await rights.allow(broker.bootstrap, SCRAM_USER, topic)
        await stuck.record(5, 6)
        await stuck.delivered()
        assert stuck.forwarder.problem == ""
        assert stuck.value("autoscaler_audit_parked_total") == 0
    verdict = verify(message.number for message in await broker.messages(topic))
    assert verdict.whole
    assert {message.headers["ce_id"] for message in await broker.messages(topic)} == {
        f"web{target}-{number}" for target in range(5) for number in range(1, 7)
    }
    assert not (denied / FILE_NAME).exists()


async def test_q16_another_cluster_at_the_same_address_is_an_alarm_and_gets_what_comes(
    broker: Broker, topic: str, tmp_path: Path
) -> None:
    async with deciding(tmp_path / "spool", broker, topic) as working:
        await working.record(1, 5)
        await working.until("autoscaler_audit_delivered_total", 10)
        assert working.decisions.alarm == ""
    broker.stop()
    other = broker.double(tmp_path / "other")
    other.start()
    try:
        async with deciding(tmp_path / "spool", other, topic) as working:
            await working.record(6, 10)
            await working.until("autoscaler_audit_delivered_total", 10)
            assert working.value("autoscaler_audit_kafka_cluster_changed") == 1
            assert "--audit-kafka-bootstrap-servers" in working.decisions.alarm
    finally:
        other.remove()


async def test_a_producer_that_is_cut_off_at_any_moment_is_closed_at_once_and_altogether(
    broker: Broker, topic: str
) -> None:
    for moment in range(40):
        producer = KafkaProducer(KafkaSettings(bootstrap_servers=(broker.bootstrap,), topic=topic))
        async with asyncio.TaskGroup() as group:
            working = group.create_task(_send(producer, topic))
            await asyncio.sleep(moment / 2000)  # it starts within 10 ms and has sent within 20
            working.cancel()
        async with asyncio.timeout(1):
            await producer.close()
        gc.collect()  # a connection that stayed open warns
        assert {task.get_name() for task in asyncio.all_tasks()} == {asyncio.current_task().get_name()}


async def _send(producer: KafkaProducer, topic: str) -> None:
    await producer.start()
    for number in range(30):
        await producer.send(topic, key=str(number).encode(), value=b"x" * 100, headers=[])
    await asyncio.Event().wait()
