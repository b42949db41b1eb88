"""How old a sample may be: the HPA rejects none for its age, whatever its source serves."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from autoscaler.core.evaluation import Evaluation, Prepared
from autoscaler.core.requests import Failure
from autoscaler.model.metrics import MetricValue
from autoscaler.model.plan import Aged


def fresh_only(evaluation: Evaluation) -> Prepared | None:
    """The evaluation with stale samples missing, never zero; a value that has no time cannot be shown to be fresh."""
    most = evaluation.policy.deviations.max_sample_age
    if most is None:
        return None
    too_old = Failure(f"every sample is older than spec.maxSampleAge ({most:g} s)")
    since = evaluation.now - most
    stale = tuple(each for each in evaluation.pod_metrics or () if each.at < since)
    old = {
        spec: [value for value in answer if value.at < since]
        for spec, answer in evaluation.values.items()
        if not isinstance(answer, Failure)
    }
    if not stale and not any(old.values()):
        return None
    fresh = [each for each in evaluation.pod_metrics or () if each.at >= since]
    gone = bool(stale) and not fresh
    seen = replace(
        evaluation,
        pod_metrics=None if gone or evaluation.pod_metrics is None else fresh,
        unavailable=too_old.message if gone else evaluation.unavailable,
        values={
            spec: answer if isinstance(answer, Failure) or not old[spec] else _fresh(answer, since) or too_old
            for spec, answer in evaluation.values.items()
        },
    )
    stage = Aged(
        max_age=most, pods=tuple(sorted(each.pod for each in stale)), values=sum(len(values) for values in old.values())
    )
    return Prepared(seen, stage)


def _fresh(values: Sequence[MetricValue], since: float) -> list[MetricValue]:
    return [value for value in values if value.at >= since]
