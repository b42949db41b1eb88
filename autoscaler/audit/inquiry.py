"""What brokers say when they are asked: whether each answers, which topics they have, what we may do with them.

Asking leaves no trace. `probe` does: one record of a type of its own, which no reader takes for a decision.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String
from msgspec import Struct

from autoscaler.audit import codec, reasons
from autoscaler.audit.brokerlog import BrokerLog
from autoscaler.audit.brokers import KafkaSettings, client_options
from autoscaler.audit.producer import KafkaProducer, close_the_first
from autoscaler.clock import Clock
from autoscaler.errors import AuditError, ConfigError
from autoscaler.model.instant import micro_text

SECONDS = 15.0
"""For all of an inquiry: aiokafka may wait for ever."""
_OPERATIONS = {3: "Read", 4: "Write", 5: "Create", 8: "Describe"}
"""Of AclOperation, those that we need or that a person asks about."""
_NOT_SAID = -(2**31)
PROBE_KEY = b"hpa-companion/doctor/probe"


class Refusal(Struct, frozen=True):
    """What was raised, and what to do about it ("": nobody knows)."""

    told: str
    advice: str = ""


class Broker(Struct, frozen=True):
    """One of the cluster's by the address that it advertises; `refusal` None: it answers there."""

    address: str
    refusal: Refusal | None = None


class Topic(Struct, frozen=True):
    """`error` is Kafka's word, "" = none; `may` our rights on it, None when the brokers do not say (before 2.3)."""

    name: str
    error: str = ""
    partitions: int = 0
    leaderless: int = 0
    may: frozenset[str] | None = None

    @property
    def missing(self) -> bool:
        """Whether there is none of that name, or none that we may know of."""
        return self.error == "UnknownTopicOrPartitionError"


class Answer(Struct, frozen=True):
    """`refusal`: nobody let us in, and there is nothing else."""

    cluster: str = ""
    brokers: tuple[Broker, ...] = ()
    topics: tuple[Topic, ...] = ()
    refusal: Refusal | None = None


async def inquire(settings: KafkaSettings, topics: Sequence[str], clock: Clock) -> Answer:
    """Ask; never raises for what brokers do, nor for files that cannot be read."""
    broker_log = BrokerLog(clock)
    try:
        with broker_log.attached():
            async with asyncio.timeout(SECONDS):
                return await _asked(settings, topics, broker_log)
    except TimeoutError:
        return Answer(refusal=Refusal(f"no answer in {SECONDS:g} s", "look at the network, and at the brokers' log"))
    except (AuditError, ConfigError) as exc:
        return Answer(refusal=Refusal(str(exc), "put the file in place, or correct the option that names it"))
    except (KafkaError, OSError, ValueError) as exc:
        return Answer(refusal=_refusal(exc, broker_log.last_error))


async def probe(settings: KafkaSettings, clock: Clock) -> Refusal | str:
    """Write one record to `settings.topic`, as decisions are written: where it is now, or why it is not."""
    broker_log = BrokerLog(clock)
    try:
        with broker_log.attached():
            producer = KafkaProducer(settings)
            try:
                async with asyncio.timeout(SECONDS):
                    await producer.start()
                    sent = await producer.send(
                        settings.topic, key=PROBE_KEY, value=b"{}", headers=_probe_headers(clock.now())
                    )
                    taken: Any = await sent
            finally:
                await producer.close()
    except TimeoutError:
        return Refusal(f"no answer in {SECONDS:g} s", "look at the brokers: are enough replicas in sync?")
    except (AuditError, ConfigError, KafkaError, OSError) as exc:
        return _refusal(exc, broker_log.last_error)
    return f"{settings.topic}[{taken.partition}]@{taken.offset}"


def is_probe(headers: Iterable[tuple[str, bytes]]) -> bool:
    """Whether a message is one that `probe` wrote."""
    return ("ce_type", codec.PROBE_TYPE.encode()) in headers


def _refusal(exc: Exception, said: str) -> Refusal:
    return Refusal(_plain(said) or reasons.named(exc).partition(" from [")[0], reasons.advice(exc, said))


def _plain(said: str) -> str:
    """What the client logged, without who it was and what it is called."""
    return re.sub(r'^Unable connect to (".*?"|node with id \d+): ', "", said).removeprefix("KafkaConnectionError: ")


def _probe_headers(now: float) -> codec.Headers:
    """No number: it belongs to no target."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", uuid.uuid4().hex.encode()),
        ("ce_source", codec.SOURCE.encode()),
        ("ce_type", codec.PROBE_TYPE.encode()),
        ("ce_time", micro_text(now).encode()),
        ("content-type", codec.CONTENT_TYPE.encode()),
    ]


async def _asked(settings: KafkaSettings, topics: Sequence[str], broker_log: BrokerLog) -> Answer:
    client = AIOKafkaClient(**client_options(settings))
    try:
        try:
            await client.bootstrap()
        except BaseException as exc:
            close_the_first(exc)
            raise
        brokers = [await _broker(client, each, broker_log) for each in sorted(client.cluster.brokers())]
        answering = [node for node, broker in brokers if broker.refusal is None]
        if not answering:
            return Answer(brokers=tuple(broker for _, broker in brokers))
        cluster, found = await described(client, answering[0], topics)
        return Answer(cluster, tuple(broker for _, broker in brokers), tuple(found))
    finally:
        await client.close()


async def _broker(client: Any, found: Any, broker_log: BrokerLog) -> tuple[int, Broker]:
    address = f"{found.host}:{found.port}"
    broker_log.last_error = ""
    if await client.ready(found.nodeId):
        return found.nodeId, Broker(address)
    said = broker_log.last_error
    return found.nodeId, Broker(address, Refusal(_plain(said), reasons.advice(None, said)))


async def described(client: Any, node: int, names: Sequence[str]) -> tuple[str, list[Topic]]:
    """The cluster's id ("": it tells none), and what there is of each topic; `client` is an AIOKafkaClient."""
    try:
        found = (await client.send(node, _Metadata(names))).to_object()
    except NotImplementedError:  # a broker that does not know this version of the request
        found = (await client.send(node, MetadataRequest(list(names), allow_auto_topic_creation=False))).to_object()
    return found.get("cluster_id") or "", [_topic(each) for each in found["topics"]]


def _topic(found: dict[str, Any]) -> Topic:
    error = for_code(found["error_code"]).__name__ if found["error_code"] else ""
    bits = found.get("topic_authorized_operations", _NOT_SAID)
    may = None if bits == _NOT_SAID else frozenset(word for code, word in _OPERATIONS.items() if bits >> code & 1)
    leaders = [each["leader"] for each in found["partitions"]]
    return Topic(found["topic"], error, len(leaders), sum(leader < 0 for leader in leaders), may)


class _MetadataAnswer(Response):  # type: ignore[misc]  # aiokafka is untyped
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node_id", Int32), ("host", String()), ("port", Int32), ("rack", String()))),
        ("cluster_id", String()),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String()),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("topic_authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class _MetadataRequest_v8(RequestStruct):  # type: ignore[misc]  # noqa: N801 - as aiokafka names its own
    """The first one that asks for our rights (KIP-430, Kafka 2.3); aiokafka 0.14 stops before it."""

    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _MetadataAnswer
    SCHEMA = Schema(
        ("topics", Array(String())),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _Metadata(Request[_MetadataRequest_v8]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(names)

    def build(self, request_struct_class: type[_MetadataRequest_v8]) -> _MetadataRequest_v8:
        return request_struct_class(self._names, False, False, True)
