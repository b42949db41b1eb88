"""Usage kept outside, by the whole program without a broker, and by the stream alone with one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tenacity import wait_fixed

from autoscaler.app.usage import FOLDER, UsageStream
from autoscaler.audit.kafka import Forwarder
from autoscaler.audit.outbox import Outbox
from autoscaler.audit.read import SpoolReader
from autoscaler.audit.spool import Spool
from autoscaler.audit.usage import USAGE_TYPE, UsageStore
from autoscaler.clock import SystemClock
from autoscaler.model.metrics import Page, Sample
from autoscaler.model.objects import Node, NodeName
from autoscaler.telemetry import Telemetry
from tests.api.world import until
from tests.audit.broker import Broker
from tests.program import running

NOBODY = "127.0.0.1:1"


@pytest.mark.timeout(60)
async def test_pages_are_durable_beside_the_decisions_while_kafka_is_away(tmp_path: Path) -> None:
    given = {"usage-topic": "autoscaler.usage", "audit-kafka-bootstrap-servers": NOBODY}
    async with running(tmp_path, **given) as run:
        await run.until(lambda decision: decision.desired > 2)
    with SpoolReader(tmp_path / "spool" / FOLDER) as reader:
        bodies = [json.loads(record.body) for record in reader.records()]
    assert len({body["node"] for body in bodies}) == 2
    assert any(pod["namespace"] == "shop" and pod["containers"] for body in bodies for pod in body["pods"])
    with SpoolReader(tmp_path / "spool") as reader:
        assert all("node" not in json.loads(record.body) for record in reader.records())


async def test_what_was_put_is_in_kafka_numbered_per_node_when_the_stream_has_finished(tmp_path: Path) -> None:
    telemetry, clock, broker = Telemetry().usage, SystemClock(), Broker()
    async with Outbox(Spool(tmp_path, now=clock.now(), forwarding=True), clock, telemetry.stream) as outbox:
        store = UsageStore(outbox, clock, telemetry, lambda: "an-id")
        forwarder = Forwarder(
            outbox, broker.producer, "decisions", clock, telemetry.stream, kind=USAGE_TYPE, backoff=wait_fixed(1)
        )
        stream = UsageStream(store, forwarder)
        running = asyncio.get_running_loop().create_task(stream.run())
        for number in range(1, 11):
            node = Node(name=NodeName(f"n{number % 2}"), uid="u")
            store.put(node, Page(node=Sample(number, 1, 1), containers={}), [], number)
        await until(lambda: len(broker.log) == 10)
        running.cancel()
        store.put(node, Page(node=Sample(11, 1, 1), containers={}), [], 11)
        await stream.finish()
    told = {(key, int(headers["seq"]), json.loads(body)["own"]["at_ns"]) for key, body, headers in broker.log}
    assert sorted(told) == [
        *(("n0", seq, seq * 2) for seq in range(1, 6)),
        ("n0", 6, 11),
        *(("n1", seq, seq * 2 - 1) for seq in range(1, 6)),
    ]
    assert {headers["ce_type"] for *_, headers in broker.log} == {USAGE_TYPE.encode()}
