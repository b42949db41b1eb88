from __future__ import annotations

import pytest
from aiokafka.errors import TopicAuthorizationFailedError, UnknownTopicOrPartitionError
from aiokafka.protocol.admin import CreateTopicsRequest

from autoscaler.audit import topics
from autoscaler.audit.topics import Wish


class Answer:
    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)

    def to_object(self) -> dict[str, object]:
        return self.__dict__


class Client:
    """A cluster as AIOKafkaClient shows it: how many brokers, what it says of the topic and of making one."""

    def __init__(self, brokers: int = 1, topic: int = 0, made: int = 0) -> None:
        self._brokers = brokers
        self._topic = topic
        self._made = made
        self._request_timeout_ms = 1000
        self.requests: list[CreateTopicsRequest] = []

    def get_random_node(self) -> int:
        return 1

    async def send(self, _node: int, request: object) -> Answer:
        if isinstance(request, CreateTopicsRequest):
            self.requests.append(request)
            return Answer(topic_errors=[("t", self._made, "said the broker")])
        brokers = [{"node_id": number} for number in range(self._brokers)]
        about = [{"error_code": self._topic}]
        return Answer(brokers=brokers, topics=about, controller_id=1, cluster_id="c")


async def test_a_topic_that_is_there_is_left_alone() -> None:
    client = Client()
    assert await topics.ready(client, "t", Wish(name="t")) == "c"
    assert client.requests == []


@pytest.mark.parametrize(("brokers", "replicas", "least"), [(1, 1, "1"), (2, 2, "1"), (3, 3, "2"), (9, 3, "2")])
async def test_q09_a_missing_one_is_made_with_replicas_for_the_brokers_there_are(
    brokers: int, replicas: int, least: str
) -> None:
    client = Client(brokers, topic=3)
    await topics.ready(client, "t", Wish(name="t", partitions=6, retention=3600))
    [(name, partitions, factor, _, config)] = client.requests[0].create_topic_requests
    assert (name, partitions, factor) == ("t", 6, replicas)
    assert dict(config) == {
        "cleanup.policy": "delete",
        "retention.ms": "3600000",
        "min.insync.replicas": least,
        "max.message.bytes": "1048576",
    }


def test_the_last_of_each_key_stays_for_ever() -> None:
    config = topics.settings(Wish(name="t", compact=True), 3)
    assert config["cleanup.policy"] == "compact"
    assert "retention.ms" not in config


@pytest.mark.parametrize(
    ("client", "wish", "error", "told"),
    [
        pytest.param(Client(topic=3), None, UnknownTopicOrPartitionError, "--audit-kafka-create-topics", id="missing"),
        pytest.param(Client(topic=3, made=29), Wish(name="t"), UnknownTopicOrPartitionError,
                     "TopicAuthorizationFailedError: said the broker", id="not to be made by us"),
        pytest.param(Client(topic=29), Wish(name="t"), TopicAuthorizationFailedError, "Describe and Write",
                     id="denied"),
    ],
)  # fmt: skip
async def test_q09_what_a_person_must_do_is_said(
    client: Client, wish: Wish | None, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        await topics.ready(client, "t", wish)


async def test_another_replica_may_make_it_first() -> None:
    await topics.ready(Client(topic=3, made=36), "t", Wish(name="t"))
