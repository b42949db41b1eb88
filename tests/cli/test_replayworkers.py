import os
import signal

import pytest
from msgspec.structs import replace

from autoscaler.audit import codec, event
from autoscaler.audit.event import Event
from autoscaler.audit.verify import Number
from autoscaler.cli.policyfile import PolicyFile
from autoscaler.cli.replayitems import OTHERS, REFUSED, Body, Line
from autoscaler.cli.replayworkers import PIECE, Workers
from autoscaler.core.basis import spec_of
from autoscaler.core.replay import Named, Span, report
from autoscaler.errors import AuditError
from autoscaler.model.whatif import PassedOver
from bench import week

KEY = "shop/Deployment/web"
THREE = PolicyFile("three", "", (("shop/Deployment/*", spec_of(week.policy(max_replicas=3))),))


def items(targets=3):
    for seq, each in enumerate(week.records(week.decisions(lambda _: 1200, 600)), 1):
        body = codec.encode(each)
        for number in range(targets):
            yield Body(f"shop/Deployment/web-{number}", 1, seq, body)


def decided(targets, alone):
    with Workers([THREE], Span(), alone=alone, count=2) as workers:
        for each in items(targets):
            workers.take(each)
        return report("", [Named("three", "")], workers.parts())


@pytest.mark.parametrize("targets", [3, PIECE // 2], ids=["less than a message", "several messages"])
def test_processes_find_what_one_finds_alone(targets):
    found = decided(targets, alone=10_000)
    assert decided(targets, alone=3) == found
    assert (found.identical, found.numbered) == (40 * targets, ())


@pytest.mark.parametrize("alone", [pytest.param(1, id="elsewhere"), pytest.param(100, id="here")])
def test_a_body_that_is_none_ends_it_with_its_place(alone):
    good = next(iter(items())).body
    with pytest.raises(AuditError, match="shop/Deployment/web-0 1/9: audit record"):
        taken([(8, good), (9, b"{}")], alone)
    with pytest.raises(AuditError, match="shop/Deployment/web-0 1/9: audit record"):
        taken([(8, good), (9, b'{"schema":2}')], alone)  # of a later release, and without a time


@pytest.mark.parametrize("alone", [pytest.param(1, id="elsewhere"), pytest.param(100, id="here")])
def test_lines_are_read_where_they_are_decided(alone):
    """Of refused ones, later ones and others' the number is told; a line that is none is named."""
    made = list(week.records(week.decisions(lambda _: 1200, 600)))
    told = [
        event.line(
            Event(number=Number(KEY, 1, seq), id=each.id, time=each.time, type=kind(seq), body=codec.encode(each))
        )
        for seq, each in enumerate(made, 1)
    ]
    told[2] = told[2].replace(b'"current":', b'"currently":').replace(b'"schema":1', b'"schema":2')
    order = told[4].replace(codec.DECISION_TYPE.encode(), b"com.example.order")
    part = of_lines([*told[:4], order, *told[4:], told[3].replace(b"decision.v1", b"decision.v2")], alone)
    left = [each for number, each in enumerate(made) if number not in {1, 2, 5}]
    assert part.identical == sum(1 + len(each.repeats) for each in left)
    assert [(each.evaluations, each.reason) for each in part.unanswerable] == [
        (1, REFUSED),
        (1, "audit record of a later release: schema 2"),
        (1, "audit record of a later release: type dev.hpa-companion.decision.v3"),
    ]
    assert part.passed_over == (PassedOver(1, OTHERS),)
    assert [(each.missing, each.duplicates) for each in part.numbered] == [(0, 1)]
    with pytest.raises(AuditError, match=r"x.jsonl:4: no record of ours: .*`audit verify` lists all"):
        of_lines([*told[:3], told[3][:-9], *told[4:]], alone)


def kind(seq):
    return {2: codec.PARKED_TYPE, 6: "dev.hpa-companion.decision.v3"}.get(seq, codec.DECISION_TYPE)


def test_what_a_record_says_of_those_before_it_is_heard():
    first, second, third, *_ = items(1)
    with Workers([], Span()) as workers:
        for each in (first, replace(second, seq=9, shed=7), replace(third, seq=12, shed=1)):
            workers.take(each)
        (part,) = workers.parts()
    assert [(each.missing, each.not_kept) for each in part.numbered] == [(1, 8)]


def of_lines(told, alone):
    with Workers([], Span(), source="x.jsonl", alone=alone, count=1) as workers:
        for number, line in enumerate(told, 1):
            workers.take(Line(KEY, number, line))
        (part,) = workers.parts()
        return part


def taken(bodies, alone):
    with Workers([], Span(), alone=alone, count=1) as workers:
        for seq, body in bodies:
            workers.take(Body("shop/Deployment/web-0", 1, seq, body))
        return workers.parts()


def test_who_leaves_early_leaves_no_process_behind():
    workers = Workers([], Span(), alone=1, count=2)
    with pytest.raises(KeyError):
        interrupted(workers)
    assert workers._workers
    assert not any(process.is_alive() for _, _, process in workers._workers)


def test_who_presses_ctrl_c_interrupts_us_alone():
    """A terminal tells all processes of it."""
    with Workers([], Span(), alone=1, count=2) as workers:
        for each in items():
            workers.take(each)
        for _, _, process in workers._workers:
            os.kill(process.pid, signal.SIGINT)
        assert sum(each.identical for each in workers.parts()) == 120
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def interrupted(workers):
    with workers:
        for each in items():
            workers.take(each)
        raise KeyError
