"""What another policy would have done, with answers worked out by hand."""

import pytest
from msgspec.structs import replace

from autoscaler.core.basis import spec_of
from autoscaler.core.strand import Strand
from autoscaler.model.decision import Outcome
from autoscaler.model.plan import Action, History, Proposal
from autoscaler.model.policy import Behavior, Deviations, MetricSpec, Mode, Pause, ScalingPolicy, ScalingRules
from autoscaler.model.reason import Reason
from autoscaler.model.whatif import Summary, Worst
from bench import week

KEY = "shop/Deployment/web"
MEMORY = MetricSpec(type="Resource", name="memory", target_type="Utilization", utilization=60)


def cpu(percent):
    return (MetricSpec(type="Resource", name="cpu", target_type="Utilization", utilization=percent),)


def steady(after):
    """1.2 cores: 4 pods of 300 m (60 % of what they request) or 8 of 150 m (30 %)."""
    return 1200


def tried(decisions, wanted, ready_after=week.READY_AFTER):
    found = Strand(KEY, (spec_of(wanted),), ready_after=ready_after, since=float("-inf"), until=float("inf"))
    for seq, each in enumerate(decisions, 1):
        found.take(1, seq, each)
    found.end()
    (trial,) = found.trials
    return trial.trace.track(300), [each.reason for each in found.untold(0)]


@pytest.fixture(scope="module")
def ten_minutes():
    return tuple(week.records(week.decisions(steady, 600)))


def test_half_the_target_takes_twice_the_pods(ten_minutes):
    """At 2 pods 120 % of 30 %: 8 are wanted, a doubling allowed: 4. At the next period 8, whose pods are not ready for
    20 s, and then it is 30 % just so. 4 pods for 15 s, which are 4 too few, 8 for 570 s.
    """
    track, untold = tried(ten_minutes, week.policy(metrics=cpu(30)))
    assert untold == []
    assert (track.times, track.replicas, track.demand) == ([week.START, week.START + 15], [4, 8], [8, 8])
    assert track.summary == Summary(
        pod_hours=pytest.approx((4 * 15 + 8 * 570) / 3600),
        changes=2,
        minutes_under_target=0.25,
        worst=Worst(KEY, week.START, 8, 4),
    )


def test_pods_that_are_never_ready_are_waited_for_and_not_asked_for_again(ten_minutes):
    track, _ = tried(ten_minutes, week.policy(metrics=cpu(30)), ready_after=3600.0)
    assert track.replicas[-1] == 8


def test_a_ceiling_shows_as_minutes_under_target(ten_minutes):
    track, _ = tried(ten_minutes, week.policy(max_replicas=3))
    assert set(track.replicas) == {3}
    assert track.summary.minutes_under_target == pytest.approx(585 / 60)
    assert track.upper[-1] == 3


def test_a_rule_of_its_own_for_how_fast(ten_minutes):
    """One pod a minute from 2 on: 3 at once, 4 after a minute."""
    slow = ScalingRules(stabilization=0, policies=(ScalingPolicy("Pods", 1, 60),))
    track, _ = tried(ten_minutes, week.policy(behavior=Behavior(slow, slow)))
    assert (track.times, track.replicas) == ([week.START, week.START + 60], [3, 4])


def test_a_pause_of_its_own_holds_until_its_end(ten_minutes):
    pause = Pause(directions=("Up",), until=week.START + 100, reason="load test", actor="sam")
    track, _ = tried(ten_minutes, week.policy(deviations=Deviations(pause=pause)))
    assert (track.times, track.replicas) == ([week.START, week.START + 105], [2, 4])


def test_somebody_else_who_sets_the_number_sets_it_here_too():
    made = list(week.decisions(steady, 300))
    hand = [each if index < 10 else larger(each, 9) for index, each in enumerate(made)]
    off = ScalingRules(select="Disabled", policies=(ScalingPolicy("Pods", 1, 60),))
    still = week.policy(behavior=Behavior(off, off))
    track, _ = tried(hand, still)
    assert (track.times, track.replicas) == ([week.START, week.START + 150], [2, 9])
    beside = [
        replace(each, basis=replace(each.basis, spec=replace(each.basis.spec, mode=Mode.SHADOW))) for each in hand
    ]
    track, _ = tried(beside, still)
    assert track.replicas == [2], "beside an HPA the number is the HPA's, not somebody's wish"


