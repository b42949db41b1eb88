import pytest

from autoscaler.core.basis import spec_of
from autoscaler.core.replay import Named, Replay, Span, report
from autoscaler.model.whatif import Numbers, PassedOver, Summary
from bench import week

WANTED = spec_of(week.policy(max_replicas=3))


def parts(*keys, candidates=(), span=Span()):  # noqa: B008 - a frozen value
    replay = Replay(candidates, span)
    for seq, each in enumerate(week.decisions(lambda _: 1200, 600), 1):
        for key in keys:
            replay.take(key, 1, seq, each)
    return replay.part()


def test_targets_of_several_parts_become_one_report():
    choose = {"shop/Deployment/a": WANTED, "shop/Deployment/b": WANTED}.get
    found = report(
        "a file",
        [Named("three", "text")],
        [
            parts("shop/Deployment/b", "shop/Deployment/c", candidates=[choose]),
            parts("shop/Deployment/a", candidates=[choose]),
        ],
    )
    assert (found.evaluations, found.identical, found.differing) == (120, 120, 0)
    assert (found.since, found.until) == (week.START, week.START + 585)
    assert [each.target for each in found.recorded.tracks] == [f"shop/Deployment/{name}" for name in "abc"]
    (three,) = found.candidates
    assert (three.name, three.policy) == ("three", "text")
    assert [each.target for each in three.tracks] == ["shop/Deployment/a", "shop/Deployment/b"]
    assert three.summary.pod_hours == pytest.approx(2 * 3 * 585 / 3600)
    assert (found.recorded.targets, found.recorded.recorded) == (3, None)
    assert three.targets == 2
    assert three.recorded.pod_hours == pytest.approx(found.recorded.summary.pod_hours * 2 / 3), "the record of these"
    assert three.recorded.changes * 3 == found.recorded.summary.changes * 2
    assert three.summary.worst.target == "shop/Deployment/a", "the first of equals"


def test_what_a_candidate_cannot_tell_is_with_the_candidate():
    other = spec_of(week.policy(metrics=(week.MetricSpec(type="Resource", name="memory", average_value=5),)))
    found = report("a file", [Named("memory", "")], [parts("shop/Deployment/a", candidates=[lambda _: other])])
    assert (found.identical, found.unanswerable) == (40, ())
    (only,) = found.candidates[0].unanswerable
    assert (found.candidates[0].targets, found.candidates[0].recorded) == (
        0,
        Summary(pod_hours=0, changes=0, minutes_under_target=0),
    )
    assert (only.target, only.evaluations) == ("shop/Deployment/a", 40)


def test_a_span_without_anything_is_nothing():
    assert parts("shop/Deployment/a", span=Span(until=week.START - 1)).evaluations == 0


def gaps(*numbered):
    """A part of targets, each with the numbers its records have."""
    replay = Replay((), Span())
    made = list(week.decisions(lambda _: 1200, 600))
    for key, seqs in numbered:
        for at, seq in enumerate(seqs):
            replay.take(key, 1, seq, made[at], shed=key.endswith("shed"))
    replay.pass_by("an order")
    return replay.part()


def test_what_is_not_there_is_summed_and_the_worst_target_is_first():
    parts = [gaps(("a", (1, 2, 4)), ("b", (1, 2, 3))), gaps(("c/shed", (1, 3)), ("d", (1, 9, 9, 8)))]
    found = report("a file", (), parts, [PassedOver(1, "an order"), PassedOver(5, "a letter")])
    assert found.numbers == Numbers(missing=7, out_of_order=1, duplicates=1, not_kept=1)
    assert [(each.target, each.missing) for each in found.numbered] == [("d", 6), ("a", 1), ("c/shed", 0)]
    assert found.passed_over == (PassedOver(5, "a letter"), PassedOver(3, "an order"))
    assert (found.identical, found.sound) == (11, False)
    assert report("a file", (), [gaps(("c/shed", (1, 3, 3)))]).sound, "it owns up to what it has not got"


def test_the_target_of_which_most_cannot_be_told_is_first():
    def part(key, count):
        replay = Replay((), Span())
        for seq in range(1, count + 1):
            replay.pass_over(key, 1, seq, week.START + seq, "of a later release")
        return replay.part()

    found = report("a file", (), [part("a", 1), part("b", 3), part("c", 1)])
    assert [(each.target, each.evaluations) for each in found.unanswerable] == [("b", 3), ("a", 1), ("c", 1)]
    assert not found.sound
