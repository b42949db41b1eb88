"""Goldens: what a person reads. Change them on purpose only."""

from __future__ import annotations

import json
from textwrap import dedent

import msgspec
import pytest
from msgspec.structs import replace

from autoscaler.core.explanation import explained, failed, headline, in_short, lines
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.plan import (
    Action,
    Aged,
    Contested,
    Counted,
    Overridden,
    Paused,
    Selected,
    Unnamed,
)
from autoscaler.model.policy import Behavior, MetricSpec, ScalingRules
from tests.audit.samples import BASIS, cpu_proposal, decision, stages
from tests.core.chance import evaluations
from tests.core.explained import (
    FORCED,
    FORCED_TEXT,
    HELD_BACK,
    HELD_BACK_TEXT,
    NO_METRICS,
    NO_METRICS_TEXT,
    SCALED_UP,
    SCALED_UP_TEXT,
    UNREADABLE,
    UNREADABLE_TEXT,
)
from tests.core.recording import recorded


@pytest.mark.parametrize(
    ("told", "text"),
    [
        pytest.param(SCALED_UP, SCALED_UP_TEXT, id="two metrics, pods of every kind, a rate limit"),
        pytest.param(HELD_BACK, HELD_BACK_TEXT, id="an earlier recommendation holds it"),
        pytest.param(NO_METRICS, NO_METRICS_TEXT, id="no usable data"),
        pytest.param(UNREADABLE, UNREADABLE_TEXT, id="the target cannot be read"),
        pytest.param(FORCED, FORCED_TEXT, id="below its minimum, in a truncated record"),
    ],
)
def test_the_text(told: Decision, text: str) -> None:
    assert "\n".join(lines(explained(told))) + "\n" == dedent(text)


@pytest.mark.parametrize(
    ("outcome", "end"),
    [
        (Outcome.WRITTEN, "3 -> 5 replicas, written"),
        (Outcome.SHADOWED, "3 -> 5 replicas, not written: the policy is in Shadow"),
        (Outcome.CONFLICTED, "3 -> 5 replicas, not written: the target changed meanwhile"),
        (Outcome.DEFERRED, "3 -> 5 replicas, not written yet"),
        (Outcome.FAILED, "3 -> 5 replicas, not written: the write was refused"),
    ],
)
def test_what_became_of_it_is_in_the_headline(outcome: Outcome, end: str) -> None:
    assert headline(decision(outcome=outcome)) == f"shop/Deployment/web: {end}"


@pytest.mark.parametrize(
    ("told", "text", "bad"),
    [
        pytest.param(HELD_BACK, "stays at 12 replicas (ScaleDownStabilized)", False, id="a number and no error"),
        pytest.param(
            NO_METRICS, f"stays at 3 replicas (FailedGetResourceMetric): {NO_METRICS.error}", True, id="error"
        ),
        pytest.param(
            UNREADABLE, f"could not be evaluated (FailedGetScale): {UNREADABLE.error}", True, id="nothing could be read"
        ),
    ],
)
def test_in_short_it_has_its_reason_and_its_error(told: Decision, text: str, bad: bool) -> None:
    assert in_short(told) == f"shop/Deployment/web: {text}"
    assert failed(told) is bad


def test_two_metrics_of_one_name_have_headings_of_their_own() -> None:
    specs = [MetricSpec(type="External", name="jobs", selector=f"queue={name}", value=1) for name in ("mail", "print")]
    two = [cpu_proposal(type="External", name="jobs", requests=None, samples=0) for _ in specs]
    told = decision(stages=(*two, *stages()[1:]), basis=replace(BASIS, spec=replace(BASIS.spec, metrics=tuple(specs))))
    assert [each.name for each in explained(told).metrics] == [
        "external metric jobs of queue=mail",
        "external metric jobs of queue=print",
    ]


def test_the_advice_is_for_the_policy_as_it_is() -> None:
    bare = decision(reason="ScaleUpLimit")
    assert explained(bare).todo.startswith("Set spec.behavior.scaleUp.policies")
    own = replace(BASIS, spec=replace(BASIS.spec, behavior=Behavior(ScalingRules(), ScalingRules())))
    assert explained(replace(bare, basis=own)).todo.startswith("Raise spec.behavior.scaleUp.policies")


def test_one_replica_is_no_plural() -> None:
    assert headline(decision(action=Action.HOLD, current=1, desired=1)).endswith("stays at 1 replica")


def test_the_parts_are_json() -> None:
    parts = json.loads(msgspec.json.encode(explained(SCALED_UP)))
    assert parts["metrics"][1]["name"] == "memory"
    assert [(step["name"], step["replicas"]) for step in parts["steps"]] == [
        ("chosen", 8),
        ("stabilized", 8),
        ("limited", 6),
        ("final", 6),
    ]


def test_a_terminal_is_not_given_orders() -> None:
    hostile = decision(error="\x1b]0;owned\x07\r\x9b2J\u202eback", stages=(cpu_proposal(name="\x1b[31mcpu"),))
    text = "".join(lines(explained(hostile)))
    assert text.isprintable()
    assert "owned" in text


def test_names_the_record_has_no_room_for_are_counted() -> None:
    pods = Counted(ready=1, missing=tuple(f"web-{n}" for n in range(6)), unnamed=Unnamed(missing=90, unready=7))
    text = "\n".join(lines(explained(decision(stages=(cpu_proposal(pods=pods),)))))
    assert "96 without a sample (web-0, web-1, web-2, web-3 and 92 more)" in text
    assert "7 unready (names left out of the record)" in text


DEVIATIONS = {
    Overridden: "The policy's own: ",
    Selected: "Not counted: ",
    Aged: "Too old to count, ",
    Paused: "  paused ",
    Contested: "  contested ",
}


def test_whatever_an_hps_changed_is_told_and_the_steps_end_at_the_number() -> None:
    seen = set()
    for evaluation in evaluations(3, 1000, deviating=1.0):
        found = recorded(evaluation)
        told = explained(found)
        text = "\n".join(lines(told))
        changed = {type(stage) for stage in found.stages} & set(DEVIATIONS)
        assert [kind for kind in changed if DEVIATIONS[kind] not in text] == []
        assert not told.steps or told.steps[-1].replicas == found.desired
        seen |= changed
    assert seen == set(DEVIATIONS)
