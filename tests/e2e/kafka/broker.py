"""One Kafka broker as a child process: its data stays from one life to the next, its port too unless asked to move."""

from __future__ import annotations

import base64
import signal
import socket
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from msgspec import Struct

from autoscaler.audit.verify import Number
from tests.e2e.eventually import eventually
from tests.e2e.kafka.jars import HERE
from tests.e2e.kafka.listeners import listeners
from tests.e2e.processes import Process, free_port

START_WITHIN = 120.0  # 3 s on a machine that has nothing else to do
MEMORY = ("-Xmx128m", "-Xms32m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Half the start-up time and memory of the defaults; enough for what a test sends."""


class Message(Struct, frozen=True):
    """What a plain consumer sees."""

    partition: int
    key: str
    headers: Mapping[str, str]
    value: bytes

    @property
    def number(self) -> Number:
        return Number(self.key, int(self.headers["epoch"]), int(self.headers["seq"]))


class Broker:
    """Stopped after the constructor. `folder` holds its data and its log, `jars` is `jars.folder()`.

    `node` is its number in the cluster that `voters` (number to controller's port) makes; None: it is one by itself.
    """

    def __init__(
        self,
        java: Path,
        jars: Path,
        folder: Path,
        *,
        cluster: str = "",
        node: int = 1,
        voters: Mapping[int, int] | None = None,
    ) -> None:
        self._node = node
        self._voters = voters
        self._java = java
        self._jars = jars
        self._folder = folder
        self._process: Process | None = None
        (folder / "data").mkdir(parents=True)
        self.listeners = listeners(folder)
        # what `kafka-storage format` writes, without starting a virtual machine for it
        (folder / "data" / "meta.properties").write_text(
            f"version=1\ncluster.id={cluster or kafka_uuid()}\nnode.id={node}\ndirectory.id={kafka_uuid()}\n"
        )

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.listeners.plain}"

    @property
    def sasl(self) -> str:
        """Where it wants a name and a password."""
        return f"127.0.0.1:{self.listeners.sasl}"

    @property
    def mutual(self) -> str:
        """Where it wants a client certificate."""
        return f"127.0.0.1:{self.listeners.tls}"

    def start(self) -> None:
        """Return when it answers."""
        self.launch()
        self.wait()

    def wait(self) -> None:
        """Return when what was launched answers."""
        process = self._running()
        eventually(START_WITHIN, lambda: process.must_run() or self._answers(), "the broker listens")

    def launch(self) -> None:
        """Start it and do not wait. From the main thread: it would die with any other one (PDEATHSIG)."""
        voters = self._voters or {self._node: free_port()}
        properties = self._folder / "server.properties"
        properties.write_text("\n".join(f"{name}={value}" for name, value in self._settings(voters).items()))
        command = [
            self._java,
            *MEMORY,
            f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}",
            *("-cp", f"{self._jars}/*"),
            *("kafka.Kafka", properties),
        ]
        self._process = Process("kafka", command, self._folder / "broker.log")

    def stop(self) -> None:
        """In order."""
        self._running().terminate(30)

    def kill(self) -> None:
        """SIGKILL: what it had not written is gone."""
        self._running().kill()

    def freeze(self) -> None:
        """SIGSTOP: connections stay, nobody answers."""
        self._running().signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._running().signal(signal.SIGCONT)

    def revive(self) -> None:
        """Running and answering, whatever was done to it."""
        if self._running().running():
            self.thaw()
        else:
            self.start()

    def move(self) -> None:
        """Start on other ports next time, with the same data."""
        self.listeners = self.listeners.moved()

    def double(self, folder: Path) -> Broker:
        """Another one, with nothing in it, for the same addresses: this one must be stopped first."""
        made = Broker(self._java, self._jars, folder)
        made.listeners = self.listeners
        return made

    def remove(self) -> None:
        """End it, whatever state it is in."""
        if self._process is not None:
            self._process.kill()

    async def create(
        self, topic: str, *, partitions: int = 3, replicas: int = 1, settings: Mapping[str, str] | None = None
    ) -> str:
        """Make a topic; its name."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(topic, partitions, replicas, topic_configs=dict(settings or {}))])
        finally:
            await admin.close()
        return topic

    async def messages(self, topic: str) -> Sequence[Message]:
        """Everything in the topic now, per partition in its order."""
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            ends = await consumer.end_offsets(list(consumer.assignment()))
            left = {partition for partition, end in ends.items() if end}
            found: list[Message] = []
            while left:
                record = await consumer.getone(*left)
                found.append(_message(record))
                partition = TopicPartition(topic, record.partition)
                if record.offset + 1 >= ends[partition]:
                    left.discard(partition)
            return found
        finally:
            await consumer.stop()

    def _running(self) -> Process:
        assert self._process is not None, "the broker was never started"
        return self._process

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.listeners.plain)) == 0

    def _settings(self, voters: Mapping[int, int]) -> Mapping[str, object]:
        return {
            "process.roles": "broker,controller",
            "node.id": self._node,
            "log.dirs": self._folder / "data",
            "controller.quorum.voters": ",".join(f"{node}@127.0.0.1:{port}" for node, port in voters.items()),
            **self.listeners.settings(voters[self._node]),
            "auto.create.topics.enable": "false",
            "controlled.shutdown.enable": "false",
            # a restarted broker is let in when the session of its former life is over; by default 9 s
            "broker.session.timeout.ms": 1500,
            "broker.heartbeat.interval.ms": 300,
            "group.initial.rebalance.delay.ms": 0,
            "num.network.threads": 1,
            "num.io.threads": 2,
            "log.cleaner.dedupe.buffer.size": 2 << 20,
            **{f"offsets.topic.{name}": 1 for name in ("replication.factor", "num.partitions")},
            **{f"transaction.state.log.{name}": 1 for name in ("replication.factor", "num.partitions", "min.isr")},
        }


def kafka_uuid() -> str:
    """A new id of a cluster or a folder."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _message(record: object) -> Message:
    headers = {name: value.decode() for name, value in record.headers}  # type: ignore[attr-defined]  # aiokafka is untyped
    return Message(record.partition, record.key.decode(), headers, record.value)  # type: ignore[attr-defined]
