import pytest

from autoscaler.core.basis import spec_of
from autoscaler.core.replay import Named, Replay, Span, report
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
    assert three.summary.worst.target == "shop/Deployment/a", "the first of equals"


def test_what_a_candidate_cannot_tell_is_with_the_candidate():
    other = spec_of(week.policy(metrics=(week.MetricSpec(type="Resource", name="memory", average_value=5),)))
    found = report("a file", [Named("memory", "")], [parts("shop/Deployment/a", candidates=[lambda _: other])])
    assert (found.identical, found.unanswerable) == (40, ())
    (only,) = found.candidates[0].unanswerable
    assert (only.target, only.evaluations) == ("shop/Deployment/a", 40)


def test_a_span_without_anything_is_nothing():
    assert parts("shop/Deployment/a", span=Span(until=week.START - 1)).evaluations == 0
