"""`kubectl get --watch` and `--chunk-size`, and an informer's own requests, through the real aggregator."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.processes import Process
from tests.e2e.release import Release
from tests.e2e.workloads import FIRST_NUMBERS, Namespace, measured

pytestmark = pytest.mark.usefixtures("release")

NEXT_SAMPLE = 30.0
PODS = 5
BASE = "/apis/metrics.k8s.io/v1/namespaces/stall/pods"


@pytest.fixture(scope="module")
def stall(cluster: Cluster, release: Release) -> Namespace:
    """Pods whose numbers are there."""
    return measured(cluster, "stall", PODS)


@pytest.fixture
def watching(cluster: Cluster, stall: Namespace) -> Iterator[Process]:
    process = cluster.following_kubectl(
        "kubectl-watch", "get", "podmetrics", "-n", "stall", "--watch", "--output-watch-events"
    )
    yield process
    process.kill()


def events(process: Process) -> list[tuple[str, str]]:
    """What and of which pod."""
    process.must_run()
    lines = [re.split(r"\s{2,}", line.strip()) for line in process.output().splitlines()]
    assert not lines or lines[0][:3] == ["EVENT", "NAME", "CPU"]
    return [(event, name) for event, name, *_ in lines[1:]]


def test_kubectl_follows_what_becomes_of_each_pod(cluster: Cluster, stall: Namespace, watching: Process) -> None:
    names = {pod["metadata"]["name"] for pod in stall.pods("web")}
    state = eventually(10, lambda: events(watching)[:PODS], "the state of now")
    assert set(state) == {("ADDED", name) for name in names}
    eventually(
        NEXT_SAMPLE,
        lambda: {("MODIFIED", name) for name in names} <= set(events(watching)),
        "a new sample of every pod",
    )
    gone = sorted(names)[0]
    cluster.kubectl("delete", "pod", gone, "-n", "stall", "--wait=false")
    eventually(15, lambda: ("DELETED", gone) in events(watching), "the pod that goes")
    eventually(
        FIRST_NUMBERS,
        lambda: {name for event, name in events(watching)[PODS:] if event == "ADDED"} - names,
        "the one that replaces it",
    )


@pytest.mark.parametrize("size", [1, 2, PODS])
def test_kubectl_takes_a_list_in_pages_and_shows_it_whole(cluster: Cluster, stall: Namespace, size: int) -> None:
    eventually(FIRST_NUMBERS, lambda: len(cluster.admin.items(BASE)) == PODS, "all pods have numbers")
    shown = cluster.kubectl("get", "podmetrics", "-n", "stall", f"--chunk-size={size}", "--no-headers")
    names = [line.split()[0] for line in shown.splitlines()]
    assert names == sorted(names)
    assert len(names) == PODS
    trace = cluster.traced_kubectl("get", "podmetrics", "-n", "stall", f"--chunk-size={size}")
    assert len(set(re.findall(r"continue=[A-Za-z0-9_%-]+", trace))) == -(-PODS // size) - 1


def test_a_list_goes_on_as_a_watch_from_its_revision(cluster: Cluster, stall: Namespace) -> None:
    """As every informer does; the aggregator passes frames on as they come."""
    version = cluster.admin.get(BASE)["metadata"]["resourceVersion"]

    def heard() -> list[dict[str, object]]:
        path = f"{BASE}?watch=true&resourceVersion={version}&allowWatchBookmarks=true&timeoutSeconds=5"
        status, body = cluster.admin.raw("GET", path)
        assert status == 200
        return [json.loads(line) for line in body.splitlines()]

    found = eventually(NEXT_SAMPLE, heard, "a new sample within five seconds")
    assert {event["type"] for event in found} <= {"MODIFIED", "ADDED", "DELETED"}
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in found]  # type: ignore[index]
    assert versions == sorted(versions)
    assert versions[0] > int(version)


def test_a_streaming_list_ends_with_its_bookmark(cluster: Cluster, stall: Namespace) -> None:
    path = f"{BASE}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    _, body = cluster.admin.raw("GET", f"{path}&timeoutSeconds=1")
    found = [json.loads(line) for line in body.splitlines()]
    bookmark = next(event for event in found if event["type"] == "BOOKMARK")
    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert [event["type"] for event in found[: found.index(bookmark)]] == ["ADDED"] * found.index(bookmark)


def test_a_revision_of_another_server_is_expired(cluster: Cluster, stall: Namespace) -> None:
    _, body = cluster.admin.raw("GET", f"{BASE}?watch=true&resourceVersion=5")
    event = json.loads(body)
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
