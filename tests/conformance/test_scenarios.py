"""What was reported upstream, replayed: the HPA's answer on the same input, and ours where we can do better.

One file in `scenarios/` each: `input` is a bundle (README.md), `upstream.write` what kube-controller-manager writes for
it, which we write too; `ours.write` what an hps writes that has `ours.spec` beside the same spec.
"""

import json
from pathlib import Path

import pytest

from autoscaler.kube import bundle
from autoscaler.model.plan import Aged, Overridden, Paused, Selected

FILES = sorted((Path(__file__).parent / "scenarios").glob("*.json"))
SCENARIOS = [pytest.param(json.loads(path.read_text()), id=path.stem) for path in FILES]


def answer(given):
    return bundle.answered(bundle.read(json.dumps(given).encode()))


def as_ours(scenario):
    """The same input with the policy as an hps that departs from the HPA as the scenario says."""
    given, ours = json.loads(json.dumps(scenario["input"])), scenario["ours"]
    given["policy"] |= {"apiVersion": "hpa-companion.dev/v1alpha1", "kind": "HorizontalPodScaler"}
    given["policy"]["spec"] |= ours.get("spec", {})
    given["settings"] = given.get("settings", {}) | ours.get("settings", {})
    return given


def test_there_are_enough_of_them_and_each_is_of_another_report():
    issues = [json.loads(path.read_text())["issue"] for path in FILES]
    assert len(set(issues)) == len(issues) >= 12
    for path, issue in zip(FILES, issues, strict=True):
        assert path.stem == issue.replace("/", "-").replace("#", "-")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_hpas_answer_is_what_was_reported(scenario):
    assert answer(scenario["input"]).write == scenario["upstream"]["write"], scenario["upstream"]["why"]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_our_answer_is_as_promised_and_its_record_says_what_was_done(scenario):
    found, ours = answer(as_ours(scenario)), scenario["ours"]
    assert found.write == ours["write"], ours["why"]
    deviates = any(isinstance(stage, (Overridden, Selected, Aged, Paused)) for stage in found.stages)
    assert deviates is bool(ours.get("spec") and "behavior" not in ours["spec"])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_an_hps_without_deviations_answers_as_the_hpa(scenario):
    same = {**scenario, "ours": {}}
    assert answer(as_ours(same)).write == scenario["upstream"]["write"]
