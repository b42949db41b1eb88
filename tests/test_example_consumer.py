"""The consumer among the examples, and the lines of docs/consuming.md and docs/record.md that read a file."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from autoscaler.audit import codec, event
from autoscaler.audit.codec import Record
from autoscaler.model.decision import Decision, Outcome, PolicyRef
from autoscaler.model.plan import Action
from autoscaler.model.policy import TargetRef
from autoscaler.model.reason import Reason
from tests import script
from tests.audit import samples
from tests.pages import ROOT, blocks

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def consumer() -> ModuleType:
    return script.module(EXAMPLES / "consume_decisions.py")


class Message(NamedTuple):
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def message(seq: int, epoch: int = 7, *, parked: bool = False, action: Action = Action.RESIZE) -> Message:
    """As the audit publishes it."""
    decision = Decision(
        id=f"id-{epoch}-{seq}",
        time="2026-11-23T09:54:21.000000Z",
        target=TargetRef("apps/v1", "Deployment", "web"),
        namespace="shop",
        policy=PolicyRef("HorizontalPodScaler", "shop", "web", "u", 1),
        action=action,
        outcome=Outcome.WRITTEN if action is Action.RESIZE else Outcome.HELD,
        current=2,
        desired=5 if action is Action.RESIZE else 2,
        reason=Reason.ABOVE_TARGET,
    )
    record = Record(position=seq, key=decision.key, epoch=epoch, seq=seq, at=0.0, body=codec.encode(decision))
    if parked:
        record = codec.stub(record, "too large")
    kind = codec.PARKED_TYPE if parked else codec.DECISION_TYPE
    return Message(record.key.encode(), record.body, codec.headers(record, kind))


def test_the_consumer_tells_every_decision_once_and_every_gap(consumer: ModuleType) -> None:
    ledger = consumer.Ledger()
    stream = [
        message(1),
        message(2, action=Action.HOLD),
        message(2),
        message(5),
        message(1, epoch=8),
        message(3, epoch=8),
    ]
    told = [line for each in stream for line in consumer.lines(each, ledger)]
    at = "2026-11-23T09:54:21.000000Z"
    web = "shop/Deployment/web"
    assert told == [
        f"{at} {web} 7/1 2 → 5 (AboveTarget, written)",
        f"{at} {web} 7/2 stays at 2 (AboveTarget, held)",
        f"{web} 7/2 duplicate of id-7-2, skipped",
        f"{web} 7/5 gap: 2 missing",
        f"{at} {web} 7/5 2 → 5 (AboveTarget, written)",
        f"{at} {web} 8/1 2 → 5 (AboveTarget, written)",
        f"{web} 8/3 gap: 1 missing",
        f"{at} {web} 8/3 2 → 5 (AboveTarget, written)",
    ]


def test_the_consumer_takes_what_was_dropped_on_purpose_for_no_gap(consumer: ModuleType) -> None:
    ledger = consumer.Ledger()
    assert ledger.verdict("a", 7, 1) == ""
    assert ledger.verdict("a", 7, 4, 2) == ""
    assert ledger.verdict("a", 7, 8, 2) == "gap: 1 missing"


def test_the_consumer_tells_what_kafka_refused(consumer: ModuleType) -> None:
    told = consumer.lines(message(1, parked=True), consumer.Ledger())
    assert told[0].endswith("7/1 could not be delivered: too large")


def test_the_consumer_passes_over_the_probe_of_a_doctor(consumer: ModuleType) -> None:
    probe = Message(b"hpa-companion/doctor/probe", b"{}", [("ce_type", codec.PROBE_TYPE.encode())])
    assert consumer.lines(probe, consumer.Ledger()) == []


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """A file of one record, as `audit export` writes it."""
    found = event.from_spool(replace(samples.record(1), seq=3, shed=2))
    file = tmp_path / "decisions.jsonl"
    file.write_bytes(event.line(found) + b"\n")
    return file


def test_the_lines_that_read_a_file_do(
    exported: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(exported.parent)
    [snippet] = blocks(ROOT / "docs/consuming.md", "python")
    exec(compile(snippet, "consuming.md", "exec"), {})
    assert capsys.readouterr().out == "shop/Deployment/web 7 3 5\n"


def test_the_fields_of_a_file_are_those_that_are_told(exported: Path) -> None:
    page = (ROOT / "docs/record.md").read_text().partition("## In a file")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| `")]
    told = {name: what for names, what in rows for name in re.findall("`(.+?)`", names)}
    found = json.loads(exported.read_bytes())
    assert told.keys() == found.keys()
    assert {name for name, what in told.items() if re.search(r"\bnumbers\b", what)} == {
        name for name, value in found.items() if isinstance(value, int)
    }
    assert "**text**" in told["epoch"]
    assert isinstance(found["epoch"], str)
    for name in ("specversion", "source", "datacontenttype"):
        assert f"`{found[name]}`" in told[name]


def test_the_consumer_starts() -> None:
    found = subprocess.run(
        [sys.executable, EXAMPLES / "consume_decisions.py", "--help"], capture_output=True, text=True, check=True
    )
    assert "--from-start" in found.stdout


def test_the_consumer_keeps_apart_the_replicas_that_take_turns(consumer: ModuleType) -> None:
    """The worked example of docs/consuming.md."""

    def sent(epoch: int, seq: int, leadership: int, identity: str) -> Message:
        body = json.loads(message(seq, epoch).value) | {"leadership": leadership, "id": identity}
        headers = [
            (name, value if name != "ce_id" else identity.encode()) for name, value in message(seq, epoch).headers
        ]
        return Message(b"shop/Deployment/web", json.dumps(body).encode(), headers)

    ledger = consumer.Ledger()
    stream = [
        sent(1900, 1, 7, "a1"),
        sent(1700, 1, 8, "b1"),
        sent(1900, 2, 7, "a2"),
        sent(1900, 2, 7, "a2"),
        sent(1900, 4, 9, "a4"),
        sent(1700, 2, 8, "b2"),
        sent(1700, 3, 10, "a4"),
    ]
    told = [
        [line.removeprefix("2026-11-23T09:54:21.000000Z ") for line in consumer.lines(each, ledger)] for each in stream
    ]
    web, moved = "shop/Deployment/web", "2 → 5 (AboveTarget, written)"
    assert told == [
        [f"{web} 1900/1 {moved}"],
        [f"{web} 1700/1 {moved}"],
        [f"{web} 1900/2 {moved}, late: of a former leader"],
        [f"{web} 1900/2 duplicate of a2, skipped"],
        [f"{web} 1900/4 gap: 1 missing", f"{web} 1900/4 {moved}"],
        [f"{web} 1700/2 {moved}, late: of a former leader"],
        [f"{web} 1700/3 tells a4 once more, skipped"],
    ]


def test_the_consumer_looks_at_the_type_first(consumer: ModuleType) -> None:
    ledger, kept = consumer.Ledger(), message(2)
    other, later = (
        Message(kept.key, b"[]", [("ce_type", kind), *[each for each in kept.headers if each[0] != "ce_type"]])
        for kind in (b"com.example.order", b"dev.hpa-companion.decision.v2")
    )
    assert consumer.lines(other, ledger) == []
    [told] = consumer.lines(later, ledger)
    assert told.endswith("shop/Deployment/web 7/2 is of a later version: dev.hpa-companion.decision.v2")
    assert consumer.lines(message(3), ledger)[0].count("missing") == 0, "its place counted"
