"""Somebody comes between our read and our write, or our write and its answer: what stands there counts, once."""

from __future__ import annotations

import threading
from pathlib import Path

from autoscaler.audit import codec
from autoscaler.audit.read import SpoolReader
from autoscaler.model.decision import Decision, Outcome
from tests.e2e.eventually import eventually
from tests.e2e.interloper import OURS, between
from tests.e2e.kubeapi import Object
from tests.e2e.line import Line
from tests.e2e.release import Release
from tests.e2e.workloads import Namespace, autoscaler_spec

SOON = 30.0


class Watcher:
    """Notices our scale writes, but not those that are tries only."""

    def __init__(self) -> None:
        self.ours = 0

    def first(self, request: Object) -> bool:
        mine = request["userInfo"]["username"] == OURS and not request.get("dryRun")
        self.ours += mine
        return bool(mine and self.ours == 1)


def records(release: Release, here: Namespace) -> list[Decision]:
    with SpoolReader(release.spool) as spool:
        return [codec.decode(record.body) for record in spool.records(f"{here.name}/Deployment/web")]


def ask_for_two(here: Namespace) -> None:
    """And never for fewer than there are."""
    spec = autoscaler_spec("web", least=2)
    spec["behavior"]["scaleDown"] = {"selectPolicy": "Disabled"}
    here.cluster.admin.patch(f"{here.scalers}/web", {"spec": spec})


def test_s08_a_size_written_in_between_stays_and_is_decided_from(
    release: Release, here: Namespace, tmp_path: Path
) -> None:
    watcher = Watcher()

    def rival(request: Object) -> None:
        if watcher.first(request):
            here.cluster.admin.patch(f"{here.deployments}/web", {"spec": {"replicas": 3}})

    def decided_anew() -> bool:
        found = records(release, here)
        outcomes = [each.outcome for each in found]
        assert Outcome.CONFLICTED in outcomes, outcomes
        number = outcomes.index(Outcome.CONFLICTED)
        overtaken, after = found[number], found[number + 1 :]
        assert (overtaken.current, overtaken.desired) == (1, 2)
        assert after, "the next one is under way"
        assert {(each.current, each.desired, each.outcome) for each in after} == {(3, 3, Outcome.HELD)}
        return True

    with between(here, tmp_path, rival):
        ask_for_two(here)
        eventually(SOON, decided_anew)
    assert watcher.ours == 1
    assert here.replicas("web") == 3
    eventually(SOON, lambda: here.condition("web", "AbleToScale")["status"] == "True")


def test_s09_a_write_whose_answer_never_comes_is_one_change_and_one_record(
    release: Release, line: Line, here: Namespace, tmp_path: Path
) -> None:
    watcher = Watcher()

    def muffle(request: Object) -> None:
        if watcher.first(request):
            line.silence()

    with between(here, tmp_path, muffle):
        ask_for_two(here)
        eventually(SOON, lambda: here.replicas("web") == 2, "the write counted")
    assert line.cut() > 0

    def told() -> bool:
        found = records(release, here)
        changes = [(each.current, each.desired) for each in found if each.outcome is Outcome.WRITTEN]
        assert changes == [(1, 2)], [(each.current, each.desired, each.outcome, each.error) for each in found]
        assert [each.outcome for each in found[-2:]] == [Outcome.HELD] * 2
        return True

    eventually(SOON, told)
    assert watcher.ours == 1
    assert len({each.id for each in records(release, here)}) == len(records(release, here))


def test_s17_what_a_webhook_made_of_our_number_is_what_we_go_on_from(
    release: Release, here: Namespace, tmp_path: Path
) -> None:
    watcher = Watcher()

    def at_least_three(request: Object) -> list[Object] | None:
        watcher.first(request)
        return [{"op": "replace", "path": "/spec/replicas", "value": 3}]

    def gone_on() -> bool:
        found = [(each.current, each.desired, each.outcome) for each in records(release, here)]
        assert (3, 3, Outcome.HELD) in found, found
        return True

    with between(here, tmp_path, at_least_three, changing=True):
        ask_for_two(here)
        eventually(SOON, gone_on)
        assert here.replicas("web") == 3
    assert watcher.ours == 1


def test_s17_a_webhook_that_takes_too_long_is_told_and_the_write_tried_again(
    release: Release, here: Namespace, tmp_path: Path
) -> None:
    enough = threading.Event()

    def slow(request: Object) -> None:
        if request["userInfo"]["username"] == OURS:
            enough.wait(SOON)

    def refused() -> bool:
        found = here.condition("web", "AbleToScale")
        assert found.get("reason") == "FailedUpdateScale", found
        assert 'failed calling webhook "between.example.com"' in found["message"]
        return True

    with between(here, tmp_path, slow):
        try:
            ask_for_two(here)
            eventually(SOON, refused)
            assert here.replicas("web") == 1
        finally:
            enough.set()
        eventually(SOON, lambda: here.replicas("web") == 2, "tried again")