def larger(decision, size):
    return replace(decision, current=size, desired=size, action=Action.HOLD, outcome=Outcome.HELD)


def test_without_metrics_it_holds():
    made = list(week.decisions(steady, 300))
    blind = [each if index != 1 else without_metrics(each) for index, each in enumerate(made)]
    track, _ = tried(blind, week.policy(metrics=cpu(30)))
    assert (track.times[:3], track.replicas[:3]) == ([week.START + 15 * n for n in range(3)], [4, 4, 8])
    assert track.demand[1] is None


def without_metrics(decision):
    failed = replace(decision.stages[0], usage=None, replicas=None, reason="FailedGetResourceMetric", message="down")
    return replace(
        decision, stages=(failed, decision.stages[-1]), reason=Reason.FAILED_GET_RESOURCE_METRIC, action=Action.HOLD,
        outcome=Outcome.HELD, desired=decision.current,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        pytest.param(
            week.policy(metrics=(*cpu(60), MEMORY)),
            "memory resource utilization (percentage of request) was not recorded, "
            "only cpu resource utilization (percentage of request)",
            id="another metric",
        ),
        pytest.param(
            week.policy(metrics=(replace(cpu(60)[0], type="ContainerResource", container="app"),)),
            "cpu container resource utilization (percentage of request) was not recorded, "
            "only cpu resource utilization (percentage of request)",
            id="another container",
        ),
        pytest.param(
            week.policy(deviations=Deviations(cpu_initialization=60.0)),
            "spec.cpuInitializationPeriod: the record counted starting pods by another one",
            id="another start-up",
        ),
        pytest.param(
            week.policy(deviations=Deviations(max_sample_age=60.0)),
            "spec.maxSampleAge: the record counted pods and samples by another one",
            id="another age",
        ),
    ],
)
def test_what_the_record_cannot_answer_is_said_and_not_guessed(ten_minutes, wanted, why):
    track, untold = tried(ten_minutes, wanted)
    assert untold == [why]
    assert set(track.replicas) == {None}
    assert track.summary.pod_hours == 0


def test_a_period_that_is_written_out_is_no_other(ten_minutes):
    track, untold = tried(ten_minutes, week.policy(deviations=Deviations(cpu_initialization=300.0)))
    assert untold == []
    assert track.replicas[-1] == 4


def test_requests_that_were_not_recorded():
    amounts = (MetricSpec(type="Resource", name="cpu", target_type="AverageValue", average_value=300),)
    made = list(week.decisions(steady, 120, week.policy(metrics=amounts)))
    track, untold = tried(made, week.policy())
    assert untold == [
        "cpu resource utilization (percentage of request): its requests were not recorded: "
        "its target was no averageUtilization"
    ]
    assert set(track.replicas) == {None}
    track, untold = tried(week.decisions(steady, 120), week.policy(metrics=amounts))
    assert (untold, track.replicas[-1]) == ([], 4), "the other way round there is all it takes"


def test_one_number_for_all_pods_and_a_target_that_sleeps():
    """A queue of 30: ten for each of 3; without it the target sleeps, and wakes by itself."""
    queue = MetricSpec(type="External", name="queue", average_value=10_000)
    first = next(iter(week.decisions(steady, 10)))
    told = Proposal(
        type="External", name="queue", label="external metric queue()", target_type="AverageValue", target=10_000,
        usage=30_000, observed=2, replicas=3,
    )  # fmt: skip
    spec = replace(first.basis.spec, metrics=(queue,), min_replicas=0)
    lengths = (30_000, 0, 0, 20_000)
    made = [
        replace(
            first, id=f"web-{hour}", time=f"2027-01-15T1{hour}:00:00.000000Z", stages=(replace(told, usage=length),),
            basis=replace(first.basis, spec=spec, history=History()),
        )
        for hour, length in enumerate(lengths)
    ]  # fmt: skip
    track, untold = tried(made, week.policy(metrics=(queue,), min_replicas=0))
    assert untold == []
    assert [each for each in track.replicas if each is not None] == [3, 0, 0, 2]
