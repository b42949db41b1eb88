from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

import pytest

from autoscaler.cli.top import API, Request, lines, run
from autoscaler.errors import ConfigError, ForbiddenError, KubeError, NotFoundError

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z


class Answers:
    """Bodies by path; an exception is raised. `asked` remembers the parameters."""

    def __init__(self, bodies: dict[str, Any]) -> None:
        self.bodies = bodies
        self.asked: list[tuple[str, list[tuple[str, str]]]] = []

    async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes:
        self.asked.append((path, list(params)))
        found = self.bodies.get(path, NotFoundError(f"{path} not found", status=404))
        if isinstance(found, Exception):
            raise found
        return found if isinstance(found, bytes) else json.dumps(found).encode()


def pod(namespace: str, name: str, at: str = "2027-01-15T07:59:50Z", **containers: tuple[str, str]) -> dict[str, Any]:
    return {
        "metadata": {"namespace": namespace, "name": name},
        "timestamp": at,
        "window": "15s",
        "containers": [{"name": key, "usage": {"cpu": cpu, "memory": mem}} for key, (cpu, mem) in containers.items()],
    }


def node(name: str, cpu: str, memory: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "timestamp": "2027-01-15T07:59:58Z",
        "window": "15.2s",
        "usage": {"cpu": cpu, "memory": memory},
    }


PODS = {
    "items": [pod("shop", "web", app=("250002551n", "64Mi"), mesh=("1m", "16Mi")), pod("shop", "db", app=("2", "1Gi"))]
}
NODES = {"items": [node("n2", "500m", "512Mi"), node("n1", "1500m", "1Gi")]}
ALLOCATABLE = {"items": [{"metadata": {"name": "n1"}, "status": {"allocatable": {"cpu": "2", "memory": "4Gi"}}}]}


async def test_pods_are_summed_over_their_containers_and_show_the_age_of_the_sample() -> None:
    answers = Answers({f"{API}/namespaces/shop/pods": PODS})
    assert await lines(answers, Request(kind="pod", namespace="shop"), NOW) == [
        "POD   CPU(cores)   MEMORY(bytes)   SAMPLE AGE   WINDOW",
        "db         2000m          1024Mi          10s      15s",
        "web         252m            80Mi          10s      15s",
    ]


async def test_containers_have_their_own_lines_and_all_namespaces_a_column() -> None:
    answers = Answers({f"{API}/pods": PODS})
    found = await lines(answers, Request(kind="pod", namespace="", containers=True, sort_by="cpu"), NOW)
    assert [line.split()[:4] for line in found] == [
        ["NAMESPACE", "POD", "CONTAINER", "CPU(cores)"],
        ["shop", "db", "app", "2000m"],
        ["shop", "web", "app", "251m"],
        ["shop", "web", "mesh", "1m"],
    ]


async def test_nodes_show_their_share_of_what_pods_may_use() -> None:
    answers = Answers({f"{API}/nodes": NODES, "/api/v1/nodes": ALLOCATABLE})
    assert await lines(answers, Request(kind="node", sort_by="memory"), NOW) == [
        "NAME   CPU(cores)   CPU%   MEMORY(bytes)   MEMORY%   SAMPLE AGE   WINDOW",
        "n1          1500m    75%          1024Mi       25%           2s    15.2s",
        "n2           500m      -           512Mi         -           2s    15.2s",
    ]


async def test_nodes_without_the_right_to_see_nodes_have_no_share() -> None:
    answers = Answers({f"{API}/nodes": NODES, "/api/v1/nodes": ForbiddenError("no", status=403)})
    assert (await lines(answers, Request(kind="node"), NOW))[1].split()[2] == "-"


async def test_of_one_node_the_others_are_not_read() -> None:
    one = {"metadata": {"name": "n1"}, "status": {"allocatable": {"cpu": "2", "memory": "4Gi"}}}
    answers = Answers({f"{API}/nodes/n1": node("n1", "500m", "1Gi"), "/api/v1/nodes/n1": one})
    _, line = await lines(answers, Request(kind="node", name="n1"), NOW)
    assert line.split()[:5] == ["n1", "500m", "25%", "1024Mi", "25%"]


async def test_lists_are_read_in_pages() -> None:
    class Paged(Answers):
        async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes:
            found = json.loads(await super().get(path, params))["items"]
            later = "continue" in dict(params)
            part, token = (found[1:], "") if later else (found[:1], "the rest")
            return json.dumps({"items": part, "metadata": {"continue": token}}).encode()

    allocatable = [{**ALLOCATABLE["items"][0], "metadata": {"name": name}} for name in ("n1", "n2")]
    answers = Paged({f"{API}/nodes": NODES, "/api/v1/nodes": {"items": allocatable}})
    table = [line.split()[:3] for line in await lines(answers, Request(kind="node"), NOW)]
    assert table[1:] == [["n1", "1500m", "75%"], ["n2", "500m", "25%"]]


async def test_nodes_that_are_none_are_one_error() -> None:
    answers = Answers({f"{API}/nodes": NODES, "/api/v1/nodes": b"<html>"})
    with pytest.raises(KubeError, match="/api/v1/nodes gave no nodes"):
        await lines(answers, Request(kind="node"), NOW)


async def test_one_pod_is_asked_for_by_name() -> None:
    answers = Answers({f"{API}/namespaces/shop/pods/web": pod("shop", "web", app=("1", "1Mi"))})
    assert len(await lines(answers, Request(kind="pod", namespace="shop", name="web"), NOW)) == 2


async def test_a_selector_is_handed_to_the_server() -> None:
    answers = Answers({f"{API}/namespaces/default/pods": {"items": []}})
    assert await lines(answers, Request(kind="pod", selector="app=web"), NOW) == [
        "No metrics of pods in namespace default with these labels."
    ]
    [(path, params)] = answers.asked
    assert path == f"{API}/namespaces/default/pods"
    assert ("labelSelector", "app=web") in params


async def test_a_hostile_name_cannot_reach_another_path() -> None:
    with pytest.raises(KubeError, match="cannot be the name of an object"):
        await lines(Answers({}), Request(kind="pod", name="../../secrets"), NOW)


async def test_an_unregistered_api_points_to_the_doctor() -> None:
    with pytest.raises(KubeError, match="run `autoscaler doctor`"):
        await lines(Answers({}), Request(kind="node"), NOW)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>", id="no JSON"),
        pytest.param({"items": [{"metadata": {}}]}, id="no timestamp"),
        pytest.param({"items": [{"timestamp": "yesterday"}]}, id="no time"),
        pytest.param({"items": [node("n", "many", "1Mi")]}, id="no quantity"),
    ],
)
async def test_a_broken_answer_is_one_error(body: Any) -> None:
    with pytest.raises(KubeError, match="gave no metrics"):
        await lines(Answers({f"{API}/nodes": body}), Request(kind="node"), NOW)


def test_one_pod_of_all_namespaces_is_no_question() -> None:
    with pytest.raises(ConfigError, match="name it with -n"):
        run("", Request(kind="pod", name="web", namespace=""), sys.stdout)


class Refusing(Answers):
    async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes:
        raise KubeError("unable to parse requirement: found '='", status=400, reason="BadRequest")


async def test_a_selector_that_is_none_is_to_be_corrected() -> None:
    with pytest.raises(ConfigError, match=r"--selector =: unable to parse requirement"):
        await lines(Refusing({}), Request(kind="node", selector="="), NOW)
    with pytest.raises(KubeError, match="unable to parse"):
        await lines(Refusing({}), Request(kind="node"), NOW)
