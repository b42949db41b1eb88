"""What holds for every evaluation, by chance and of all five types; docs/hpa-differences.md says what does not."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from autoscaler.core.evaluation import VALUE_TYPES
from autoscaler.core.planner import plan
from autoscaler.core.requests import Failure
from autoscaler.model.metrics import MetricValue
from autoscaler.model.objects import Ready
from autoscaler.model.plan import Action, History, Proposal
from autoscaler.model.policy import Behavior, MetricSpec, ScalingPolicy, ScalingRules
from tests.core import chance
from tests.core.evaluations import NOW, TARGET, evaluation, pod, policy, scale, usage

SEEDS = st.integers(0, 2**32)
EVALUATIONS = SEEDS.map(lambda seed: chance.evaluation(random.Random(seed)))
RANDOMS = SEEDS.map(random.Random)
"""By seed, not drawn choice by choice: hypothesis is ten times as slow at that, and many count more than small ones."""
QUEUE = MetricSpec(type="External", name="queue", target_type="Value", value=10_000)
EACH = MetricSpec(type="External", name="queue", target_type="AverageValue", average_value=10_000)


FREE = ScalingRules(stabilization=0, policies=(ScalingPolicy("Percent", 10_000, 15),))
OPEN = Behavior(FREE, FREE)


def within(given_):
    return given_.policy.min_replicas <= given_.scale.replicas <= given_.policy.max_replicas


@settings(max_examples=300)
@given(EVALUATIONS)
def test_what_is_written_is_within_the_bounds(given_):
    found = plan(given_)
    if found.action is Action.RESIZE:
        assert given_.policy.min_replicas <= found.desired <= given_.policy.max_replicas
    else:
        assert found.desired == given_.scale.replicas


EXTREMES = (-(2**63), -1, 0, 1, 2**31, 2**53 + 1, 2**62, 2**63 - 1)


def extreme(given_, random_):
    """The same with numbers as large as an answer can carry, below 0 too."""
    usage_ = tuple(
        replace(
            each,
            containers=tuple((name, {kind: random_.choice(EXTREMES) for kind in had}) for name, had in each.containers),
        )
        for each in given_.pod_metrics or ()
    )
    values = {
        spec: tuple(replace(each, value=random_.choice(EXTREMES)) for each in told)
        for spec, told in given_.values.items()
    }
    return replace(given_, pod_metrics=usage_, values=values)


@settings(max_examples=300)
@given(EVALUATIONS, RANDOMS)
def test_no_number_however_large_leads_out_of_the_bounds(given_, random_):
    found = plan(extreme(given_, random_))
    if found.action is Action.RESIZE:
        assert given_.policy.min_replicas <= found.desired <= given_.policy.max_replicas


@settings(max_examples=300)
@given(EVALUATIONS)
def test_no_usable_data_means_hold(given_):
    blind = replace(given_, pod_metrics=None, values={})
    if within(given_):
        assert plan(blind).action is Action.HOLD


@settings(max_examples=300)
@given(EVALUATIONS, RANDOMS)
def test_every_kind_of_nothing_means_hold(given_, random_):
    """No answer, an empty one, an error, samples without the resource, and samples older than the policy wants."""
    usage_ = random_.choice((None, (), *(tuple(map(silent, given_.pod_metrics or ())),) * 2))
    values = {
        spec: nothing
        for spec in given_.policy.metrics
        if spec.type in VALUE_TYPES and (nothing := random_.choice((None, (), Failure("away")))) is not None
    }
    if within(given_):
        found = plan(replace(given_, pod_metrics=usage_, values=values))
        assert found.action is Action.HOLD
        assert not found.decided or given_.scale.replicas == 0


def silent(sample):
    """Listed, and without a number."""
    return replace(sample, containers=tuple((name, {}) for name, _ in sample.containers))


@settings(max_examples=300)
@given(EVALUATIONS, st.integers(1, 100))
def test_d04_samples_that_are_all_too_old_mean_hold(given_, seconds):
    """Upstream believes a sample at any age; with maxSampleAge none of these is one."""
    past = given_.now - seconds - 1
    old = replace(
        given_,
        policy=replace(given_.policy, deviations=replace(given_.policy.deviations, max_sample_age=float(seconds))),
        pod_metrics=tuple(replace(each, at=min(each.at, past)) for each in given_.pod_metrics or ()),
        values={spec: tuple(replace(each, at=past) for each in values) for spec, values in given_.values.items()},
    )
    if within(given_):
        assert plan(old).action is Action.HOLD


@settings(max_examples=300)
@given(EVALUATIONS)
def test_c12_a_metric_that_fails_never_takes_a_replica(given_):
    """Whatever the others say; behind a window, an earlier recommendation decides."""
    given_ = replace(given_, history=replace(given_.history, recommendations=()))
    found = plan(given_)
    failed = any(isinstance(stage, Proposal) and stage.replicas is None for stage in found.stages)
    if failed and within(given_):
        assert found.desired >= given_.scale.replicas


EVERY = {"target_type": "Value", "value": 100}
SHARE = {"target_type": "AverageValue", "average_value": 100}
KINDS = {
    "Resource": ({"name": "cpu", "utilization": 100}, {"name": "cpu", **SHARE}),
    "ContainerResource": tuple({"name": "cpu", "container": "app", **each} for each in ({"utilization": 100}, SHARE)),
    "Pods": ({"name": "qps", **SHARE},),
    "Object": tuple({"name": "qps", "described": TARGET, **each} for each in (EVERY, SHARE)),
    "External": tuple({"name": "queue", **each} for each in (EVERY, SHARE)),
}


def near_the_target(seed):
    """One or two metrics about their targets, pods unready, missing or too many, and nothing that hides an answer."""
    by = random.Random(seed)
    size, unusual = by.randrange(1, 9), by.choice((0.0, 0.0, 0.2))
    pods = tuple(
        pod(index, ready=Ready(by.choices(("True", "False"), (1 - unusual, unusual))[0], NOW - 4999))
        for index in range(size)
    )
    current = max(1, size + by.choice((0, 0, -2, -1, 1, 3)))
    kinds = by.sample(sorted(KINDS), by.choice((1, 1, 2)))
    specs = tuple(MetricSpec(type=kind, **by.choice(KINDS[kind])) for kind in kinds)
    sampled = [index for index in range(size) if by.random() >= unusual]
    per_pod = tuple(MetricValue(by.randrange(60, 150), f"web-{index}") for index in sampled)

    def single(spec):
        """One value, or the two of an external metric, near what the target asks for in all."""
        times = 1 if spec.value is not None else current
        parts = 2 if spec.type == "External" else 1
        return tuple(MetricValue(by.randrange(60, 150) * times // parts) for _ in range(parts))

    return evaluation(
        policy=policy(metrics=specs, max_replicas=1000, behavior=OPEN),
        scale=scale(current, observed=by.choice((current, size))),
        pods=pods,
        pod_metrics=tuple(usage(index, by.randrange(60, 150)) for index in sampled),
        values={spec: per_pod if spec.type == "Pods" else single(spec) for spec in specs if spec.type in VALUE_TYPES},
        history=History(recommendations=()),
    )


def hotter(given_, random_, more):
    """One number larger than it was: of one container of one pod, or of one value of one metric."""
    metrics, specs = list(given_.pod_metrics or ()), [spec for spec, values in given_.values.items() if values]
    if metrics and (not specs or random_.random() < 0.5):
        place = random_.randrange(len(metrics))
        was = metrics[place]
        [(name, amounts)] = was.containers
        metrics[place] = replace(was, containers=((name, {**amounts, "cpu": amounts["cpu"] + more}),))
        return replace(given_, pod_metrics=tuple(metrics))
    if not specs:
        return given_
    spec = random_.choice(specs)
    values = list(given_.values[spec])
    place = random_.randrange(len(values))
    values[place] = replace(values[place], value=values[place].value + more)
    return replace(given_, values={**given_.values, spec: tuple(values)})


def multiplies_another_number(given_, found):
    """Whether a formula multiplied by pods that are ready, and those are not as many as the scale's replicas."""
    current = given_.scale.replicas
    ready = sum(
        each.phase == "Running" and each.ready is not None and each.ready.status == "True" for each in given_.pods
    )
    for stage in found.stages:
        if isinstance(stage, Proposal) and stage.replicas is not None:
            if stage.pods is not None and not stage.pods.missing and stage.pods.ready != current:
                return True
            if stage.pods is None and stage.target_type == "Value" and current and ready != current:
                return True
    return False


