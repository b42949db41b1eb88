"""A whole record of one target, made by production's planner, decided again."""

from collections import Counter

import pytest
from msgspec.structs import replace

from autoscaler.core.basis import spec_of
from autoscaler.core.lane import Tally
from autoscaler.core.recollection import UNFOUNDED, planned
from autoscaler.core.rerun import usual
from autoscaler.core.strand import LATE, SIZELESS, UNORDERED, Strand
from autoscaler.model.decision import Outcome
from autoscaler.model.instant import parse_instant
from autoscaler.model.plan import Action, Proposal
from autoscaler.model.policy import Behavior, ControllerSettings, Deviations, Pause, ScalingPolicy, ScalingRules
from autoscaler.model.reason import Reason
from bench import week
from tests.core.chance import evaluations
from tests.core.strands import KEY, led, strand, turns, wild
from tests.core.test_recollection import recorded

HOURS = 3600.0
QUICK = Behavior(
    up=ScalingRules(stabilization=30, policies=(ScalingPolicy("Percent", 50, 60), ScalingPolicy("Pods", 2, 60))),
    down=ScalingRules(stabilization=120, policies=(ScalingPolicy("Pods", 1, 60),), tolerance=0.02),
)


@pytest.mark.parametrize(
    ("wanted", "settings"),
    [
        pytest.param(week.policy(), ControllerSettings(), id="legacy"),
        pytest.param(week.policy(behavior=QUICK), ControllerSettings(), id="behavior"),
        pytest.param(week.policy(max_replicas=8, min_replicas=3), ControllerSettings(tolerance=0.0), id="bounds"),
        pytest.param(
            week.policy(
                behavior=QUICK, deviations=Deviations(pause=Pause(until=week.START + 3000, reason="x", actor="y"))
            ),
            ControllerSettings(),
            id="paused for a while",
        ),
        pytest.param(
            week.policy(deviations=Deviations(cpu_initialization=60.0, sync_period=60.0)),
            ControllerSettings(downscale_stabilization=45.0, sync_period=30.0),
            id="other periods",
        ),
    ],
)
def test_every_evaluation_comes_out_as_it_was(wanted, settings):
    made = list(week.decisions(wild, HOURS, wanted, settings))
    found = strand(week.records(iter(made)))
    assert (found.evaluations, found.identical, found.differences) == (len(made), len(made), [])
    assert len({each.reason for each in made}) > 3


def test_so_it_does_for_evaluations_of_all_kinds():
    """The short way and the whole planner say the same of what has nothing to do with each other."""
    kinds = Counter()
    for each in evaluations(90, 3000, deviating=0.5):
        told = recorded(each)
        found = strand([told])
        assert (found.identical, found.differences) == (1, []), each
        kinds[usual(told)] += 1
    assert min(kinds[True], kinds[False]) > 300


def test_the_short_way_finds_what_the_planner_finds():
    """Records with one number changed: both see a difference, or neither does."""
    seen = Counter()
    for each in evaluations(91, 2000):
        told = recorded(each)
        proposals = [stage for stage in told.stages if isinstance(stage, Proposal) and stage.usage is not None]
        if not proposals:
            continue
        forged = replace(proposals[0], usage=proposals[0].usage * 2 + 1)
        stages = tuple(forged if stage is proposals[0] else stage for stage in told.stages)
        changed = replace(told, stages=stages)
        found = strand([changed])
        asked = [stage.replicas for stage in stages if isinstance(stage, Proposal)]
        again = [stage.replicas for stage in planned(changed).stages if isinstance(stage, Proposal)]
        if usual(changed):
            assert found.differing == (asked != again), each
            seen[found.differing] += 1
    assert min(seen.values()) > 50


def test_a_forged_number_is_listed_with_its_step():
    made = list(week.decisions(wild, 600))
    made[5] = replace(made[5], desired=made[5].desired + 1)
    found = strand(made)
    assert (found.identical, found.differing) == (len(made) - 1, 1)
    (only,) = found.differences
    assert (only.recorded, only.replayed, only.reason) == (made[5].desired, made[5].desired - 1, "in the number")


