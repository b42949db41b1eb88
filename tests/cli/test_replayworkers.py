import pytest

from autoscaler.audit import codec
from autoscaler.cli.policyfile import PolicyFile
from autoscaler.cli.replayworkers import Item, Workers
from autoscaler.core.basis import spec_of
from autoscaler.core.replay import Named, Span, report
from autoscaler.errors import AuditError
from bench import week

THREE = PolicyFile("three", "", (("shop/Deployment/*", spec_of(week.policy(max_replicas=3))),))


def items(targets=3):
    for seq, each in enumerate(week.records(week.decisions(lambda _: 1200, 600)), 1):
        body = codec.encode(each)
        for number in range(targets):
            yield Item(f"shop/Deployment/web-{number}", 1, seq, body)


def decided(alone):
    with Workers([THREE], Span(), alone=alone, count=2) as workers:
        for each in items():
            workers.take(each)
        return report("", [Named("three", "")], workers.parts())


def test_processes_find_what_one_finds_alone():
    assert decided(alone=3) == decided(alone=10_000)
    assert decided(alone=10_000).identical == 120


@pytest.mark.parametrize("alone", [pytest.param(1, id="elsewhere"), pytest.param(100, id="here")])
def test_a_body_that_is_none_ends_it_with_its_place(alone):
    good = next(iter(items())).body
    with pytest.raises(AuditError, match="shop/Deployment/web-0 1/9: audit record"):
        taken([(8, good), (9, b"{}")], alone)
    with pytest.raises(AuditError, match="shop/Deployment/web-0 1/9: audit record"):
        taken([(8, good), (9, b'{"schema":2}')], alone)  # of a later release, and without a time


def taken(bodies, alone):
    with Workers([], Span(), alone=alone, count=1) as workers:
        for seq, body in bodies:
            workers.take(Item("shop/Deployment/web-0", 1, seq, body))
        return workers.parts()


def test_who_leaves_early_leaves_no_process_behind():
    workers = Workers([], Span(), alone=1, count=2)
    with pytest.raises(KeyError):
        interrupted(workers)
    assert workers._workers
    assert not any(process.is_alive() for _, process in workers._workers)


def interrupted(workers):
    with workers:
        for each in items():
            workers.take(each)
        raise KeyError
