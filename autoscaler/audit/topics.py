"""Topics as we want them: looked at when a producer starts, made when they are not there and we are allowed to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from aiokafka.errors import (
    BrokerResponseError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.admin import CreateTopicsRequest
from aiokafka.protocol.metadata import MetadataRequest
from msgspec import Struct

log = structlog.get_logger(__name__)

REPLICAS = 3
"""One may be lost while another one is down for a change; fewer when there are fewer brokers."""
MESSAGE_BYTES = 1 << 20
"""As large as a batch of ours may ever be, with what frames it (`producer.REQUEST_BYTES`)."""


class Wish(Struct, frozen=True, kw_only=True):
    """A topic to make. `compact`: the last record of a key stays for ever; else all stay for `retention` seconds."""

    name: str
    partitions: int = 3
    retention: float = 30 * 86400.0
    compact: bool = False


async def ready(client: Any, topic: str, wish: Wish | None) -> str:
    """Look whether `topic` is there, and make it as `wish` says when it is not; the cluster's id, "" = it tells none.

    `client` is an AIOKafkaClient that has bootstrapped.

    UnknownTopicOrPartitionError or TopicAuthorizationFailedError name the option and the right that would help.
    """
    metadata = await client.send(client.get_random_node(), MetadataRequest([topic], allow_auto_topic_creation=False))
    found: Mapping[str, Any] = metadata.to_object()
    [about] = found["topics"]
    error = for_code(about["error_code"])
    if error is UnknownTopicOrPartitionError:
        if wish is None:
            raise UnknownTopicOrPartitionError(
                f"there is no topic {topic}: make it, or allow us to with --audit-kafka-create-topics"
            )
        await _make(client, found["controller_id"], wish, len(found["brokers"]))
    elif error is TopicAuthorizationFailedError:
        raise TopicAuthorizationFailedError(f"no right to Describe and Write topic {topic}: grant both to our user")
    return found.get("cluster_id") or ""


def settings(wish: Wish, replicas: int) -> Mapping[str, str]:
    """The topic's own configuration."""
    policy = {"cleanup.policy": "compact"} if wish.compact else {
        "cleanup.policy": "delete", "retention.ms": str(int(wish.retention * 1000))
    }  # fmt: skip
    # all but one have a record before it counts as delivered: one may fail, and none that is acknowledged is lost
    return {**policy, "min.insync.replicas": str(max(1, replicas - 1)), "max.message.bytes": str(MESSAGE_BYTES)}


async def _make(client: Any, controller: int, wish: Wish, brokers: int) -> None:
    replicas = min(REPLICAS, brokers)
    config = settings(wish, replicas)
    request: tuple[object, ...] = (wish.name, wish.partitions, replicas, [], list(config.items()))
    answer = await client.send(
        controller, CreateTopicsRequest([request], timeout=client._request_timeout_ms, validate_only=False)
    )
    [(_, code, message)] = answer.topic_errors
    error: type[BrokerResponseError | KafkaError] = for_code(code)
    if error is TopicAlreadyExistsError:  # another replica of ours was quicker
        return
    if code:
        raise UnknownTopicOrPartitionError(
            f"there is no topic {wish.name}, and the brokers do not make it for us: {error.__name__}: {message}; "
            f"make it, or grant our user the right to Create it"
        )
    log.info("Made a topic", topic=wish.name, partitions=wish.partitions, replicas=replicas, config=config)
