"""Whole evaluations as kube-controller-manager 1.37 decided them."""

import gzip
import json

import pytest

from autoscaler.kube import bundle
from tests.conformance import upstream


def lines():
    path = upstream.BUNDLES
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        found = [line for line in file if line.strip()]
    assert found, f"{path} has no bundle"
    return found


TOLD = {"write", "status", "events", "error", "recommendations", "scaleUps", "scaleDowns"}
STATUS = {"observedGeneration", "currentReplicas", "desiredReplicas", "currentMetrics", "conditions"}


def agreed(result):
    """What has to be equal: numbers, reasons, order of events and histories; texts may be better than upstream's."""
    status = result["status"]
    return {
        "write": result["write"],
        "observedGeneration": status.get("observedGeneration"),
        "currentReplicas": status.get("currentReplicas") or 0,  # Go leaves 0 out
        "desiredReplicas": status["desiredReplicas"],
        "currentMetrics": status.get("currentMetrics"),
        "conditions": {each["type"]: (each["status"], each["reason"]) for each in status.get("conditions") or ()},
        "events": [event.split(" ", 2)[:2] for event in result.get("events") or ()],
        "error": bool(result.get("error")),
        "recommendations": result.get("recommendations") or [],
        "scaleUps": result.get("scaleUps") or [],
        "scaleDowns": result.get("scaleDowns") or [],
    }


FIFTHS = 5


@pytest.mark.parametrize("part", range(FIFTHS))
def test_every_bundle_is_decided_as_upstream_did(part):
    found = {}
    for line in lines()[part::FIFTHS]:
        given = json.loads(line)
        answer = json.loads(bundle.encoded(bundle.answered(bundle.read(line))))
        assert given["expect"].keys() <= TOLD, "something is expected that nobody compares"
        assert given["expect"]["status"].keys() <= STATUS, "the same of the status"
        expected, got = agreed(given["expect"]), agreed(answer)
        if expected != got:
            found[given["id"]] = {name: (expected[name], got[name]) for name in got if expected[name] != got[name]}
    assert not found


def test_the_way_to_the_number_is_told():
    answers = [bundle.answered(bundle.read(line)) for line in lines()[:100]]
    for answer in answers:
        stages = json.loads(bundle.encoded(answer)).get("stages", [])
        assert not stages or stages[-1]["stage"] == "final"
        assert answer.write is None or stages[-1]["replicas"] == answer.write


@pytest.mark.parametrize("name", ["bundles.jsonl", "bundles.jsonl.gz"])
def test_a_file_without_a_bundle_is_no_agreement(name, tmp_path, monkeypatch):
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"\n") if name.endswith(".gz") else b"")
    monkeypatch.setattr(upstream, "BUNDLES", path)
    with pytest.raises(AssertionError, match="has no bundle"):
        test_every_bundle_is_decided_as_upstream_did(0)
