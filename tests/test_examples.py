"""Every example does what it says, with the program's own readers; tests/e2e runs them on real parts."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
import yaml

from autoscaler.cli.arguments import VERBS, parse
from autoscaler.config.load import load
from autoscaler.core import validation
from autoscaler.kube import decode_policy

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
