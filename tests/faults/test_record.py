"""The record under outages, hostile words and secrets that come too near."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tenacity import wait_fixed

from autoscaler.audit import codec, event, reasons
from autoscaler.audit.brokers import KafkaSettings, client_options
from autoscaler.audit.codec import Record
from autoscaler.audit.entry import Entry
from autoscaler.audit.kafka import Forwarder
from autoscaler.audit.spool import Spool
from autoscaler.audit.verify import verify
from autoscaler.clock import SystemClock
from autoscaler.errors import AuditError
from autoscaler.kube import decode, decode_policy
from autoscaler.kube.answers import Status, error_for
from autoscaler.model.decision import SCHEMA_VERSION, Decision
from autoscaler.model.objects import Pod
from autoscaler.model.plan import EventNote
from autoscaler.model.policy import Condition
from autoscaler.telemetry import Telemetry
from tests.audit.broker import Broker
from tests.audit.samples import NOON, decision, record
from tests.control.shop import Shop

TARGETS = 20
SCHEMA = files("autoscaler.audit") / f"decision.v{SCHEMA_VERSION}.schema.json"
CANARY = "eyJhbGciOiJSUzI1NiJ9.canary-7f3a"


class Direct:
    """A spool as the forwarder's backlog, without a thread, so that time can be virtual."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool

    async def news(self) -> None:
        while not self.spool.backlog()[0]:
            await asyncio.sleep(1)

    async def settle(self) -> None:
        self.spool.settle()

    async def undelivered(self, max_bytes: int, max_rows: int) -> Sequence[Record]:
        return self.spool.undelivered(max_bytes, max_rows)

    async def delivered(self, position: int) -> None:
        self.spool.delivered(position)

    async def set_aside(self, record: Record, reason: str) -> None:
        raise AssertionError(reason)


def made(number: int) -> Entry:
    each = decision(number, f"web-{number % TARGETS}")
    return Entry(each.key, NOON + number, changed=True, body=codec.encode(each))


@pytest.mark.looptime
async def test_q02_half_an_hour_without_kafka_loses_nothing_and_keeps_the_order(tmp_path: Path) -> None:
    broker = Broker()
    broker.up = False
    with closing(Spool(tmp_path, now=NOON, forwarding=True)) as spool:
        forwarder = Forwarder(
            Direct(spool), broker.producer, "decisions", SystemClock(), Telemetry().audit, backoff=wait_fixed(10)
        )
        async with asyncio.TaskGroup() as group:
            running = group.create_task(forwarder.run())
            for minute in range(30):
                spool.append([made(minute * 600 + number) for number in range(600)])
                await asyncio.sleep(60)
            assert spool.backlog() == (18_000, NOON)
            broker.up = True
            while spool.backlog()[0]:
                await asyncio.sleep(1)
            running.cancel()
    verdict = verify(broker.numbers())
    assert (verdict.records, verdict.targets, verdict.whole, verdict.duplicates) == (18_000, TARGETS, True, ())
    assert len(set(broker.ids())) == 18_000


HOSTILE = {
    "a terminal's commands": "\x1b[31m\x1b]0;owned\x07",
    "quotes and ends of JSON": '"}],"outcome":"held","x":["\\',
    "ends of lines that are none": "a\u2028b\u2029c\nd\re\x00f",
    "other ways to write": "\u202egnp.exe\u200b",
    "emoji": "👩‍👩‍👧‍👦" * 63,
    "a megabyte": "x" * (1 << 20),
    "a megabyte of three bytes each": "\u2028" * (1 << 20),
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE.items()])
def test_q10_hostile_words_follow_the_schema_and_are_cut_where_one_can_see_it(text: str) -> None:
    hostile = decision(
        error=text,
        conditions=(Condition(type="AbleToScale", status="True", reason="SucceededRescale", message=text),),
        events=(EventNote("Normal", "SuccessfulRescale", text),),
    )
    body = codec.encode(hostile)
    assert len(body) <= codec.MAX_BODY
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(json.loads(body))
    found = codec.decode(body)
    assert (found.truncated != ()) == (len(text) > codec.MAX_BODY)
    assert found.error == text or text.startswith(found.error.removesuffix("…"))
    line = event.line(event.from_spool(record(body=body)))
    assert b"\n" not in line
    assert event.from_line(line, "x").body == body


