"""The chart gives for every value what it promises, and refuses what is no value; no cluster needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.chart import SERVED_BY, ChartRefusedError, container, notes, objects, render, rendered, told

UNPUBLISHED = "WARNING: version 0.1.0 is not published"
LEASES = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}


def test_one_of_several_pods_decides_by_one_named_lease() -> None:
    made = objects({"replicas": 3})
    role = made["Role", "try-hpa-companion-leader-election"]
    assert role["metadata"]["namespace"] == "metrics"
    assert role["rules"] == [
        {**LEASES, "verbs": ["create"]},
        {**LEASES, "resourceNames": ["try-hpa-companion"], "verbs": ["get", "update"]},
    ]
    spec = made["Deployment", "try-hpa-companion"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (3, {"type": "RollingUpdate"})
    arguments = told(container())
    assert "--leader-elect" in arguments
    assert "--leader-elect-resource-namespace=metrics" in arguments
    assert "--leader-elect-resource-name=try-hpa-companion" in arguments


@pytest.mark.parametrize(
    ("flags", "warned"),
    [
        pytest.param((), True, id="by its defaults"),
        pytest.param(("--set=image.tag=0.2.0",), True, id="another tag of what is not there"),
        pytest.param(("--set=image.repository=registry.example.com/hpa-companion",), False, id="an image of ours"),
    ],
)
def test_who_installs_it_hears_of_an_image_that_no_registry_has(
    tmp_path: Path, flags: tuple[str, ...], *, warned: bool
) -> None:
    said = notes(tmp_path, *flags)
    assert "autoscaler doctor" in said
    assert (UNPUBLISHED in said) == warned
    assert ("--set image.repository=" in said) == warned


def test_without_leader_election_there_is_one_pod_and_never_two() -> None:
    made = objects({"leaderElection": {"enabled": False}})
    assert ("Role", "try-hpa-companion-leader-election") not in made
    assert made["Deployment", "try-hpa-companion"]["spec"]["strategy"] == {"type": "Recreate"}
    assert "--leader-elect" not in told(container({"leaderElection": {"enabled": False}}))
    with pytest.raises(ChartRefusedError, match=r"needs leaderElection\.enabled"):
        render({"replicas": 2, "leaderElection": {"enabled": False}})


def test_a_monitoring_pipeline_has_a_role_to_bind() -> None:
    [rule] = objects()["ClusterRole", "try-hpa-companion-core-metrics"]["rules"]
    assert rule == {"nonResourceURLs": ["/metrics", "/metrics/core", "/debug/nodes"], "verbs": ["get"]}


def test_an_api_server_stays_with_the_replica_whose_revisions_it_knows() -> None:
    assert objects()["Service", "try-hpa-companion"]["spec"]["sessionAffinity"] == "ClientIP"


def test_further_kinds_may_be_scaled_one_by_one() -> None:
    targets = [{"group": "apps", "resource": "statefulsets"}, {"group": "argoproj.io", "resource": "rollouts"}]
    rules = objects({"rbac": {"targets": targets}})["ClusterRole", "try-hpa-companion"]["rules"]
    for each in targets:
        scale = f"{each['resource']}/scale"
        assert {"apiGroups": [each["group"]], "resources": [scale], "verbs": ["get", "update"]} in rules
        assert {"apiGroups": [each["group"]], "resources": [each["resource"]], "verbs": ["get"]} in rules
    assert not any("deployments/scale" in rule["resources"] for rule in rules)


def test_c19_the_same_values_give_the_same_bytes() -> None:
    assert render() == rendered.__wrapped__("{}", "try", SERVED_BY)


def test_c09_our_own_namespace_is_protected_whatever_else_is() -> None:
    assert "--protected-namespaces=kube-system,metrics" in told(container())
    own = {"scaling": {"protectedNamespaces": ["metrics", "ingress"]}}
    assert "--protected-namespaces=metrics,ingress" in told(container(own))


def test_a_digest_wins_over_a_tag() -> None:
    digest = "sha256:" + "0" * 64
    assert container({"image": {"tag": "v1", "digest": digest}})["image"].endswith(f"@{digest}")


@pytest.mark.parametrize("version", ["1.29.0", "1.30.9", "1.31.4", "1.32.1", "1.33.5", "1.34.2", "1.35.0", "1.36.1"])
def test_c22_every_release_gets_the_same_but_for_what_it_does_not_know(version: str) -> None:
    """Kinds of others, such as ServiceMonitor, are made where they are asked for only, whatever the cluster has."""
    here, there = render().splitlines(), render(kubernetes=version).splitlines()
    gone = [line.strip().removeprefix("- jsonPath: ") for line in here if line not in there]
    assert gone == ([] if version >= "1.31" else ["selectableFields:", *SELECTABLE])
    assert [line for line in there if line not in here] == []


SELECTABLE = [".spec.scaleTargetRef.kind", ".spec.scaleTargetRef.name", ".spec.mode"]


def test_c22_an_older_release_is_refused() -> None:
    with pytest.raises(ChartRefusedError, match=re.escape("requires kubeVersion: >=1.29.0")):
        render(kubernetes="1.28.15")


NAMED_63 = {"Service", "Deployment", "PodDisruptionBudget"}
LONGEST = "x" * 53
"""More Helm does not take for the name of a release."""


def names(release: str, values: dict[str, Any] | None = None) -> set[str]:
    """Of objects whose names are as short as labels, and the values of all labels."""
    found = [each for each in yaml.load_all(render(values, release=release), Loader=yaml.CSafeLoader) if each]
    labels = {value for each in found for value in each["metadata"].get("labels", {}).values()}
    return {each["metadata"]["name"] for each in found if each["kind"] in NAMED_63} | labels


@pytest.mark.parametrize("name", [None, "y" * 63])
def test_c10_long_names_are_cut_to_what_a_service_and_a_label_may_have(name: str | None) -> None:
    found = names(LONGEST, {"nameOverride": name} if name else {})
    assert {each for each in found if len(each) > 63 or not each[-1].isalnum()} == set()


def test_c10_long_names_that_begin_alike_stay_apart() -> None:
    made = [
        {name for kind, name in objects(release=release) if kind in NAMED_63}
        for release in (LONGEST, f"{LONGEST[:-1]}z")
    ]
    assert made[0] & made[1] == set()
    assert all(name.startswith(LONGEST[:-1]) for name in made[0] | made[1])


@pytest.mark.parametrize("value", ["nameOverride", "fullnameOverride"])
def test_c10_a_name_that_would_have_to_be_cut_is_refused(value: str) -> None:
    with pytest.raises(ChartRefusedError, match=f"/{value}"):
        render({value: "y" * 64})
