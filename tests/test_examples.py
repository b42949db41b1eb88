"""Every example does what it says, with the program's own readers; tests/e2e runs them on real parts."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from xml.etree import ElementTree

import msgspec
import pytest
import yaml
from msgspec.structs import replace

from autoscaler.audit import codec, event
from autoscaler.audit.codec import Record
from autoscaler.cli.arguments import VERBS, parse
from autoscaler.config.load import load
from autoscaler.core import validation
from autoscaler.kube import decode_policy
from autoscaler.model.decision import Decision, Outcome, PolicyRef
from autoscaler.model.plan import Action
from autoscaler.model.policy import TargetRef
from autoscaler.model.reason import Reason
from tests import script
from tests.audit import samples
from tests.pages import ROOT, blocks

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
TESTED = {
    "README.md",
    "autoscaler-config.yaml",
    "consume_decisions.py",
    "consumer-java/DailySummary.java",
    "consumer-java/pom.xml",
    "deployment-with-hps.yaml",
    "gitops/argo-cd.yaml",
    "gitops/flux.yaml",
    "hps-with-pause.yaml",
    "plain-hpa.yaml",
    "run-against-kubeconfig.sh",
    "values-kafka-strimzi.yaml",
    "values-kafka.yaml",
}


def test_every_example_is_known_here() -> None:
    found = (path.relative_to(EXAMPLES) for path in EXAMPLES.rglob("*") if path.is_file())
    assert {str(path) for path in found if not {"__pycache__", "libs"} & set(path.parts)} == TESTED


def test_the_list_has_every_example() -> None:
    listed = re.findall(r"\]\(([^)]+)\)", (EXAMPLES / "README.md").read_text())
    assert set(listed) == TESTED - {"README.md"}


def test_the_consumer_in_java_is_tested_with_the_jars_it_asks_for() -> None:
    def versions(pom: Path) -> dict[str, str]:
        tag = "{http://maven.apache.org/POM/4.0.0}"
        found = ElementTree.parse(pom).getroot().iter(f"{tag}dependency")
        return {each.findtext(f"{tag}artifactId", ""): each.findtext(f"{tag}version", "") for each in found}

    asked = versions(EXAMPLES / "consumer-java" / "pom.xml")
    tested = versions(EXAMPLES.parent / "tests/e2e/kafka/pom.xml")
    assert asked["kafka-clients"] == tested["kafka_2.13"]


def manifest(name: str) -> dict[str, dict[str, Any]]:
    """The objects of a file by kind."""
    return {document["kind"]: document for document in yaml.safe_load_all((EXAMPLES / name).read_text())}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("deployment-with-hps.yaml", "HorizontalPodScaler", id="hps"),
        pytest.param("plain-hpa.yaml", "HorizontalPodAutoscaler", id="plain HPA"),
    ],
)
def test_a_policy_is_sound_and_its_target_is_in_the_file(name: str, kind: str) -> None:
    objects = manifest(name)
    deployment = objects["Deployment"]
    policy = decode_policy.policy(msgspec.json.encode(objects[kind]))
    assert validation.problems(policy) == ()
    assert (policy.target.kind, policy.target.name) == ("Deployment", deployment["metadata"]["name"])
    assert policy.namespace == deployment["metadata"]["namespace"] == objects["Namespace"]["metadata"]["name"]
    template = deployment["spec"]["template"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    for container in template["spec"]["containers"]:
        assert {metric.name for metric in policy.metrics} <= container["resources"]["requests"].keys()


def test_a_policy_with_all_that_an_hpa_has_not_is_sound_and_pauses() -> None:
    """Its target is that of the other example."""
    [scaler] = manifest("hps-with-pause.yaml").values()
    policy = decode_policy.policy(msgspec.json.encode(scaler))
    other = manifest("deployment-with-hps.yaml")["HorizontalPodScaler"]
    assert validation.problems(policy) == ()
    assert scaler["spec"]["scaleTargetRef"] == other["spec"]["scaleTargetRef"]
    assert policy.deviations.pause is not None
    assert scaler["spec"].keys() > other["spec"].keys()


def test_the_configuration_file_loads_and_sets_what_it_names() -> None:
    path = EXAMPLES / "autoscaler-config.yaml"
    settings = load({"config": str(path)}, {})
    named = yaml.safe_load(path.read_text()).keys() - {"apiVersion", "kind"}
    assert sum(origin == "file" for origin in settings.origins.values()) == len(named)
    assert settings.audit.kafka.security_protocol == "SASL_SSL"


def test_the_script_is_sound_and_its_flags_exist() -> None:
    path = EXAMPLES / "run-against-kubeconfig.sh"
    subprocess.run(["sh", "-n", str(path)], check=True)
    commands = [
        shlex.split(line.removeprefix("exec ").split("||")[0])
        for line in path.read_text().replace("\\\n", " ").splitlines()
        if line.removeprefix("exec ").startswith("autoscaler ")
    ]
    assert [command[1] for command in commands] == ["doctor", "run"]
    for _, verb, *words in commands:
        command = parse(VERBS[verb], words, "autoscaler")
        assert command.faults == ()
        load(command.flags, {})


def run_script(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """With a program of our own on the PATH, which writes down how it was called."""
    program = folder / "autoscaler"
    program.write_text(f'#!/bin/sh\necho "$KUBECONFIG $1" >>{folder}/log\ntest "$1" = run\n')
    program.chmod(0o755)
    return subprocess.run(
        [EXAMPLES / "run-against-kubeconfig.sh", *words],
        env={"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder)},
        check=False,
        capture_output=True,
        text=True,
    )


def test_the_script_runs_both_commands_with_the_kubeconfig_it_was_given(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "my kubeconfig"
    kubeconfig.touch()
    assert run_script(tmp_path, str(kubeconfig)).returncode == 0
    assert (tmp_path / "log").read_text() == f"{kubeconfig} doctor\n{kubeconfig} run\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(("/no/where",), "/no/where is no file that can be read", id="a file that is not there"),
        pytest.param((), "/.kube/config is no file that can be read", id="no word and no default"),
        pytest.param(("a", "b"), "one kubeconfig at most, not 2 arguments", id="two files"),
    ],
)
def test_the_script_says_what_is_wrong_before_it_runs_anything(
    tmp_path: Path, words: tuple[str, ...], expected: str
) -> None:
    done = run_script(tmp_path, *words)
    assert done.returncode == 2
    assert expected in done.stderr
    assert not (tmp_path / "log").exists()


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
