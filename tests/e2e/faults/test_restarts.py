"""Twenty leaders killed while their targets would rather be smaller, on the real API server; `make soak` kills 100."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from autoscaler.model.decision import Decision, Outcome, PolicyRef
from autoscaler.model.instant import micro_text
from autoscaler.model.plan import Action, Chosen
from autoscaler.model.policy import TargetRef
from autoscaler.model.reason import Reason
from tests.e2e.cluster import Cluster
from tests.e2e.release import Release
from tests.e2e.restarts import Restarts
from tests.e2e.restartverdict import Verdict, crowded, first_told, hasty, untold

RESTARTS = 20
BEGIN = 1_795_000_000.0


@pytest.mark.timeout(580)
def test_l08_l12_of_twenty_restarts_none_takes_a_replica_away_before_its_time_and_every_change_has_its_record(
    cluster: Cluster, installed: Release, tmp_path: Path
) -> None:
    installed.stop()
    seed = int.from_bytes(os.urandom(3))
    verdict = Restarts(cluster, installed, tmp_path, seed, print).run(RESTARTS)
    assert verdict.passed, str(verdict)


def made(at: float, asked: int, change: tuple[int, int] | None = None, *, leadership: int = 1) -> Decision:
    """An evaluation at so many seconds that asked for this size, and wrote this change."""
    current, desired = change or (6, 6)
    return Decision(
        id=f"{at}-{leadership}",
        time=micro_text(BEGIN + at),
        target=TargetRef("apps/v1", "Deployment", "web"),
        namespace="shop",
        policy=PolicyRef("HorizontalPodScaler", "shop", "web", "u", 1),
        action=Action.RESIZE if change else Action.HOLD,
        outcome=Outcome.WRITTEN if change else Outcome.HELD,
        current=current,
        desired=desired,
        reason=Reason.BELOW_TARGET,
        leadership=leadership,
        stages=(Chosen(metric="cpu", replicas=asked, failed=0),),
    )


@pytest.mark.parametrize(
    ("before", "early"),
    [
        pytest.param([made(0, 6), made(5, 1)], False, id="what asked for more was a window ago"),
        pytest.param([made(0, 6), made(6, 2)], True, id="more was asked for within the window"),
        pytest.param([made(0, 1, leadership=0), made(5, 1)], False, id="another led a window ago"),
        pytest.param([made(0, 1, leadership=0), made(6, 1, leadership=0)], True, id="another led within the window"),
    ],
)
def test_a_scale_down_before_its_window_is_over_is_found(before: Sequence[Decision], early: bool) -> None:
    assert bool(hasty([*before, made(25, 1, (6, 1))], 20)) is early


def test_scale_downs_that_follow_too_soon_are_found() -> None:
    found = [made(0, 1, (6, 5)), made(60, 1, (5, 4))]
    assert crowded(found, 60) == []
    assert len(crowded([*found, made(119, 1, (4, 3))], 60)) == 1


def test_a_change_without_a_record_and_one_of_two_names_are_found() -> None:
    one, other = made(0, 1, (6, 5)), made(60, 1, (5, 4))
    assert untold("web", [one, made(1, 1), other], 6, 4) == []
    assert len(untold("web", [one], 6, 4)) == 1, "the last has none"
    assert len(untold("web", [other], 6, 4)) == 1, "the first has none"
    again = replace(one, time=other.time)
    assert untold("web", first_told([one, again, other]), 6, 4) == []
    assert len(untold("web", first_told([one, replace(again, id="b"), other]), 6, 4)) == 1


def test_the_verdict_can_fail() -> None:
    good = Verdict(
        seed=1, restarts=1, at_writes=1, lowered={"web": 1, "paced": 1}, hasty=(), crowded=(), robbed=("seen",),
        untold=(), twice=0, unsound=(),
    )  # fmt: skip
    assert good.passed
    for harm in ("hasty", "crowded", "untold", "unsound"):
        assert not replace(good, **{harm: ("harm",)}).passed
    assert not replace(good, robbed=()).passed, "blind"
    assert not replace(good, lowered={"web": 0, "paced": 1}).passed, "nothing could have come early"
