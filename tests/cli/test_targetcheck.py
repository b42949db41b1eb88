from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from autoscaler.cli.needs import DEPLOYMENTS, needed
from autoscaler.cli.targetcheck import MOST, POLICIES, scaled
from autoscaler.config.load import load
from autoscaler.errors import ForbiddenError, NotFoundError


def policy(api_version: str, kind: str) -> dict[str, Any]:
    return {"spec": {"scaleTargetRef": {"apiVersion": api_version, "kind": kind, "name": "web"}}}


class Policies:
    """The API server's lists of them, page by page; an exception is raised."""

    def __init__(self, *pages: Any, endless: bool = False) -> None:
        self.pages, self.endless, self.asked = list(pages), endless, 0

    async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes:
        assert path == POLICIES
        page = self.pages[min(self.asked, len(self.pages) - 1)]
        self.asked += 1
        if isinstance(page, Exception):
            raise page
        more = self.endless or self.asked < len(self.pages)
        return json.dumps({"items": page, "metadata": {"continue": "more" if more else ""}}).encode()


async def named(group: str, kind: str) -> str:
    if kind == "Gone":
        raise NotFoundError("no matches for it", status=404)
    return f"{kind.lower()}s.{group}".removesuffix(".")


DEPLOYMENT, ROLLOUT = policy("apps/v1", "Deployment"), policy("argoproj.io/v1alpha1", "Rollout")


async def test_every_kind_that_a_policy_names_is_told_once() -> None:
    pages = Policies([DEPLOYMENT, DEPLOYMENT, policy("v1", "ReplicationController")], [ROLLOUT])
    assert await scaled(pages, named) == [
        ("", "replicationcontrollers"), ("apps", "deployments"), ("argoproj.io", "rollouts"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "page",
    [
        pytest.param([], id="no policy yet"),
        pytest.param([policy("apps/v1", "Gone")], id="a kind that nobody serves"),
        pytest.param([policy("a/b/c", "Odd")], id="a group that is none"),
        pytest.param(NotFoundError("no such kind", status=404), id="the definition is not installed"),
        pytest.param(ForbiddenError("no", status=403), id="they may not be read"),
        pytest.param([7], id="no list of them"),
    ],
)
async def test_where_none_is_known_it_is_deployments(page: Any) -> None:
    assert await scaled(Policies(page), named) == (DEPLOYMENTS,)


async def test_lists_without_end_are_not_read_to_the_end() -> None:
    pages = Policies([DEPLOYMENT], endless=True)
    assert await scaled(pages, named) == [DEPLOYMENTS]
    assert pages.asked == MOST


def test_rights_are_asked_for_on_these_kinds_and_on_no_others() -> None:
    wanted = {f"{verb} {right}" for need in needed(load({}, {}), [("apps", "statefulsets")]) for right in need.rights
              for verb in right.verbs}  # fmt: skip
    assert {"get statefulsets.apps", "get statefulsets/scale.apps", "update statefulsets/scale.apps"} <= wanted
    assert not any("deployments" in each for each in wanted)
