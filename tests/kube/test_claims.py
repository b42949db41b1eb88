from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autoscaler.kube.claims import KEDA, KEDA_LOOK_SECONDS, Claims
from autoscaler.kube.client import KubeClient
from autoscaler.kube.policies import PolicyCache
from autoscaler.model.policy import Mode, Policy, TargetRef
from tests.kube.apiserver import (
    ApiServer,
    SkippingClock,
    listed,
    ok,
    refusal,
    running,
    serving,
    telemetry,
    until,
    watched,
)

HPAS = "/apis/autoscaling/v2/horizontalpodautoscalers"
SCALED = f"{KEDA}/scaledobjects"
OURS = "/apis/hpa-companion.dev/v1alpha1/horizontalpodscalers"
WEB = Policy(kind="HorizontalPodScaler", namespace="shop", name="web", target=TargetRef("apps/v1", "Deployment", "web"))
HPA = "HorizontalPodAutoscaler shop/web"


def claimant(name: str = "web", version: str = "5", namespace: str = "shop", mode: str = "", **ref: Any) -> Any:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"} | ref
    spec: dict[str, Any] = {"scaleTargetRef": target, "maxReplicas": 3} | ({"mode": mode} if mode else {})
    meta = {"name": name, "namespace": namespace, "uid": f"u-{name}", "resourceVersion": version, "generation": 1}
    return {"metadata": meta, "spec": spec}


class World:
    """Claims of a scripted API server."""

    def __init__(self, server: ApiServer, client: KubeClient) -> None:
        self.clock = SkippingClock()
        self.policies = PolicyCache(client, clock=self.clock, telemetry=telemetry())
        self.warned: list[tuple[Mapping[str, str], str]] = []
        self.claims = Claims(client, self.policies, self, clock=self.clock, telemetry=telemetry())

    def warn_of_rival(self, regarding: Mapping[str, str], message: str) -> None:
        self.warned.append((regarding, message))


async def test_an_hpa_of_the_same_target_is_named_and_no_other() -> None:
    async with serving() as (server, client):
        server.on(HPAS, listed(*_hpas()))
        world = World(server, client)
        async with running(world.claims.run):
            await until(lambda: world.claims.unseen == "")
            assert world.claims.others(WEB) == [HPA]
            world.claims.warn(WEB)
    [(regarding, message)] = world.warned
    assert regarding == {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "namespace": "shop", "name": "web",
        "uid": "u-web", "resourceVersion": "5",
    }  # fmt: skip
    assert message.startswith("Deployment web is scaled by HorizontalPodScaler shop/web too")


def _hpas() -> list[Any]:
    other = claimant("other")
    other["spec"]["scaleTargetRef"]["name"] = "shop"
    return [
        claimant("web", apiVersion="apps/v1beta1"),
        other,
        claimant("another-kind", kind="StatefulSet"),
        claimant("elsewhere", namespace="office"),
    ]


async def test_until_the_hpas_were_listed_nobody_knows() -> None:
    async with serving() as (server, client):
        server.on(HPAS, refusal(403, "forbidden"))
        world = World(server, client)
        assert "are being listed" in world.claims.unseen
        async with running(world.claims.run):
            await until(lambda: "forbidden" in world.claims.unseen)


async def test_an_hpa_that_goes_or_is_pointed_elsewhere_claims_no_longer() -> None:
    async with serving() as (server, client):
        elsewhere = claimant("second", "12")
        elsewhere["spec"]["scaleTargetRef"]["name"] = "shop"
        server.on(HPAS, listed(claimant(), claimant("second", "6")))
        server.on(f"{HPAS}?watch", watched(("DELETED", claimant(version="11")), ("MODIFIED", elsewhere)))
        world = World(server, client)
        async with running(world.claims.run):
            await until(lambda: world.claims.unseen == "" and not world.claims.others(WEB))


async def test_scaled_objects_are_watched_once_the_api_server_knows_them() -> None:
    async with serving() as (server, client):
        server.on(HPAS, listed())
        server.on(KEDA, refusal(404, "404 page not found"), refusal(503, "later"), ok({"kind": "APIResourceList"}))
        scaled = claimant("queue")
        del scaled["spec"]["scaleTargetRef"]["kind"], scaled["spec"]["scaleTargetRef"]["apiVersion"]
        server.on(SCALED, listed(scaled))
        world = World(server, client)
        async with running(world.claims.run):
            await until(lambda: world.claims.others(WEB) == ["ScaledObject shop/queue"])
        assert world.clock.slept.count(KEDA_LOOK_SECONDS) == 2


async def test_our_own_policies_claim_unless_they_are_shadows_and_never_against_themselves() -> None:
    async with serving() as (server, client):
        server.on(HPAS, listed())
        server.on(OURS, listed(claimant(), claimant("second", "6"), claimant("shadow", "7", mode="Shadow")))
        server.on(f"{OURS}?watch", watched())
        world = World(server, client)
        async with running(world.claims.run, world.policies.run):
            await world.policies.wait_synced()
            assert world.claims.others(WEB) == ["HorizontalPodScaler shop/second"]
            shadow = Policy(
                kind=WEB.kind, namespace="shop", name="shadow", mode=Mode.SHADOW, target=WEB.target
            )  # fmt: skip
            assert world.claims.others(shadow) == ["HorizontalPodScaler shop/second", "HorizontalPodScaler shop/web"]


async def test_our_policies_of_the_target_hear_of_those_who_come_and_go() -> None:
    async with serving() as (server, client):
        server.on(HPAS, listed())
        coming = ("ADDED", claimant("late", "11"))
        server.on(
            f"{HPAS}?watch", watched(coming, ("MODIFIED", claimant("late", "12")), ("DELETED", claimant("late", "13")))
        )
        server.on(OURS, listed(claimant()))
        world = World(server, client)
        heard = world.claims.changes()
        async with running(world.policies.run):
            await world.policies.wait_synced()
            async with running(world.claims.run):
                assert str(await anext(heard)) == "shop/web"
                await until(lambda: not world.claims.others(WEB))
