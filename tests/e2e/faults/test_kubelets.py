"""Kubelets that hang, lie, redirect or show a wrong certificate, among real ones: each harms its own node only."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.e2e.background import Background
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.faults.nodes import ready_node, serving_context
from tests.e2e.network import KUBELET_PORT
from tests.e2e.release import Release
from tests.e2e.workloads import Namespace
from tests.kubelets import PAGE, Script, ScriptedKubelet, answer, hanging_up_after, saying

SOON = 45.0
"""A hanging kubelet is given 8 s each time."""
FIRST, COUNT = 100, 8
"""Of the addresses of the rogues, and of where one redirects to."""
METRICS = "/apis/metrics.k8s.io/v1beta1/nodes"


@dataclass(frozen=True)
class Rogue:
    """How one kubelet misbehaves, and what the Metrics API says of its node."""

    name: str
    script: Script
    said: str
    trusted: bool = True


def rogues(elsewhere: str) -> list[Rogue]:
    return [
        Rogue("hangs", lambda _request, _writer: None, "timeout: no full answer within"),
        Rogue("redirects", saying(answer(b"", "302 Found", f"Location: {elsewhere}\r\n")), "redirect: 302"),
        Rogue("impostor", saying(answer()), "its certificate comes from a CA that is not ours", trusted=False),
        Rogue("floods", saying(answer(PAGE * 200_000)), "too_large"),
        Rogue("babbles", saying(answer(b"\x00\xff no page of a kubelet\n")), "parse"),
        Rogue("breaks-off", hanging_up_after(answer(PAGE)[:-5]), "interrupted"),
        Rogue("refuses", saying(answer(b"", "403 Forbidden")), "our account needs `get` on nodes/metrics"),
    ]


@dataclass(frozen=True)
class Scene:
    """The rogues by name, and where one of them redirects to."""

    rogues: dict[str, Rogue]
    kubelets: dict[str, ScriptedKubelet]
    elsewhere: ScriptedKubelet


@pytest.fixture
def scene(cluster: Cluster, release: Release, tmp_path: Path) -> Iterator[Scene]:
    """A node for each rogue."""
    addresses = [cluster.network.kubelet(FIRST + number) for number in range(COUNT)]
    trusted = serving_context(cluster.pki.kubelets.issue("trusted", sans=addresses), tmp_path)
    stranger = serving_context(Authority("nobody").issue("stranger", sans=addresses), tmp_path)
    elsewhere, target = ScriptedKubelet(), addresses.pop()
    found = rogues(f"https://{target}:{KUBELET_PORT}/metrics/resource")
    homes = dict(zip((rogue.name for rogue in found), addresses, strict=True))
    kubelets = {rogue.name: ScriptedKubelet() for rogue in found}
    background, stack = Background("rogues"), AsyncExitStack()

    for each in (elsewhere, *kubelets.values()):
        each.port = KUBELET_PORT

    async def listen() -> None:
        for rogue in found:
            tls = trusted if rogue.trusted else stranger
            serving = kubelets[rogue.name].serving(rogue.script, tls, host=homes[rogue.name])
            await stack.enter_async_context(serving)
        serving = elsewhere.serving(saying(answer()), trusted, host=target)
        await stack.enter_async_context(serving)

    background.call(listen())
    for name, address in homes.items():
        cluster.admin.post("/api/v1/nodes", ready_node(name, address))
    yield Scene({rogue.name: rogue for rogue in found}, kubelets, elsewhere)
    for name in homes:
        cluster.admin.delete(f"/api/v1/nodes/{name}")
    background.call(stack.aclose())
    background.stop()


def test_each_costs_its_own_node_only(cluster: Cluster, release: Release, here: Namespace, scene: Scene) -> None:
    def told() -> bool:
        answers = {name: cluster.admin.raw("GET", f"{METRICS}/{name}") for name in scene.rogues}
        wrong = {
            name: (status, body.decode())
            for name, (status, body) in answers.items()
            if status != 404 or scene.rogues[name].said not in body.decode()
        }
        assert not wrong, wrong
        return True

    eventually(SOON, told, "each has no usage, and the API says why")
    assert scene.kubelets["impostor"].requests == [], "no token for whom we cannot verify"
    assert scene.elsewhere.connections == 0, "no redirect is followed"

    before = stamps(cluster)
    assert len(before) == cluster.nodes

    def moved_on() -> bool:
        now = stamps(cluster)
        return now.keys() == before.keys() and all(now[name] > before[name] for name in before)

    eventually(SOON, moved_on, "the others have new samples")
    here.ask_for("web", 2)
    eventually(SOON, lambda: here.replicas("web") == 2, "policies are followed")


def stamps(cluster: Cluster) -> dict[str, str]:
    """Name and sample time of every node that has a usage."""
    status, body = cluster.admin.raw("GET", METRICS)
    assert status == 200
    return {item["metadata"]["name"]: item["timestamp"] for item in json.loads(body)["items"]}
