"""What needs no broker; the asking itself is shown on a real one in tests/e2e/test_doctor_on_kafka.py."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiokafka.protocol.metadata import MetadataRequest

from autoscaler.audit import codec, inquiry
from autoscaler.audit.brokers import KafkaSettings
from autoscaler.audit.inquiry import Topic
from autoscaler.clock import SystemClock

ALL = 0b1_0011_1111_1000  # Read to Describe, and some that do not matter here


class Answer:
    def __init__(self, topics: list[Mapping[str, Any]]) -> None:
        self._topics = topics

    def to_object(self) -> Mapping[str, Any]:
        return {"cluster_id": "c", "topics": self._topics}


class Client:
    """A broker as AIOKafkaClient shows it; `old`: one that has not heard of the request that asks for rights."""

    def __init__(self, *, old: bool = False, **topic: Any) -> None:
        self._old = old
        partitions = [{"leader": leader} for leader in topic.pop("leaders", (1, 2, 1))]
        self._topic = {"topic": "t", "error_code": 0, "partitions": partitions, **topic}

    async def send(self, _node: int, request: object) -> Answer:
        if self._old and not isinstance(request, MetadataRequest):
            raise NotImplementedError
        return Answer([self._topic])


@pytest.mark.parametrize(
    ("client", "topic"),
    [
        pytest.param(
            Client(topic_authorized_operations=ALL),
            Topic("t", partitions=3, may=frozenset({"Read", "Write", "Create", "Describe"})),
            id="everything is allowed",
        ),
        pytest.param(
            Client(topic_authorized_operations=1 << 8),
            Topic("t", partitions=3, may=frozenset({"Describe"})),
            id="only Describe is",
        ),
        pytest.param(
            Client(topic_authorized_operations=-(2**31)), Topic("t", partitions=3), id="the broker does not tell"
        ),
        pytest.param(Client(old=True), Topic("t", partitions=3), id="an old broker"),
        pytest.param(
            Client(topic_authorized_operations=0, leaders=(1, -1)),
            Topic("t", partitions=2, leaderless=1, may=frozenset()),
            id="a partition without a leader",
        ),
        pytest.param(
            Client(error_code=3, leaders=()), Topic("t", "UnknownTopicOrPartitionError"), id="there is no such topic"
        ),
        pytest.param(Client(error_code=29, leaders=()), Topic("t", "TopicAuthorizationFailedError"), id="denied"),
    ],
)
async def test_q09_what_a_broker_says_of_a_topic(client: Client, topic: Topic) -> None:
    assert await inquiry.described(client, 1, ["t"]) == ("c", [topic])


@pytest.fixture
def closed() -> Iterator[KafkaSettings]:
    with socket.socket() as bound:  # bound, never listening: a connection is refused
        bound.bind(("127.0.0.1", 0))
        yield KafkaSettings(bootstrap_servers=(f"127.0.0.1:{bound.getsockname()[1]}",))


async def test_q01_who_is_not_there_is_told_once_and_shortly(closed: KafkaSettings) -> None:
    refusal = (await inquiry.inquire(closed, ["t"], SystemClock())).refusal
    assert refusal is not None
    assert refusal.told.startswith(f"{closed.bootstrap_servers[0]}: [Errno 111] Connect call failed")
    assert refusal.advice.startswith("nobody listens there")


async def test_a_probe_of_who_is_not_there_is_told_the_same_way(closed: KafkaSettings) -> None:
    refusal = await inquiry.probe(closed, SystemClock())
    assert isinstance(refusal, inquiry.Refusal)
    assert refusal.advice.startswith("nobody listens there")


async def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    settings = KafkaSettings(
        bootstrap_servers=("127.0.0.1:1",), security_protocol="SSL", ca_file=str(tmp_path / "ca.crt")
    )
    refusal = (await inquiry.inquire(settings, ["t"], SystemClock())).refusal
    assert refusal is not None
    assert str(tmp_path / "ca.crt") in refusal.told
    assert refusal.advice


def test_a_probe_is_known_by_its_type_alone() -> None:
    assert inquiry.is_probe([("ce_id", b"1"), ("ce_type", codec.PROBE_TYPE.encode())])
    assert not inquiry.is_probe([("ce_type", codec.DECISION_TYPE.encode())])
    assert not inquiry.is_probe([])
