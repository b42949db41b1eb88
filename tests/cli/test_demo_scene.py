from __future__ import annotations

import pytest
from msgspec.structs import replace

from autoscaler.cli.demo_scene import biggest, noteworthy, sentence, target_row, usage
from autoscaler.model.decision import Outcome
from autoscaler.model.plan import Action, Chosen, Counted, Forced, Limited, Proposal, Recommendation, Stabilized
from tests.cli.demo_decisions import CPU, MEMORY, decision

RISE = decision(
    2, 6, (CPU, Chosen(metric="cpu", replicas=12),
           Limited(wanted=12, replicas=6, min_replicas=2, max_replicas=20, limit=6, policy="Pods 4 per 15 s", start=2,
                   reason="ScaleUpLimit")),
)  # fmt: skip


@pytest.mark.parametrize(
    ("told", "text"),
    [
        pytest.param(
            RISE,
            "shop/web 2 -> 6: cpu 338 % (target 60 % of requests) asks for 12;"
            " not above 6 for now: Pods 4 per 15 s, from 2",
            id="a rise that was limited",
        ),
        pytest.param(
            replace(RISE, outcome=Outcome.CONFLICTED, stages=()),
            "shop/web 2 -> 6 (conflicted): AboveTarget",
            id="a write that did not happen",
        ),
        pytest.param(
            decision(12, 12, (replace(CPU, current=30, replicas=6),
                              Stabilized(proposed=6, replicas=12, down_window=15.0, by=Recommendation(12, 0.0)))),
            "shop/web stays at 12: cpu 30 % (target 60 % of requests) asks for 6; 12 was wanted within the last 15 s",
            id="a fall that waits",
        ),
        pytest.param(
            decision(3, 3, (replace(MEMORY, pods=Counted(ready=2, missing=("a", "b"))),)),
            "shop/web stays at 3: memory 92 MiB (target 100 MiB a pod, 2 pods without a sample) asks for 3",
            id="pods without a sample",
        ),
        pytest.param(
            decision(6, 10, (replace(CPU, pods=Counted(ready=5, unready=("a",), missing=("b", "c"))),)),
            "shop/web 6 -> 10: cpu 338 % (target 60 % of requests, 1 pod unready, 2 pods without a sample) asks for 12",
            id="a pod that is not ready",
        ),
        pytest.param(
            decision(3, 3, (replace(CPU, replicas=None, message="no metrics returned"),)),
            "shop/web stays at 3: cpu: no metrics returned",
            id="a metric that failed",
        ),
        pytest.param(
            decision(1, 2, (Forced(current=1, replicas=2, min_replicas=2, max_replicas=9, reason="TooFewReplicas"),)),
            "shop/web 1 -> 2: 1 is below spec.minReplicas, 2; no metric is asked",
            id="outside its bounds",
        ),
        pytest.param(decision(3, 3, (), error="boom"), "shop/web stays at 3: boom", id="a failed pass"),
    ],
)  # fmt: skip
def test_sentence(told: object, text: str) -> None:
    assert sentence(told) == text  # type: ignore[arg-type]  # a table of decisions


@pytest.mark.parametrize(
    ("proposal", "text"),
    [(CPU, "338 %"), (MEMORY, "92 MiB"), (replace(CPU, current=None), "no data")],
)
def test_usage(proposal: Proposal, text: str) -> None:
    assert usage(proposal) == text


def test_a_target_without_a_decision_shows_its_pods() -> None:
    row = target_row("shop/web", 3, 2, None)
    assert (row.replicas, row.ready, row.usage) == (3, 2, "")


def test_a_target_shows_what_the_latest_decision_saw() -> None:
    row = target_row("shop/web", 6, 2, RISE)
    assert (row.metric, row.usage, row.goal, row.missing) == ("cpu", "338 %", "60 % of requests", 0)


HOLD = decision(3, 3, (replace(CPU, current=55, replicas=3), Chosen(metric="cpu", replicas=3)))


@pytest.mark.parametrize(
    ("now", "before", "worth"),
    [
        pytest.param(HOLD, None, True, id="the first"),
        pytest.param(HOLD, HOLD, False, id="the same again"),
        pytest.param(RISE, RISE, True, id="every change"),
        pytest.param(decision(3, 3, (replace(CPU, current=57, replicas=3),)), HOLD, False, id="only numbers wobble"),
        pytest.param(
            decision(3, 3, (replace(CPU, pods=Counted(ready=2, missing=("a",))),)), HOLD, True, id="a pod went missing"
        ),
        pytest.param(replace(HOLD, reason="ScaleDownStabilized"), HOLD, True, id="another reason"),
    ],
)
def test_noteworthy(now: object, before: object, worth: bool) -> None:
    assert noteworthy(now, before) is worth  # type: ignore[arg-type]  # a table of decisions


def test_the_biggest_is_the_written_one_that_changed_the_most() -> None:
    small, large = decision(2, 4), decision(4, 12)
    unwritten = replace(decision(0, 99), outcome=Outcome.FAILED)
    assert biggest([small, large, HOLD, unwritten]) is large
    assert biggest([HOLD]) is None
    assert HOLD.action is Action.HOLD
