from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from autoscaler.cli.finding import State
from autoscaler.cli.policycheck import DRY_RUN, examine
from autoscaler.errors import ForbiddenError, KubeError, NotFoundError, UnreachableError

INVALID = KubeError("Invalid value: 4: spec.minReplicas must not be greater", status=422, reason="Invalid")


class Cluster:
    """Answers creations in their order: an error is raised, None admits."""

    def __init__(self, *answers: KubeError | None) -> None:
        self._answers = iter(answers)
        self.tried: list[dict[str, Any]] = []

    async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes:
        raise AssertionError(path)

    async def post(self, path: str, body: bytes, params: Iterable[tuple[str, str]] = ()) -> bytes:
        assert path == "/apis/hpa-companion.dev/v1alpha1/namespaces/shop/horizontalpodscalers"
        assert tuple(params) == DRY_RUN
        self.tried.append(json.loads(body))
        if (answer := next(self._answers)) is not None:
            raise answer
        return body


@pytest.mark.parametrize(
    ("answers", "state", "told"),
    [
        pytest.param([None, INVALID], State.OK, "a bad one refused", id="as it should be"),
        pytest.param([None, None], State.BAD, "is admitted", id="rules are missing"),
        pytest.param([NotFoundError("no", status=404)], State.BAD, "does not know", id="no definition"),
        pytest.param([INVALID], State.BAD, "a good one is refused", id="a good one is refused"),
        pytest.param(
            [KubeError('unknown field "spec.usageWindow"', status=400)], State.BAD, "usageWindow",
            id="a definition of an earlier release",
        ),
        pytest.param([ForbiddenError("no", status=403)], State.WARN, "could not be tried", id="not allowed"),
        pytest.param([UnreachableError("away")], State.WARN, "could not be tried", id="nobody answers"),
        pytest.param([None, UnreachableError("away")], State.WARN, "its field: away", id="nobody answers twice"),
        pytest.param([None, ForbiddenError("a webhook", status=403)], State.WARN, "not for its field", id="a webhook"),
    ],
)  # fmt: skip
async def test_what_is_admitted_and_refused_is_told(answers: list[KubeError | None], state: State, told: str) -> None:
    found = await examine(Cluster(*answers), "shop")
    assert found.state is state
    assert told in found.detail
    assert bool(found.todo) == (state is not State.OK)


async def test_only_the_bounds_of_the_two_differ() -> None:
    cluster = Cluster(None, INVALID)
    await examine(cluster, "shop")
    bounds = [(each["spec"].pop("minReplicas"), each["spec"]["maxReplicas"]) for each in cluster.tried]
    assert bounds == [(1, 3), (4, 3)]
    assert cluster.tried[0] == cluster.tried[1]
