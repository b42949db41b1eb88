"""The short way against the planner, over what came to the same several times."""

import random

from msgspec.structs import replace

from autoscaler.core.rerun import Rerun, usages_of, usual
from autoscaler.model.decision import Repeat
from autoscaler.model.instant import parse_instant
from autoscaler.model.plan import Counted, Proposal
from bench import week
from tests.core.chance import evaluations
from tests.core.test_recollection import recorded


def times_of(decision):
    start = parse_instant(decision.time)
    return [start, *(start + each.after for each in decision.repeats)]


def test_what_is_not_worked_out_again_is_what_the_planner_finds_again():
    """As time goes by a window lets go of what held the number: there, and nowhere else, both see a difference."""
    chance, rerun = random.Random(5), Rerun("shop/Deployment/web")
    let_go = stood = 0
    for each in evaluations(92, 3000):
        told = recorded(each)
        if not usual(told):
            continue
        afters = sorted(chance.sample(range(1, 700), 6))
        usage = usages_of(told)[0]
        told = replace(told, repeats=tuple(Repeat(float(after), 4.0, usage) for after in afters))
        short = rerun._retraced(told, rerun.met(told, told.basis), times_of(told), usages_of(told))
        whole = rerun._replanned(told)
        assert [(one.time, one.replayed) for one in short] == [(one.time, one.replayed) for one in whole], told
        let_go += bool(short)
        stood += not short
    assert min(let_go, stood) > 50


def test_what_records_have_is_worked_out_once_for_those_that_are_alike():
    rerun = Rerun("shop/Deployment/web")
    first, second, third = list(week.decisions(lambda after: 1200 + round(after), 45))[:3]
    met = rerun.met(first, first.basis)
    louder = replace(first, stages=tuple(
        replace(each, usage=each.usage + 5) if isinstance(each, Proposal) else each for each in first.stages
    ))  # fmt: skip
    assert rerun.met(louder, louder.basis) is met
    assert rerun.met(second, second.basis).proposals != met.proposals, "more pods"
    other = replace(third, basis=replace(third.basis, spec=replace(third.basis.spec, max_replicas=9)))
    assert rerun.met(other, other.basis).edition == met.edition + 1


def test_who_had_a_sample_is_remembered_while_nobody_is_asked():
    made = list(week.decisions(lambda _: 1200, 120))[-1]
    whole, nobody = made, replace(made, stages=())
    half = replace(made, stages=tuple(
        replace(each, samples=2, usage=each.usage // 2, requests=each.requests // 2,
                pods=Counted(ready=2, missing=("web-2", "web-3")))
        if isinstance(each, Proposal) else each for each in made.stages
    ))  # fmt: skip
    rerun = Rerun("shop/Deployment/web")
    assert [rerun.met(each, each.basis).carried for each in (whole, nobody, half)] == [(4,), (), (4,)]
    assert Rerun("shop/Deployment/web").met(half, half.basis).carried == (2,), "who were they?"
