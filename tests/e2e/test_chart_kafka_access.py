"""What the chart renders for Kafka is started, on Secrets as mounted: a real broker lets it in, a record arrives."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from autoscaler.audit.inquiry import PROBE_KEY
from autoscaler.clock import SystemClock
from autoscaler.sim.resources import POD_SCALERS
from autoscaler.sim.workloads import Workload
from autoscaler.sim.world import Shape, World
from tests.e2e.chart import EXISTING, objects, told
from tests.e2e.chartvalues import STRIMZI
from tests.e2e.kafka import rights
from tests.e2e.kafka.broker import Broker, Message
from tests.e2e.kafka.listeners import SCRAM_USER
from tests.e2e.kubeapi import Object
from tests.e2e.processes import free_port
from tests.pair import HPS, NAME, NAMESPACE, STEADY

ARRIVES = 60.0
LOOK_SECONDS = 0.2
LOG_SHOWN = 6000
PASSWORD = "canary-of-the-chart"
CA = {"ca": {"secret": "brokers"}}
GENERIC = {"secret": {"name": "kafka-user"}, **CA}
OF_STRIMZI = STRIMZI | {"secret": {"name": SCRAM_USER}, **CA}

pytestmark = [pytest.mark.timeout(180)]


def secrets(broker: Broker) -> Mapping[str, Mapping[str, bytes]]:
    """Files by the Secret they are of: the generic layout, and that of Strimzi, which names it by its user."""
    issued = broker.listeners.authority.issue("us", server=False, client=True)
    password = PASSWORD.encode()
    certificates = {"tls.crt": issued.certificate, "tls.key": issued.key}
    return {
        "kafka-user": {"username": SCRAM_USER.encode(), "password": password, **certificates},
        SCRAM_USER: {"password": password, "user.crt": issued.certificate, "user.key": issued.key},
        "brokers": {"ca.crt": broker.listeners.ca.read_bytes()},
    }


class Node:
    """Mounts what a pod of the chart asks for below a folder, and runs the command of its container there."""

    def __init__(self, made: Mapping[tuple[str, str], Object], stored: Mapping[str, Mapping[str, bytes]], folder: Path):
        self._made, self._stored, self._folder = made, stored, folder

    async def start(self, spec: Object, log: Path, *flags: str) -> Process:
        [container] = spec["containers"]
        volumes = {each["name"]: each for each in spec["volumes"]}
        arguments = told(container)
        for mount in container["volumeMounts"]:
            place = self._folder / mount["mountPath"].strip("/")
            place.mkdir(parents=True, exist_ok=True)
            for name, content in self._files(volumes[mount["name"]]).items():
                (place / name).write_bytes(content)
            arguments = [each.replace(f"={mount['mountPath']}/", f"={place}/") for each in arguments]
        command = [sys.executable, "-m", *container["command"], *arguments, *flags]
        with log.open("wb") as out:
            return await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=out, stderr=out)

    def _files(self, volume: Object) -> Mapping[str, bytes]:
        if "configMap" in volume:
            data = self._made["ConfigMap", volume["configMap"]["name"]]["data"]
            return {name: text.encode() for name, text in data.items()}
        return self._stored.get(volume["secret"]["secretName"], {}) if "secret" in volume else {}


@asynccontextmanager
async def world_with_a_target(folder: Path) -> AsyncIterator[Path]:
    """The kubeconfig of a cluster in which there is something to decide."""
    web = Workload(namespace=NAMESPACE, name=NAME, replicas=2, cpu=STEADY)
    async with World(SystemClock(), Shape(nodes=1, sample_period=0.5), [web]) as world:
        world.store.create(POD_SCALERS, NAMESPACE, HPS)
        yield world.kubeconfig(folder / "kubeconfig")


async def decisions(broker: Broker, topic: str) -> list[Message]:
    """What is there beside the record of `helm test`."""
    return [each for each in await broker.messages(topic) if each.key != PROBE_KEY.decode()]


@pytest.mark.parametrize(
    ("listener", "access"),
    [
        pytest.param("sasl", {"securityProtocol": "SASL_SSL", **GENERIC}, id="generic, a password"),
        pytest.param("mutual", {"securityProtocol": "SSL", **GENERIC}, id="generic, a certificate"),
        pytest.param("sasl", {"securityProtocol": "SASL_SSL", **OF_STRIMZI}, id="Strimzi, a password"),
        pytest.param("mutual", {"securityProtocol": "SSL", **OF_STRIMZI}, id="Strimzi, a certificate"),
    ],
)
async def test_a_record_arrives_by_what_the_chart_renders(
    broker: Broker, topic: str, tmp_path: Path, listener: str, access: dict[str, Any]
) -> None:
    await rights.set_password(broker.bootstrap, SCRAM_USER, PASSWORD)
    kafka = {"bootstrapServers": [getattr(broker, listener)], "topic": topic, **access}
    made = objects(
        EXISTING | {"audit": {"kafka": kafka}, "leaderElection": {"enabled": False}, "kubelet": {"ownAccount": False}}
    )
    own = broker.listeners.authority.issue("serving", sans=["localhost"])
    stored = {**secrets(broker), "serving": {"tls.crt": own.certificate, "tls.key": own.key}}
    node = Node(made, stored, tmp_path)
    examined = await node.start(made["Pod", "try-hpa-companion-test-kafka"]["spec"], tmp_path / "doctor.log")
    assert await examined.wait() == 0, (tmp_path / "doctor.log").read_text()
    assert [each.key for each in await broker.messages(topic)] == [PROBE_KEY.decode()], "helm test had a record taken"
    async with world_with_a_target(tmp_path) as kubeconfig:
        here = [f"--kubeconfig={kubeconfig}", "--bind-address=127.0.0.1", f"--secure-port={free_port()}"]
        there = ["--kubelet-allow-loopback", "--kubelet-use-node-status-port"]
        soon = ["--metric-resolution=1s", "--evaluation-interval=1s", "--audit-heartbeat=0s"]
        pod = made["Deployment", "try-hpa-companion"]["spec"]["template"]["spec"]
        program = await node.start(pod, tmp_path / "program.log", *here, *there, *soon)
        try:
            async with asyncio.timeout(ARRIVES):
                while not (arrived := await decisions(broker, topic)) and program.returncode is None:
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError:
            arrived = []
        finally:
            program.kill()
            await program.wait()
    assert arrived, (tmp_path / "program.log").read_text()[-LOG_SHOWN:]
    assert arrived[0].key == f"{NAMESPACE}/Deployment/{NAME}"
    assert PASSWORD not in (tmp_path / "program.log").read_text() + (tmp_path / "doctor.log").read_text()