def test_the_same_policy_leads_to_the_same_course():
    """Also with a candidate that is the recorded policy: pod for pod and minute for minute."""
    wanted = week.policy(behavior=QUICK)
    found = strand(week.records(week.decisions(wild, HOURS, wanted)), spec_of(wanted))
    (trial,) = found.trials
    assert trial.trace.track(300) == found.recorded.track(300)


def test_every_number_that_was_written_is_a_change():
    """Also by the first record of the period."""
    made = list(week.decisions(wild, HOURS))
    written = [at for at, each in enumerate(made) if each.outcome is Outcome.WRITTEN]
    for first in (0, written[0], written[2]):
        found = strand(made, spec_of(week.policy()), since=parse_instant(made[first].time))
        count = sum(at >= first for at in written)
        assert (found.recorded.summary().changes, found.trials[0].trace.summary().changes) == (count, count)


def test_what_was_written_by_another_process_is_no_evaluation():
    made = list(week.decisions(wild, 600))
    resumed = replace(made[8], basis=None, stages=(), action=Action.RESIZE, outcome=Outcome.WRITTEN)
    found = strand([*made[:8], resumed, *made[9:]], spec_of(week.policy()))
    assert found.identical == len(made) - 1
    assert [(each.reason, each.evaluations) for each in found.unanswerable()] == [(UNFOUNDED, 1)]
    assert [(each.reason, each.evaluations) for each in found.untold(0)] == [(UNFOUNDED, 1)]


def test_duplicates_are_passed_over_and_a_span_is_kept_to():
    made = list(week.decisions(wild, 600))
    found = Strand(KEY, (), ready_after=30, since=week.START + 60, until=week.START + 120)
    for seq, each in enumerate(made, 1):
        for _ in range(2):
            found.take(1, seq, each)
    found.end()
    assert (found.evaluations, found.first, found.last) == (5, week.START + 60, week.START + 120)


def test_a_target_that_cannot_be_read_is_replayed_too():
    made = list(week.decisions(wild, 300))
    gone = replace(
        made[4], current=None, reason=Reason.FAILED_GET_SCALE, action=Action.HOLD, outcome=Outcome.HELD, stages=(),
        desired=4,
    )  # fmt: skip
    found = strand([*made[:4], gone, *made[5:]], spec_of(week.policy(max_replicas=60)))
    assert found.identical == len(made)
    assert found.recorded.track(300).replicas.count(None) == 1


