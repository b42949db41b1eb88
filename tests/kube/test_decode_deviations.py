from __future__ import annotations

from typing import Any

import pytest

from autoscaler.errors import MalformedError
from autoscaler.kube.decode_policy import policy
from autoscaler.model.policy import Deviations, Pause
from tests.kube.test_decode_policy import document

PAUSE = {"until": "2026-11-23T09:54:21Z", "reason": "load test", "actor": "sam"}


def test_a_spec_without_them_is_an_hpa() -> None:
    assert policy(document()).deviations == Deviations()


def test_null_is_absent() -> None:
    fields = ("ownedPodsOnly", "ignoreRolloutSurge", "maxSampleAge", "cpuInitializationPeriod", "pause")
    assert policy(document(**dict.fromkeys(fields))).deviations == Deviations()


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({"ownedPodsOnly": True}, Deviations(owned_pods_only=True), id="owned pods"),
        pytest.param({"ignoreRolloutSurge": True}, Deviations(ignore_rollout_surge=True), id="surge"),
        pytest.param({"maxSampleAge": "1m30s"}, Deviations(max_sample_age=90.0), id="sample age"),
        pytest.param({"usageWindow": "5m"}, Deviations(usage_window=300.0), id="usage window"),
        pytest.param({"cpuInitializationPeriod": "0s"}, Deviations(cpu_initialization=0.0), id="no start-up rule"),
        pytest.param({"initialReadinessDelay": "10s"}, Deviations(initial_readiness_delay=10.0), id="readiness delay"),
        pytest.param({"syncPeriod": "1m"}, Deviations(sync_period=60.0), id="sync period"),
        pytest.param(
            {"pause": PAUSE},
            Deviations(pause=Pause(until=1795427661.0, reason="load test", actor="sam")),
            id="a pause of both directions",
        ),
        pytest.param(
            {"pause": {**PAUSE, "directions": ["Down"]}},
            Deviations(pause=Pause(directions=("Down",), until=1795427661.0, reason="load test", actor="sam")),
            id="a pause of one",
        ),
    ],
)
def test_each_field_is_read(spec: dict[str, Any], expected: Deviations) -> None:
    assert policy(document(**spec)).deviations == expected


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        pytest.param({"maxSampleAge": "45"}, "spec.maxSampleAge: '45' is no duration", id="no unit"),
        pytest.param({"syncPeriod": "soon"}, "spec.syncPeriod", id="a word"),
        pytest.param({"pause": {**PAUSE, "until": "tomorrow"}}, "spec.pause.until", id="no time"),
        pytest.param({"pause": {**PAUSE, "until": "2026-11-23T09:54:21"}}, "spec.pause.until", id="no time zone"),
    ],
)
def test_what_cannot_be_read_is_named(spec: dict[str, Any], named: str) -> None:
    with pytest.raises(MalformedError, match=named):
        policy(document(**spec))
