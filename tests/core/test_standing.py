import inspect
import re
from pathlib import Path

import pytest

from autoscaler.audit import delivery
from autoscaler.core import planner
from autoscaler.core import standing as core_standing
from autoscaler.core.standing import KNOWN, conflicted, standing, unknown
from autoscaler.model.policy import Condition, MetricSpec
from tests.core.evaluations import CPU, evaluation, policy, scale

DELIVERED = Condition(type="AuditDelivered", status="True", reason="Delivered", message="m")
QUEUE = MetricSpec(type="External", name="queue", value=1)


def conditions(given, claims=(), unseen=""):
    told = standing(
        given.policy, planner.plan(given), (conflicted(given.policy, claims, unseen), DELIVERED)
    )  # fmt: skip
    assert len({each.type for each in told}) == len(told)
    return {each.type: each for each in told}


def test_every_known_type_is_there_after_the_first_visit():
    found = conditions(evaluation())
    assert set(found) == set(KNOWN)
    assert found["ScaledToZero"].status == "Unknown"
    assert {kind for kind, each in found.items() if each.status == "Unknown"} == {"ScaledToZero"}


def test_what_stands_there_is_not_made_unknown_again():
    there = tuple(Condition(type=each, status="True", reason="r", message="m") for each in KNOWN)
    assert not list(unknown(policy(conditions=there), ()))


@pytest.mark.parametrize(
    ("given", "claims", "status", "reason"),
    [
        pytest.param(evaluation(), (), "True", "Evaluated", id="all is well"),
        pytest.param(evaluation(scale=None, scale_error="not found"), (), "False", "FailedGetScale", id="no target"),
        pytest.param(evaluation(pod_metrics=()), (), "False", "FailedGetResourceMetric", id="no metric"),
        pytest.param(evaluation(), ("HorizontalPodAutoscaler shop/web",), "False", "ClaimedTwice", id="contested"),
        pytest.param(evaluation(scale=scale(0)), (), "True", "Evaluated", id="switched off at 0 on purpose"),
        pytest.param(
            evaluation(policy=policy(metrics=(CPU, QUEUE))), (), "True", "Evaluated", id="one metric is enough"
        ),
    ],
)
def test_ready_sums_it_up(given, claims, status, reason):
    ready = conditions(given, claims)["Ready"]
    assert (ready.status, ready.reason) == (status, reason)


def test_a_metric_that_failed_is_named_though_another_decides():
    found = conditions(evaluation(policy=policy(metrics=(CPU, QUEUE))))
    assert found["ScalingActive"].status == "True"
    assert (found["MetricsAvailable"].status, found["MetricsAvailable"].reason) == ("False", "FailedGetExternalMetric")
    assert found["MetricsAvailable"].message.startswith("external metric queue()")


def test_metrics_that_nobody_asked_are_unknown():
    assert conditions(evaluation(scale=scale(0)))["MetricsAvailable"].status == "Unknown"


def test_who_else_scales_the_target_is_named_with_what_to_do():
    told = conflicted(policy(), ("HorizontalPodAutoscaler shop/web",), "")
    assert (told.status, told.reason) == ("True", "ClaimedTwice")
    assert told.message.startswith("Deployment web is scaled by HorizontalPodAutoscaler shop/web too")
    assert told.message.endswith("delete all but one of them")


def test_not_to_know_is_no_answer_and_keeps_it_from_its_work():
    found = conditions(evaluation(), unseen="horizontalpodautoscalers: forbidden")
    assert (found["Conflicted"].status, found["Conflicted"].reason) == ("Unknown", "ClaimsUnknown")
    assert (found["Ready"].status, found["Ready"].reason) == ("False", "ClaimsUnknown")
    assert "forbidden" in found["Ready"].message


def test_every_condition_and_reason_of_ours_is_documented():
    page = (Path(__file__).resolve().parents[2] / "docs" / "hps.md").read_text()
    for word in (
        *KNOWN,
        *re.findall(r'reason="(\w+)"', inspect.getsource(core_standing) + inspect.getsource(delivery)),
    ):
        assert f"`{word}`" in page, word