@settings(max_examples=1500)
@given(SEEDS.map(near_the_target), RANDOMS, st.integers(1, 1000))
def test_more_load_never_lowers_the_result_but_in_the_cases_listed(given_, random_, more):
    above = hotter(given_, random_, more)
    before, after = plan(given_), plan(above)
    assert after.desired >= before.desired or any(
        multiplies_another_number(*each) for each in ((given_, before), (above, after))
    )


def test_load_near_the_target_does_meet_those_cases():
    lowered = 0
    for seed in range(2000):
        given_ = near_the_target(seed)
        lowered += plan(hotter(given_, random.Random(seed), 1 + seed % 500)).desired < plan(given_).desired
    assert lowered > 10


def ready_pods(count):
    return tuple(pod(index) for index in range(count))


def loads(cpu, count):
    return tuple(usage(index, cpu) for index in range(count))


NOBODY = Ready("False", 0.0)
LISTED = {
    # the case of docs/hpa-differences.md: what is changed, under less load and under more, and the two results
    "fewer ready pods than replicas, up over the edge of the tolerance": (
        {"scale": scale(6), "pods": ready_pods(3), "policy": policy()},
        {"pod_metrics": loads(105, 3)},
        {"pod_metrics": loads(120, 3)},
        (6, 4),
    ),
    "more ready pods than replicas, up into the tolerance": (
        {"scale": scale(3), "pods": ready_pods(6), "policy": policy()},
        {"pod_metrics": loads(80, 6)},
        {"pod_metrics": loads(95, 6)},
        (5, 3),
    ),
    "more ready pods than replicas, and one that is not ready": (
        {"scale": scale(3), "pods": (*ready_pods(6), pod(6, phase="Pending")), "policy": policy()},
        {"pod_metrics": loads(80, 6)},
        {"pod_metrics": loads(120, 6)},
        (5, 3),
    ),
    "a Value target while nobody is ready": (
        {"scale": scale(3), "pods": (pod(0, ready=NOBODY),), "policy": policy(metrics=(QUEUE,))},
        {"values": {QUEUE: (MetricValue(10_000),)}},
        {"values": {QUEUE: (MetricValue(90_000),)}},
        (3, 1),
    ),
    "an external sum that is negative, for an AverageValue target": (
        {"scale": scale(3), "policy": policy(metrics=(EACH,))},
        {"values": {EACH: (MetricValue(-1),)}},
        {"values": {EACH: (MetricValue(20_000),)}},
        (6, 2),
    ),
}


@pytest.mark.parametrize(("changes", "less", "more", "results"), LISTED.values(), ids=LISTED)
def test_where_more_load_does_lower_the_result_as_upstream_has_it(changes, less, more, results):
    calm = {"history": History(recommendations=())}
    assert tuple(plan(evaluation(**changes, **load, **calm)).desired for load in (less, more)) == results