class Watched(Shop):
    """Its pods carry a secret everywhere where people put one."""

    def pods_matching(self, namespace: str, selector: str) -> Sequence[Pod]:
        return [decode.pod(json.dumps(self.wire(n)).encode()) for n in range(2)]

    def wire(self, number: int) -> dict[str, object]:
        secret = {"name": "TOKEN", "value": CANARY}
        return {
            "metadata": {
                "namespace": "shop",
                "name": f"web-{number}",
                "labels": {"app": "web"},
                "annotations": {"vault/token": CANARY, "kubectl.kubernetes.io/last-applied-configuration": CANARY},
                "managedFields": [{"manager": CANARY}],
            },
            "spec": {
                "nodeName": "a",
                "containers": [
                    {
                        "name": "main",
                        "image": f"registry/{CANARY}",
                        "args": [f"--password={CANARY}"],
                        "env": [secret],
                        "resources": {"requests": {"cpu": "100m"}},
                    }
                ],
            },
            "status": {
                "phase": "Running",
                "message": CANARY,
                "startTime": "2026-01-01T00:00:00Z",
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "True",
                        "message": CANARY,
                        "lastTransitionTime": "2026-01-01T00:00:00Z",
                    }
                ],
            },
        }


@pytest.mark.parametrize("load", [60, 120], ids=["held", "written"])
def test_a_secret_of_a_pod_gets_into_no_record(load: int) -> None:
    shop = Watched()
    shop.used = load
    made = shop.evaluate()
    assert "pods" in {field for stage in made.stages for field in stage.__struct_fields__}, "pods were looked at"
    assert CANARY.encode() not in codec.encode(made)
    assert all(CANARY not in repr(status) for status in shop.statuses)


def test_a_secret_of_a_policy_or_in_an_adapters_error_gets_into_no_record() -> None:
    words = {"vault/token": CANARY, "kubectl.kubernetes.io/last-applied-configuration": CANARY}
    wire = {
        "metadata": {"namespace": "shop", "name": "web", "uid": "p1", "annotations": words, "labels": words},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "maxReplicas": 10,
            "metrics": [
                {
                    "type": "External",
                    "external": {"metric": {"name": "queue"}, "target": {"type": "Value", "value": "3"}},
                }
            ],
        },
    }
    shop = Shop()
    said = f'Get "https://me:{CANARY}@prom/q?up&token={CANARY}": Authorization: Bearer {CANARY}'
    shop.answers["queue"] = error_for(Status(message=said), 500, "GET /apis/external.metrics.k8s.io")
    made = shop.evaluate(decode_policy.policy(json.dumps(wire).encode()))
    told = codec.encode(made).decode()
    assert 'Get \\"https://…prom/q?up&token=…\\": Authorization: Bearer …' in told, "the error is recorded"
    assert CANARY not in told
    assert all(CANARY not in repr(status) for status in (*shop.statuses, *shop.notes))


@pytest.mark.parametrize("bad", [b"\xff", b""])
def test_the_password_for_kafka_gets_into_no_error(tmp_path: Path, bad: bytes) -> None:
    """A status tells what stands between the spool and Kafka: nothing of what a credential file holds."""
    user, password = tmp_path / "user", tmp_path / "password"
    user.write_text("me")
    password.write_bytes(CANARY.encode() + bad)
    settings = KafkaSettings(
        bootstrap_servers=("kafka:9092",),
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        username_file=str(user),
        password_file=str(password),
        ca_file=str(password),
    )
    with pytest.raises(AuditError) as caught:
        client_options(settings)
    assert CANARY not in reasons.told(caught.value, "", "kafka:9092")
    assert caught.value.__cause__ is None or CANARY not in repr(caught.value.__cause__)


def test_no_field_of_the_record_is_made_for_a_secret() -> None:
    """What is recorded is what these name; a new one that could hold a credential is to be thought about."""
    words = ("annotation", "token", "password", "credential", "env", "header", "authorization")
    names = json.dumps(json.loads(SCHEMA.read_text())).lower()
    assert [word for word in words if f'"{word}' in names] == []
    assert isinstance(codec.decode(codec.encode(decision())), Decision)
