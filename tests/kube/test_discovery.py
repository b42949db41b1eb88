from __future__ import annotations

import pytest

from autoscaler.errors import KubeError, NotFoundError
from autoscaler.kube.discovery import Discovery, Place, group_of
from tests.clock import FakeClock
from tests.kube.apiserver import ApiServer, ok, refusal, serving

GROUP = ok({"versions": [{"version": "v1alpha1"}, {"version": "v1"}], "preferredVersion": {"version": "v1"}})


def resources(*names: str) -> object:
    return ok({"resources": [{"name": name, "kind": "Scale" if "/" in name else "Rollout"} for name in names]})


def script(server: ApiServer) -> None:
    server.on("/apis/argoproj.io", GROUP)
    server.on("/apis/argoproj.io/v1", resources("rollouts", "rollouts/status", "rollouts/scale"))
    server.on("/apis/argoproj.io/v1alpha1", resources("rollouts", "rollouts/scale"))


async def test_a_kind_is_found_by_its_group_preferred_version_first_and_remembered() -> None:
    async with serving() as (server, client):
        script(server)
        clock = FakeClock()
        discovery = Discovery(client, clock)
        places = (Place("/apis/argoproj.io/v1", "rollouts"), Place("/apis/argoproj.io/v1alpha1", "rollouts"))
        assert await discovery.scalable("argoproj.io", "Rollout") == places
        assert await discovery.scalable("argoproj.io", "Rollout") == places
        assert len(server.asked) == 3
        await clock.advance(300)
        await discovery.scalable("argoproj.io", "Rollout")
        assert len(server.asked) == 6


async def test_the_kinds_of_every_cluster_need_no_discovery() -> None:
    async with serving() as (server, client):
        found = await Discovery(client, FakeClock()).scalable("apps", "Deployment")
        assert (found, server.asked) == ((Place("/apis/apps/v1", "deployments"),), [])


@pytest.mark.parametrize(
    ("group", "kind", "text"),
    [
        ("argoproj.io", "Workflow", "no matches for kind 'Workflow'"),
        ("nowhere.io", "Rollout", "404"),
        ("argoproj.io", "Experiment", "no scale subresource"),
        ("", "Pod", "404"),
    ],
    ids=["an unknown kind", "an unknown group", "a kind without a scale", "the core group"],
)
async def test_what_cannot_be_scaled_says_why(group: str, kind: str, text: str) -> None:
    async with serving() as (server, client):
        script(server)
        server.on("/apis/argoproj.io/v1", ok({"resources": [{"name": "experiments", "kind": "Experiment"}]}))
        with pytest.raises(NotFoundError, match=text):
            await Discovery(client, FakeClock()).scalable(group, kind)


async def test_a_failed_discovery_is_not_remembered() -> None:
    async with serving() as (server, client):
        discovery = Discovery(client, FakeClock())
        server.on("/apis/argoproj.io", refusal(503, "later"))
        with pytest.raises(KubeError, match="later"):
            await discovery.scalable("argoproj.io", "Rollout")
        script(server)
        assert len(await discovery.scalable("argoproj.io", "Rollout")) == 2


@pytest.mark.parametrize(
    ("group", "kind", "name"),
    [
        pytest.param("argoproj.io", "Rollout", "rollouts.argoproj.io", id="of a group"),
        pytest.param("", "Service", "services", id="of the core group"),
        pytest.param("apps", "Deployment", "deployments.apps", id="of every cluster"),
    ],
)
async def test_a_resource_is_named_with_its_group(group: str, kind: str, name: str) -> None:
    async with serving() as (server, client):
        script(server)
        server.on("/api/v1", ok({"resources": [{"name": "services", "kind": "Service"}]}))
        assert await Discovery(client, FakeClock()).resource(group, kind) == name


async def test_versions_of_a_group_are_remembered_for_a_while() -> None:
    async with serving() as (server, client):
        clock = FakeClock()
        discovery = Discovery(client, clock)
        with pytest.raises(NotFoundError):
            await discovery.versions("argoproj.io")
        script(server)
        assert await discovery.versions("argoproj.io") == ("v1", "v1alpha1")
        assert await discovery.versions("argoproj.io") == ("v1", "v1alpha1")
        assert len(server.asked) == 2
        await clock.advance(300)
        await discovery.versions("argoproj.io")
        assert len(server.asked) == 3


async def test_a_kind_that_was_given_a_scale_is_found_at_once() -> None:
    async with serving() as (server, client):
        script(server)
        server.on("/apis/argoproj.io", ok({"versions": [{"version": "v1"}]}))
        server.on("/apis/argoproj.io/v1", resources("rollouts"), resources("rollouts", "rollouts/scale"))
        discovery = Discovery(client, FakeClock())
        with pytest.raises(NotFoundError, match="no scale subresource"):
            await discovery.scalable("argoproj.io", "Rollout")
        assert await discovery.scalable("argoproj.io", "Rollout") == (Place("/apis/argoproj.io/v1", "rollouts"),)


@pytest.mark.parametrize(("version", "group"), [("apps/v1", "apps"), ("v1", ""), ("", ""), ("a.b/v1", "a.b")])
def test_only_the_group_of_a_version_counts(version: str, group: str) -> None:
    assert group_of(version) == group


def test_a_version_with_two_slashes_is_refused() -> None:
    with pytest.raises(KubeError, match="unexpected GroupVersion string: a/b/c"):
        group_of("a/b/c")
