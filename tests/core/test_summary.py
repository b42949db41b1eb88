import json
from typing import Any

import pytest

from autoscaler.core.summary import MAX_ENTRIES, summary_page
from autoscaler.errors import MalformedError
from autoscaler.model.metrics import ContainerId, Page, PodCounters, Sample

ASKED = 1_795_000_000 * 10**9
AT = 1_795_427_661 * 10**9
TIME = "2026-11-23T09:54:21Z"
WEB = ContainerId("shop", "web-0", "main")


def stats(cpu: Any = 4_710_169_000, memory: Any = 12_533_760, **more: Any) -> dict[str, Any]:
    return {
        "startTime": "2026-11-23T09:00:00Z",
        "cpu": {"time": TIME, "usageNanoCores": 3, "usageCoreNanoSeconds": cpu},
        "memory": {"time": TIME, "workingSetBytes": memory, "rssBytes": 1},
        **more,
    }


def pod(*containers: Any, name: str = "web-0", **more: Any) -> dict[str, Any]:
    return stats(podRef={"name": name, "namespace": "shop", "uid": "u-1"}, containers=list(containers), **more)


def summary(*pods: Any, node: Any = None) -> bytes:
    return json.dumps({"node": node or stats(nodeName="n1"), "pods": list(pods)}).encode()


START = AT - (54 * 60 + 21) * 10**9
MAIN = Sample(AT, 4_710_169_000, 12_533_760, START)


def test_a_whole_summary() -> None:
    body = summary(pod(stats(name="main"), stats(0, 0, name="side")), pod(name="windows"))
    assert summary_page(body, ASKED) == Page(
        node=Sample(AT, 4_710_169_000, 12_533_760),
        containers={WEB: MAIN, ContainerId("shop", "web-0", "side"): Sample(AT, 0, 0, START)},
        pods={("shop", "windows"): MAIN},
        pod_uids={("shop", "web-0"): "u-1", ("shop", "windows"): "u-1"},
        pod_cpu=PodCounters(
            (ContainerId("shop", "web-0", ""), ContainerId("shop", "windows", "")),
            b"4.710169000 1795427661000\n4.710169000 1795427661000",
            ASKED,
        ),
    )


def test_a_node_without_pods() -> None:
    assert summary_page(json.dumps({"node": stats(), "pods": []}).encode(), ASKED).containers == {}
    assert summary_page(json.dumps({"node": stats()}).encode(), ASKED).containers == {}


MISSING = {
    "no times": ({"cpu": {"usageCoreNanoSeconds": 1}, "memory": {"workingSetBytes": 2}}, Sample(ASKED, 1, 2)),
    "Go's zero time": (
        {"startTime": "0001-01-01T00:00:00Z", "cpu": {"time": "0001-01-01T00:00:00Z", "usageCoreNanoSeconds": 1}},
        Sample(ASKED, 1, None),
    ),
    "fractions of a second": (
        {"cpu": {"time": "2026-11-23T09:54:21.5+01:00", "usageCoreNanoSeconds": 1}},
        Sample(AT - 3600 * 10**9 + 5 * 10**8, 1, None),
    ),
    "the memory's time alone": ({"memory": {"time": TIME, "workingSetBytes": 2}}, Sample(AT, None, 2)),
    "an empty container": ({}, Sample(ASKED)),
    "negative numbers": ({"cpu": {"usageCoreNanoSeconds": -1}, "memory": {"workingSetBytes": -1}}, Sample(ASKED)),
    "numbers beyond int64": ({"cpu": {"usageCoreNanoSeconds": 2**63}, "memory": {}}, Sample(ASKED)),
}


@pytest.mark.parametrize(("entry", "sample"), MISSING.values(), ids=MISSING)
def test_what_is_missing_is_none(entry: dict[str, Any], sample: Sample) -> None:
    page = summary_page(summary(pod({"name": "main", **entry})), ASKED)
    assert page.containers == {WEB: sample}


BAD_ENTRIES = {
    "a container that is a number": (pod(stats(name="main"), 7), "syntax"),
    "a counter that is a text": (pod(stats(name="main"), stats("much", name="side")), "syntax"),
    "a fractional counter": (pod(stats(name="main"), stats(1.5, name="side")), "syntax"),
    "a time that is none": (pod(stats(name="main"), {"name": "side", "cpu": {"time": "now"}}), "syntax"),
    "a container without a name": (pod(stats(name="main"), stats()), "labels"),
    "a container twice": (pod(stats(name="main"), stats(5, name="main")), "repeated"),
}


@pytest.mark.parametrize(("entry", "reason"), BAD_ENTRIES.values(), ids=BAD_ENTRIES)
def test_a_bad_container_costs_itself_and_is_counted(entry: dict[str, Any], reason: str) -> None:
    page = summary_page(summary(entry), ASKED)
    assert page.containers == {WEB: MAIN}
    assert page.skipped == {reason: 1}


BAD_PODS = {
    "a pod that is a text": ("web", "syntax"),
    "a pod without a name": (pod(stats(name="c"), name=""), "labels"),
    "a pod twice": (pod(stats(9, name="main")), "repeated"),
}


@pytest.mark.parametrize(("entry", "reason"), BAD_PODS.values(), ids=BAD_PODS)
def test_a_bad_pod_costs_itself_and_is_counted(entry: Any, reason: str) -> None:
    page = summary_page(summary(pod(stats(name="main")), entry), ASKED)
    assert page.containers == {WEB: MAIN}
    assert page.skipped == {reason: 1}


def test_a_bad_node_costs_itself() -> None:
    page = summary_page(summary(pod(stats(name="main")), node={"cpu": 7}), ASKED)
    assert (page.node, page.containers, page.skipped) == (None, {WEB: MAIN}, {"syntax": 1})


NO_SUMMARY = {
    "nothing": b"",
    "HTML": b"<html>",
    "the other page": b"node_cpu_usage_seconds_total 1\n",
    "cut short": summary(pod(stats(name="main")))[:-9],
    "a list": b"[]",
    "no node": b'{"pods": []}',
    "pods that are no list": b'{"node": {}, "pods": 7}',
    "a well of brackets": b'{"node":' + b"[" * 100_000,
}


@pytest.mark.parametrize("body", NO_SUMMARY.values(), ids=NO_SUMMARY)
def test_k15_what_is_no_summary_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        summary_page(body, ASKED)


def test_k34_a_flood_is_cut() -> None:
    flood = pod(*({"name": f"c{i}"} for i in range(MAX_ENTRIES)), name="flood")
    page = summary_page(summary(pod(stats(name="main")), flood), ASKED)
    assert page.containers == {WEB: MAIN}
    assert page.skipped == {"limit": MAX_ENTRIES}
