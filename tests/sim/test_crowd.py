from __future__ import annotations

import pytest

from autoscaler.sim.crowd import crowd, scalers


@pytest.mark.parametrize(("pods", "teams"), [(1, [1]), (20, [20]), (45, [20, 20, 5])])
def test_all_pods_are_in_teams(pods: int, teams: list[int]) -> None:
    assert [workload.replicas for workload in crowd(pods, 2)] == teams


def test_teams_may_be_smaller_and_shrink_at_once() -> None:
    found = list(crowd(5, 1, team=2))
    assert [workload.replicas for workload in found] == [2, 2, 1]
    behaviors = [each["spec"]["behavior"] for each in scalers(found, stabilization=0)]
    assert behaviors == [{"scaleDown": {"stabilizationWindowSeconds": 0}}] * 3


def test_containers_share_the_pod() -> None:
    (workload,) = crowd(3, 4)
    assert sum(each.part for each in workload.containers) == pytest.approx(1.0)
    assert len({each.name for each in workload.containers}) == 4


def test_every_team_has_a_scaler_of_its_own() -> None:
    found = list(scalers(crowd(45, 1)))
    assert [each["spec"]["scaleTargetRef"]["name"] for each in found] == ["app-0", "app-1", "app-2"]
    assert [each["spec"]["maxReplicas"] for each in found] == [40, 40, 10]
