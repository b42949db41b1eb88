"""The doctor beside a real broker: topics and rights told as they are, a probe that no reader takes for a record."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.kafka import rights
from tests.e2e.kafka.broker import Broker
from tests.e2e.kafka.courier import courier
from tests.e2e.kafka.listeners import SCRAM_USER

pytestmark = [pytest.mark.timeout(300)]

PASSWORD = "canary-doctor"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples/consume_decisions.py"


class Line(NamedTuple):
    check: str
    state: str
    detail: str
    todo: str


class Doctor:
    """`autoscaler doctor --check=kafka` as the user of the broker that rights are taken from."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        (folder / "user").write_text(SCRAM_USER)
        (folder / "password").write_text(PASSWORD)
        self._folder = folder
        self._flags = {
            "bootstrap-servers": broker.sasl,
            "security-protocol": "SASL_SSL",
            "ca-file": str(broker.listeners.ca),
            "username-file": str(folder / "user"),
            "password-file": str(folder / "password"),
        }

    def told(self, topic: str, *more: str, code: int = 0, **changed: str) -> Sequence[Line]:
        flags = self._flags | {name.replace("_", "-"): value for name, value in changed.items()}
        words = [f"--audit-kafka-{name}={value}" for name, value in flags.items()]
        command = [
            sys.executable,
            "-m",
            "autoscaler",
            "doctor",
            "--check=kafka",
            "-o",
            "json",
            f"--audit-topic={topic}",
        ]
        done = subprocess.run([*command, *words, *more], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        return [Line(**each) for each in json.loads(done.stdout)]


@pytest.fixture
async def doctor(broker: Broker, tmp_path: Path) -> Doctor:
    await rights.set_password(broker.bootstrap, SCRAM_USER, PASSWORD)
    return Doctor(broker, tmp_path)


async def test_q09_topics_and_rights_are_told_as_they_are(broker: Broker, topic: str, doctor: Doctor) -> None:
    brokers, decisions = doctor.told(topic)
    assert (brokers.state, decisions.state) == ("ok", "ok")
    assert brokers.detail.startswith(f"1 of 1 broker answers by SASL_SSL: {broker.sasl}; cluster ")
    assert decisions == Line(
        f"Kafka topic {topic}", "ok", "of decisions: 3 partitions; our user may Describe and Write", ""
    )

    await rights.only_describe(broker.bootstrap, SCRAM_USER, topic)
    decisions = doctor.told(topic, code=1)[1]
    assert decisions.detail == "of decisions: our user may not Write it"
    assert decisions.todo == f"kafka-acls.sh --add --allow-principal User:NAME --operation Write --topic {topic}"
    refused = doctor.told(topic, "--kafka-probe", code=1)[2]
    assert (refused.check, refused.state) == ("Kafka probe record", "bad")
    assert await broker.messages(topic) == []

    await rights.deny(broker.bootstrap, SCRAM_USER, topic)
    assert doctor.told(topic, code=1)[1].detail == "of decisions: our user may neither Describe nor Write it"

    absent = f"absent-{uuid.uuid4().hex[:8]}"
    missing = doctor.told(absent, code=1)[1]
    assert missing.detail.startswith("of decisions: there is none")
    to_be_made = doctor.told(absent, create_topics="true", code=1)[1]
    assert (to_be_made.state, to_be_made.detail) == ("warn", "of decisions: not there yet")


async def test_a_probe_is_taken_and_no_reader_takes_it_for_a_record(
    broker: Broker, topic: str, doctor: Doctor, tmp_path: Path
) -> None:
    async with courier(tmp_path / "spool", lambda: broker.bootstrap, topic) as working:
        await working.record(1, 2)
        await working.delivered()
    taken = doctor.told(topic, "--kafka-probe")[2]
    assert (taken.state, taken.detail.partition("[")[0]) == ("ok", f"taken: {topic}")
    assert sorted({message.headers["ce_type"] for message in await broker.messages(topic)}) == [
        "dev.hpa-companion.decision.v1",
        "dev.hpa-companion.probe.v1",
    ]
    command = [sys.executable, "-m", "autoscaler", "audit", "verify", f"--from=kafka://{broker.bootstrap}/{topic}"]
    verified = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr


@pytest.mark.parametrize(
    ("changed", "advice"),
    [
        pytest.param({"password": "wrong"}, "--audit-kafka-password-file", id="password"),
        pytest.param({"ca_file": "/etc/hostname"}, "put the file in place", id="a CA file that is none"),
        pytest.param({"sasl_mechanism": "SCRAM-SHA-256"}, "--audit-kafka-sasl-mechanism", id="mechanism"),
    ],
)
async def test_q08_who_is_not_let_in_is_told_what_to_correct(
    doctor: Doctor, tmp_path: Path, changed: dict[str, str], advice: str
) -> None:
    if "password" in changed:
        (tmp_path / "password").write_text(changed.pop("password"))
    [finding] = doctor.told("decisions", code=1, **changed)
    assert finding.state == "bad"
    assert advice in finding.todo
