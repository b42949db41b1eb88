from __future__ import annotations

import json
from typing import Any

import pytest

from autoscaler.cli import bundlefields
from autoscaler.errors import MalformedError
from tests.kube.bundles import bundle
from tests.pages import ROOT


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"expect": {"anything": 1}, "settings": None, "podMetrics": None, "history": {"scaleUps": None}}, []),
        ({"polizy": 1}, ["polizy is no field; did you mean policy?"]),
        ({"settings": {"tolerence": 0.5}}, ["settings.tolerence is no field; did you mean tolerance?"]),
        ({"podmetrics": {}, "zzz": {}}, ["podmetrics is no field; did you mean podMetrics?", "zzz is no field"]),
        (
            {"history": {"recommendations": [{"replicas": 1}, {"replica": 2}]}},
            ["history.recommendations[1].replica is no field; did you mean replicas?"],
        ),
        ({"scale": {"spec": {"replica": 2}}}, ["scale.spec.replica is no field; did you mean replicas?"]),
        (
            {"podMetrics": {"items": [{"containers": [{"usages": {}}]}]}},
            ["podMetrics.items[0].containers[0].usages is no field; did you mean usage?"],
        ),
        ({"pods": {"items": [{"spec": {"whatever": 1}}], "metadata": {"continue": ""}}}, []),
    ],
)
def test_what_nobody_reads_is_named_with_the_nearest(changes: dict[str, Any], told: list[str]) -> None:
    found = bundlefields.fields(json.dumps(bundle(**changes)).encode())
    assert list(found.unknown) == told
    assert json.loads(bytes(found.policy)) == bundle()["policy"]


def test_only_settings_change_what_the_rest_means() -> None:
    assert bundlefields.refused("settings.tolerence is no field")
    assert not bundlefields.refused("podmetrics is no field")


def test_all_that_is_missing_is_named_at_once() -> None:
    assert bundlefields.missing(b"{}") == list(bundlefields.NEEDED)
    assert bundlefields.missing(
        b'{"now": 1, "policy": {"kind": "a", "apiVersion": "b", "metadata": {"name": "c"}}}'
    ) == [
        "policy.metadata.namespace",
        "policy.spec.scaleTargetRef.kind",
        "policy.spec.scaleTargetRef.name",
        "policy.spec.maxReplicas",
    ]


@pytest.mark.parametrize("line", [b"[]", b"no", b"\xff", json.dumps(bundle()).encode()])
def test_where_nothing_is_missing_nothing_is_named(line: bytes) -> None:
    assert bundlefields.missing(line) == []


def test_a_policy_is_no_bundle() -> None:
    with pytest.raises(
        MalformedError, match=r"this is a HorizontalPodAutoscaler, which belongs in `policy` .*plan\.md"
    ):
        bundlefields.missing(json.dumps(bundle()["policy"]).encode())


@pytest.mark.parametrize(
    ("line", "record"),
    [
        (b'{"specversion": "1.0", "type": "dev.hpa-companion.decision.v1", "data": {}}', True),
        (b'{"specversion": "", "type": ""}', False),
        (json.dumps(bundle()).encode(), False),
        (b'{"specversion": "\xff", "type": "x"}', False),
        (b"no", False),
    ],
)
def test_a_record_is_known_by_its_envelope(line: bytes, record: bool) -> None:
    assert bundlefields.is_record(line) is record


def test_the_page_names_every_field() -> None:
    rows = [line for line in (ROOT / "docs/plan.md").read_text().splitlines() if line.startswith("| `")]
    told = {name for line in rows for name in line.split("|")[1].replace("`", "").replace(" ", "").split(",")}
    assert told == set(bundlefields.FIELDS)
