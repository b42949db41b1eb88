from __future__ import annotations

import json
from typing import Any

import pytest

from autoscaler.errors import MalformedError
from autoscaler.kube.deployments import Deployments, scale
from autoscaler.model.objects import ObjectKey, Scale
from tests.kube.apiserver import SkippingClock, listed, refusal, running, serving, telemetry, until, watched

PATH = "/apis/apps/v1/deployments"
KEY = ObjectKey("shop", "web")


def deployment(replicas: int, version: str = "5", **selector: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": version},
        "spec": {"replicas": replicas, "selector": selector or {"matchLabels": {"app": "web"}}, "template": {}},
        "status": {"replicas": 1},
    }


def made(**selector: Any) -> Scale:
    return scale(json.dumps(deployment(2, **selector)).encode())


def test_it_is_what_the_scale_subresource_answers() -> None:
    assert made() == Scale(
        namespace="shop", name="web", uid="u", resource_version="5", replicas=2, observed=1, selector="app=web"
    )


def test_the_selector_is_in_the_text_form_of_apimachinery() -> None:
    terms = [
        {"key": "tier", "operator": "In", "values": ["b", "a"]},
        {"key": "canary", "operator": "DoesNotExist"},
    ]
    assert made(matchLabels={"app": "web"}, matchExpressions=terms).selector == "app=web,!canary,tier in (a,b)"


def test_a_selector_that_is_none_is_told() -> None:
    with pytest.raises(MalformedError, match="Near"):
        made(matchExpressions=[{"key": "app", "operator": "Near"}])


async def test_it_follows_the_watch() -> None:
    async with serving() as (server, client):
        server.on(PATH, listed(deployment(2)))
        server.on(f"{PATH}?watch", watched(("MODIFIED", deployment(4, "11"))))
        known = Deployments(client, clock=SkippingClock(), telemetry=telemetry())
        assert known.scale(KEY) is None
        async with running(known.run):
            await until(lambda: (found := known.scale(KEY)) is not None and found.replicas == 4)
        assert known.scale(ObjectKey("shop", "other")) is None


@pytest.mark.parametrize("code", [403, 503])
async def test_what_a_watch_in_trouble_knew_is_not_told(code: int) -> None:
    async with serving() as (server, client):
        server.on(PATH, listed(deployment(2)))
        server.on(f"{PATH}?watch", refusal(code, "no"))
        known = Deployments(client, clock=SkippingClock(), telemetry=telemetry())
        async with running(known.run):
            await until(lambda: server.queries(PATH, watch=True))
            await until(lambda: known.scale(KEY) is None)