def test_epochs_are_numbered_each_on_its_own():
    made = [replace(each, leadership=1 + number // 10) for number, each in enumerate(week.decisions(wild, 600))]
    seqs = Counter()
    records = []
    for each in made:
        epoch = (9, 4)[each.leadership % 2]
        seqs[epoch] += 1
        records.append((epoch, seqs[epoch], each))
    found = turns(*records, records[3], records[-1])
    assert (found.evaluations, found.identical) == (len(made), len(made))
    assert found.recorded.track(300) == strand(made).recorded.track(300)


def test_a_late_record_is_judged_and_no_candidate_led_through_it():
    made = [replace(each, leadership=1 + number // 10) for number, each in enumerate(week.decisions(wild, 600))]
    records = [((9, 4)[each.leadership % 2], number, each) for number, each in enumerate(made, 1)]
    late = [*records[:9], *records[10:15], records[9], *records[15:]]
    found = turns(*late)
    assert (found.evaluations, found.identical) == (len(made), len(made))
    assert [(each.evaluations, each.reason) for each in found.untold(0)] == [(1, LATE)]


def test_a_write_that_is_told_once_more_counts_once():
    made = list(week.decisions(wild, 600))
    (number, written) = next((at, each) for at, each in enumerate(made) if each.outcome is Outcome.WRITTEN)
    again = replace(written, stages=(), basis=None)
    found = turns(*((9, seq, each) for seq, each in enumerate(made[: number + 1], 1)), (4, 1, again))
    assert (found.evaluations, list(found.unanswerable())) == (number + 1, [])


def test_what_nobody_can_read_is_passed_over_with_its_reason():
    found = turns()
    found.pass_over(9, 1, 50.0, "of a later release")
    found.pass_over(9, 1, 50.0, "of a later release")
    found.end()
    assert found.evaluations == 1
    assert [(each.evaluations, each.reason) for each in found.unanswerable()] == [(1, "of a later release")]


@pytest.fixture(scope="module")
def forty():
    return list(week.decisions(wild, 600))


def test_a_record_out_of_order_is_judged_and_no_candidate_led_through_it(forty):
    made = [(1, seq, each) for seq, each in enumerate(forty, 1)]
    made[10], made[11] = made[11], made[10]
    found = turns(*made)
    assert (found.evaluations, found.identical, found.tally) == (40, 40, Tally(out_of_order=1))
    for left in (found.left_out(), found.untold(0)):
        assert [(each.evaluations, each.reason) for each in left] == [(1, UNORDERED)]


@pytest.mark.parametrize("absurd", [1 << 62, 500], ids=["beyond all", "that could be"])
def test_an_absurd_number_ends_nothing(forty, absurd):
    """All that follows is judged, and candidates are led through it: time goes on."""
    made = [(1, seq, each) for seq, each in enumerate(forty, 1)]
    made[5] = (1, absurd, forty[5])
    found, same = led(made)
    assert (found.evaluations, found.identical, list(found.untold(0)), same) == (40, 40, [], True)
    assert found.tally.out_of_order >= 1
    assert found.tally.missing < 500


def test_an_absurd_leadership_ends_nothing(forty):
    made = [replace(each, leadership=29_000_000) for each in forty]
    made[5] = replace(made[5], leadership=1 << 31)
    found, same = led((1, seq, each) for seq, each in enumerate(made, 1))
    assert (found.identical, list(found.untold(0)), same) == (40, [], True)


def test_what_is_missing_is_counted(forty):
    made = [(1, seq, each) for seq, each in enumerate(forty, 1)]
    found = turns(*made[:10], *made[13:], *made[-2:])
    assert (found.identical, found.tally) == (37, Tally(missing=3, duplicates=2))
    found = Strand(KEY, (), ready_after=30, since=float("-inf"), until=float("inf"))
    found.take(1, 1, forty[0])
    found.pass_over(1, 5, week.START + 60, "of a later release", shed=2)
    assert found.tally == Tally(missing=1, not_kept=2)


def test_the_record_beside_a_candidate_is_that_of_the_time_for_which_it_is_known():
    """The recorded policy itself: as much in every sum, of whatever time."""
    made = list(week.decisions(lambda after: 1200 if after < 300 else 4000, 1200))
    found = Strand(KEY, (spec_of(week.policy()), None), ready_after=week.READY_AFTER, since=0, until=float("inf"))
    for seq, each in enumerate(made, 1):
        if seq in range(6, 12) or seq in range(60, 66):
            found.pass_over(1, seq, week.START + (seq - 1) * 15, "gone")
        else:
            found.take(1, seq, each)
    found.end()
    same, whole = found.trials[0].trace.summary(), found.recorded.summary()
    assert same.changes > 0
    assert found.beside(0) == same
    assert 0 < same.pod_hours < whole.pod_hours
    assert found.beside(1) == whole


def test_a_candidate_is_not_known_while_the_record_has_no_size():
    made = list(week.decisions(lambda _: 1200, 600))
    blind = [replace(each, current=None) if 9 < index < 20 else each for index, each in enumerate(made)]
    found = strand(blind, spec_of(week.policy()))
    assert found.beside(0) == found.trials[0].trace.summary() == found.recorded.summary()
    assert [(each.evaluations, each.reason) for each in found.untold(0)] == [(10, SIZELESS)]
