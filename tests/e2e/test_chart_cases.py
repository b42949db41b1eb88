"""What holds of every object in every way the chart is installed; no cluster needed."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

import pytest

from autoscaler.config import rules
from autoscaler.config.options import OPTIONS
from autoscaler.config.values import parse
from tests.e2e.chart import SERVED_BY, ChartRefusedError, objects, render, rendered, told
from tests.e2e.chartvalues import INSTALLED, REFUSED
from tests.e2e.kubeapi import Object

CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "APIService", "FlowSchema"}
every_set = pytest.mark.parametrize("values", [pytest.param(values, id=name) for name, values in INSTALLED.items()])


def made(values: dict[str, Any]) -> dict[tuple[str, str], Object]:
    """The objects of these values, to be read only."""
    return _made(json.dumps(values))


@functools.cache
def _made(values: str) -> dict[tuple[str, str], Object]:
    return objects(json.loads(values))


def deployment(values: dict[str, Any]) -> Object:
    [found] = [each for (kind, _), each in made(values).items() if kind == "Deployment"]
    return found


@every_set
def test_the_same_values_give_the_same_bytes(values: dict[str, Any]) -> None:
    assert render(values) == rendered.__wrapped__(json.dumps(values, sort_keys=True), "try", SERVED_BY)


@every_set
def test_every_object_says_whose_it_is_and_where_it_belongs(values: dict[str, Any]) -> None:
    for (kind, name), each in made(values).items():
        if name == "try-more":
            continue  # the one of `extraObjects`
        labels = each["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "try"
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert ("namespace" in each["metadata"]) == (kind not in CLUSTER_WIDE), (kind, name)
        assert each["metadata"].get("namespace", "metrics") in {"metrics", "kube-system"}


@every_set
def test_whatever_selects_selects_the_pod(values: dict[str, Any]) -> None:
    """By two labels that no upgrade changes: a Deployment's selector cannot be."""
    pod = deployment(values)["spec"]["template"]["metadata"]["labels"]
    name = values.get("nameOverride", "hpa-companion")
    fixed = {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": "try"}
    assert fixed.items() <= pod.items()
    selected = {
        kind: each["spec"].get("podSelector", each["spec"].get("selector"))
        for (kind, _), each in made(values).items()
        if kind in {"Deployment", "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor", "PodMonitor"}
    }
    assert {kind: each["matchLabels"] for kind, each in selected.items()} == dict.fromkeys(selected, fixed)
    [service] = [each for (kind, _), each in made(values).items() if kind == "Service"]
    assert service["spec"]["selector"] == fixed


@every_set
def test_c20_the_pod_is_a_restricted_one(values: dict[str, Any]) -> None:
    pod = deployment(values)["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert re.search(r"(:v?[0-9][\w.-]*|@sha256:[0-9a-f]{64})$", container["image"]), "a version, never latest"
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
    assert {probe for probe in container if probe.endswith("Probe")} == {
        "startupProbe", "livenessProbe", "readinessProbe",
    }  # fmt: skip


@every_set
def test_the_program_takes_what_it_is_given(values: dict[str, Any]) -> None:
    [container] = deployment(values)["spec"]["template"]["spec"]["containers"]
    verb, *flags = told(container)
    assert verb == "run"
    given = {name: value or "true" for name, _, value in (flag.removeprefix("--").partition("=") for flag in flags)}
    assert given.keys() <= OPTIONS.keys()
    parsed = {name: parse(option, given.get(name, option.default)) for name, option in OPTIONS.items()}
    assert rules.problems(parsed, {name: "flag" if name in given else "default" for name in OPTIONS}) == []


@every_set
def test_nobody_may_do_everything(values: dict[str, Any]) -> None:
    for (kind, name), each in made(values).items():
        for rule in each["rules"] if kind in {"Role", "ClusterRole"} else []:
            assert "*" not in rule["verbs"], name
            assert "nodes/proxy" not in rule.get("resources", [])
            assert "secrets" not in rule.get("resources", []) or rule["resourceNames"]
            assert "*" not in rule.get("apiGroups", [])


@pytest.mark.parametrize(("values", "named"), [pytest.param(values, named, id=name) for name, values, named in REFUSED])
def test_c05_what_is_none_is_refused_by_its_path(values: dict[str, Any], named: str) -> None:
    with pytest.raises(ChartRefusedError, match=re.escape(named)):
        render(values)


def test_there_are_enough_of_them() -> None:
    """A smaller table would be a smaller promise."""
    assert len(INSTALLED) >= 60
    assert len(REFUSED) >= 40
