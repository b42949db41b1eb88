"""Every kubelet's samples in a topic, as the chart sets it up: what a history can be made of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest

from autoscaler.audit.verify import verify
from tests.e2e.cluster import Cluster, node_name
from tests.e2e.conftest import USAGE_TOPIC
from tests.e2e.eventually import eventually
from tests.e2e.kafka.broker import Broker, Message
from tests.e2e.release import Release
from tests.e2e.requirements import need
from tests.e2e.workloads import Namespace

SAMPLES = 60.0
MILLI_NS = 1_000_000
"""Core-nanoseconds a second per milli-core."""


@pytest.fixture(scope="module")
def broker(kafka: Broker | None) -> Broker:
    if kafka is None:
        need("java")
        need("mvn")
    assert kafka is not None
    return kafka


def records(broker: Broker, node: str) -> Sequence[Message]:
    return [message for message in asyncio.run(broker.messages(USAGE_TOPIC)) if message.key == node]


def test_what_a_pod_used_is_the_difference_of_two_records(cluster: Cluster, release: Release, broker: Broker) -> None:
    cluster.admin.post("/api/v1/namespaces", {"metadata": {"name": "silo"}})
    here = Namespace(cluster, "silo")
    here.run("web", 1, cpu="50m")
    (pod,) = here.pods("web")
    name, node = pod["metadata"]["name"], pod["spec"]["nodeName"]

    def readings() -> list[tuple[int, int]]:
        """When and how much, each sample once."""
        found = {
            (reading["at_ns"], reading["cpu_ns"])
            for message in records(broker, node)
            for told in json.loads(message.value).get("pods", ())
            if (told["name"], told["uid"]) == (name, pod["metadata"]["uid"])
            for reading in told["containers"].values()
        }
        return sorted(found) if len(found) > 2 else []

    first, *_, last = eventually(SAMPLES, readings, "three samples of the pod are in the topic")
    assert (last[1] - first[1]) / (last[0] - first[0]) * 1e9 / MILLI_NS == pytest.approx(50, abs=3)


@pytest.mark.parametrize("number", range(3))
def test_each_nodes_records_are_all_there_and_in_order(release: Release, broker: Broker, number: int) -> None:
    found = eventually(SAMPLES, lambda: records(broker, node_name(number))[:3], "some records of the node")
    verdict = verify(message.number for message in found)
    assert (verdict.missing, verdict.late) == ((), ())
    for message in found:
        body = json.loads(message.value)
        assert message.headers["ce_type"] == "dev.hpa-companion.usage.v1"
        assert (message.headers["ce_id"], body["node"]) == (body["id"], message.key)
        assert body["own"]["cpu_ns"] > 0
