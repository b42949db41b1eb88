"""The chart at its edges: values that are null, names that YAML takes for something else, a part of another chart."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.chart import CHART, ChartRefusedError, render, templated
from tests.e2e.kubeapi import Object

NONE_OF_IT = {"priorityClassName", "runAsUser", "hostUsers", "resources", "nodeSelector"}
"""Of these null is a value: the pod has none, as a manifest without them would."""
STRICT = {"additionalProperties": False}


def _sections(schema: Object, values: Object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Object, Object]]:
    """The path of every section of the values, its schema, its defaults."""
    yield ".".join(path), schema, values
    for name, below in schema["properties"].items():
        if STRICT.items() <= below.items() and name not in NONE_OF_IT:
            yield from _sections(below, values[name], (*path, name))


def test_what_is_set_to_null_is_missed_by_name_or_was_nothing_before() -> None:
    """Helm takes away a default for which null is given, and whoever comments a section's keys out gives null."""
    schema, values = json.loads((CHART / "values.schema.json").read_text()), yaml.safe_load(_text("values.yaml"))
    for path, section, defaults in _sections(schema, values):
        optional = section["properties"].keys() - set(section.get("required", ())) - NONE_OF_IT
        something = {name: defaults[name] for name in optional if defaults.get(name)}
        labels = {name for name, below in section["properties"].items() if below.get("$ref", "").endswith("/texts")}
        assert something.keys() <= labels | {"enabled"}, f"{path}: {something}"


def _text(name: str) -> str:
    return (CHART / name).read_text()


@pytest.mark.parametrize(
    ("values", "where"),
    [
        pytest.param({"kubelet": None}, "missing property 'kubelet'", id="a section"),
        pytest.param({"audit": {"kafka": {"ca": None}}}, "at '/audit/kafka': missing property 'ca'", id="one below"),
        pytest.param({"kubelet": {"resolution": None}}, "at '/kubelet': missing property 'resolution'", id="a setting"),
        pytest.param({"tls": {"mode": None}}, "at '/tls': missing property 'mode'", id="a choice"),
    ],
)
def test_c05_a_value_that_is_null_is_refused_by_its_path(values: dict[str, Any], where: str) -> None:
    with pytest.raises(ChartRefusedError, match=re.escape(where)):
        render(values)


@pytest.mark.parametrize("value", ["extraArgs", "extraEnv", "extraVolumes", "extraObjects", "tolerations", "affinity"])
def test_a_list_whose_items_are_all_commented_out_is_an_empty_one(value: str) -> None:
    assert render({value: None}) == render()


@pytest.mark.parametrize("namespace", ["2024", "true", "1e3"])
def test_c10_a_namespace_is_text_whatever_it_looks_like(namespace: str) -> None:
    for each in templated("try", namespace):
        assert each["metadata"].get("namespace", namespace) in {namespace, "kube-system"}
        assert {subject["namespace"] for subject in each.get("subjects", ())} <= {namespace}


def test_c10_a_release_whose_name_gives_no_name_of_a_service_needs_another_one() -> None:
    for release in ("2024", "a.b"):
        with pytest.raises(ChartRefusedError, match="fullnameOverride is needed with the release name"):
            templated(release, "metrics")
    for each in templated("2024", "metrics", "--set=fullnameOverride=scaler"):
        assert each["metadata"]["labels"]["app.kubernetes.io/instance"] == "2024"


@pytest.fixture
def umbrella(tmp_path: Path) -> Path:
    """A chart of somebody else's that has ours for a part of it."""
    folder = tmp_path / "platform"
    shutil.copytree(CHART, folder / "charts/hpa-companion")
    version = yaml.safe_load(_text("Chart.yaml"))["version"]
    part = {"name": "hpa-companion", "version": version, "condition": "hpa-companion.enabled"}
    chart = {"apiVersion": "v2", "name": "platform", "version": "1.0.0", "dependencies": [part]}
    (folder / "Chart.yaml").write_text(json.dumps(chart))
    return folder


def test_it_may_be_a_part_of_another_chart_and_be_left_out_of_it(umbrella: Path) -> None:
    alone = templated("try", "metrics", "--set=replicas=2")
    assert (
        templated(
            "try", "metrics", "--set=hpa-companion.replicas=2,hpa-companion.enabled=true,global.team=a", chart=umbrella
        )
        == alone
    )
    assert templated("try", "metrics", "--set=hpa-companion.enabled=false", chart=umbrella) == []
