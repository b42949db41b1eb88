"""metrics-server's recorded behaviour, replayed; every difference is on purpose and named by its test.

Sources: what metrics-server 0.8 and 0.9 were seen to do at a resolution of 10 s, and the tables of its unit
tests (resolution 60 s).
"""

from __future__ import annotations

import pytest

from autoscaler.engine.survey import Survey
from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.model.metrics import Sample, Usage
from autoscaler.model.objects import Node, NodeName
from tests.scrapes import Told, pod, reading, usage

OLD = -9000.0
"""A start time long ago."""

Served = dict[str, Usage] | None
Steps = list[tuple[float, dict[str, Sample], Served]]
"""When a page came in, what it said of the pod's containers, and what is served right after it."""


def both(at: float) -> dict[str, Sample]:
    return {"a": reading(at, at / 4, start=OLD), "b": reading(at, at / 4, start=OLD)}


def only(name: str, at: float) -> dict[str, Sample]:
    return {name: reading(at, at / 4, start=OLD)}


def quarter(at: float, window: float = 10) -> Usage:
    return usage(0.25, window, at)


SAME: dict[str, Steps] = {
    "two steady containers": [
        (10, both(10), None),
        (20, both(20), {"a": quarter(20), "b": quarter(20)}),
        (30, both(30), {"a": quarter(30), "b": quarter(30)}),
    ],
    "a container that appears holds its pod back for one page": [
        (10, only("a", 10), None),
        (20, only("a", 20), {"a": quarter(20)}),
        (30, both(30), None),
        (40, both(40), {"a": quarter(40), "b": quarter(40)}),
    ],
    "a container that disappears before it had a rate": [
        (10, both(10), None),
        (20, only("a", 20), {"a": quarter(20)}),
        (30, only("a", 30), {"a": quarter(30)}),
    ],
    "started 2 s before the first page": [
        (10, {"a": reading(10, 0.5, start=8)}, None),
        (20, {"a": reading(20, 3, start=8)}, {"a": usage(0.25, 10, 20)}),
    ],
    "no start time at all": [
        (10, {"a": reading(10, 1)}, None),
        (20, {"a": reading(20, 3.5)}, {"a": usage(0.25, 10, 20)}),
    ],
    "a sample time that does not move": [
        (10, only("a", 10), None),
        (20, only("a", 20), {"a": quarter(20)}),
        (30, only("a", 20), {"a": quarter(20)}),
        (40, only("a", 20), {"a": quarter(20)}),
    ],
    "only a start time": [
        (10, {"a": reading(10, None, None, start=OLD)}, None),
        (20, {"a": reading(20, None, None, start=OLD)}, None),
    ],
}


DIFFERENT: dict[str, Steps] = {
    "zero CPU is served (there: the pod is absent)": [
        (10, {"a": reading(10, 0, start=OLD)}, None),
        (20, {"a": reading(20, 0, start=OLD)}, {"a": usage(0, 10, 20)}),
    ],
    "zero memory is served (there: the pod is absent)": [
        (10, {"a": reading(10, 1, 0, start=OLD)}, None),
        (20, {"a": reading(20, 2, 0, start=OLD)}, {"a": usage(0.1, 10, 20, 0)}),
    ],
    "CPU that falls once costs one page (there: an object without containers, for as long as it falls)": [
        (10, {"a": reading(10, 9, start=OLD)}, None),
        (20, {"a": reading(20, 1, start=OLD)}, None),
        (30, {"a": reading(30, 2, start=OLD)}, {"a": usage(0.1, 10, 30)}),
    ],
    "CPU that falls in one of two holds the pod back (there: only the other one is served, an undercount)": [
        (10, both(10), None),
        (20, {**both(20), "b": reading(20, 0, start=OLD)}, None),
        (30, {**both(30), "b": reading(30, 1, start=OLD)}, {"a": quarter(30), "b": usage(0.1, 10, 30)}),
    ],
    "a container that disappears keeps its last rate three resolutions (there: gone at once)": [
        (10, both(10), None),
        (20, both(20), {"a": quarter(20), "b": quarter(20)}),
        (30, only("a", 30), {"a": quarter(30), "b": quarter(20)}),
        (60, only("a", 60), {"a": quarter(60, 30)}),
    ],
    "a restart is measured from its start after 5 s (there: absent below 10 s)": [
        (10, only("a", 10), None),
        (20, only("a", 20), {"a": quarter(20)}),
        (30, {"a": reading(30, 4, start=22)}, {"a": usage(0.5, 8, 30)}),
        (40, {"a": reading(40, 5, start=22)}, {"a": usage(0.1, 10, 40)}),
    ],
    "a young container is measured from its start at 5 to 20 s of age (there: 10 s only, at this resolution)": [
        (10, {"a": reading(10, 1.5, start=4)}, {"a": usage(0.25, 6, 10)}),
    ],
    "a sample from the past is ignored (there: absent, then a window across it)": [
        (10, only("a", 10), None),
        (20, only("a", 20), {"a": quarter(20)}),
        (30, {"a": reading(5, 1.25, start=OLD)}, {"a": quarter(20)}),
        (40, only("a", 40), {"a": quarter(40, 20)}),
    ],
    "a missing page keeps the last rate (there: two pages without it)": [
        (10, only("a", 10), None),
        (20, only("a", 20), {"a": quarter(20)}),
        (30, {}, {"a": quarter(20)}),
        (40, only("a", 40), {"a": quarter(40, 20)}),
    ],
}


def replay(steps: Steps, resolution: float) -> None:
    told = Told(pod("a", "b", started=OLD), resolution=resolution)
    for at, containers, served in steps:
        told.scrape(at, containers)
        assert told.served() == served, f"at {at} s: {told.why()}"


@pytest.mark.parametrize("steps", SAME.values(), ids=SAME)
def test_matrix_as_there(steps: Steps) -> None:
    replay(steps, 10)


@pytest.mark.parametrize("steps", DIFFERENT.values(), ids=DIFFERENT)
def test_matrix_but_here(steps: Steps) -> None:
    replay(steps, 10)


def test_a_pod_reported_by_two_nodes_has_the_number_of_its_own_node_there_125_cores() -> None:
    told = Told(pod("a"))
    for at in (10, 20, 30, 40):
        told.scrape(at, {"a": reading(at, at / 4)})
        told.scrape(at + 1, {"a": reading(at + 1, at * 100)}, node=told.node("n2"))
        assert told.served() == (None if at == 10 else {"a": quarter(at)})
    assert told.skipped("foreign") == 4


def test_a_failed_scrape_keeps_the_last_rate_there_two_pages_without_it() -> None:
    told = Told(pod("a"))
    for at in (10, 20):
        told.scrape(at, only("a", at))
    told.clock.at = 30
    told.store.failed(told.node(), ScrapeError("n1", ScrapeReason.TIMEOUT, "hangs"))
    assert told.served() == {"a": quarter(20)}


UNIT_SAME: dict[str, Steps] = {
    "1. two samples 5 s apart": [
        (20, {"a": reading(20, 1)}, None),
        (25, {"a": reading(25, 6, 9)}, {"a": usage(1, 5, 25, 9)}),
    ],
    "3. the same batch twice": [(20, {"a": reading(20, 1)}, None), (25, {"a": reading(20, 1)}, None)],
    "5. a restart is measured from its start": [
        (10, {"a": reading(10, 1, start=0)}, {"a": usage(0.1, 10, 10)}),
        (25, {"a": reading(25, 5, start=15)}, {"a": usage(0.5, 10, 25)}),
    ],
    "9. one sample 120 s after the start": [(120, {"a": reading(120, 1, start=0)}, None)],
    "10. one sample 10 s after the start": [(10, {"a": reading(10, 10, start=0)}, {"a": usage(1, 10, 10)})],
    "11. a start later than the sample": [(10, {"a": reading(10, 10, start=11)}, None)],
    "13. no start time": [
        (10, {"a": reading(10, 10)}, None),
        (20, {"a": reading(20, 15)}, {"a": usage(0.5, 10, 20)}),
    ],
    "14. a second container that appears 120 s after its start": [
        (110, {"a": reading(110, 1)}, None),
        (120, {"a": reading(120, 2), "b": reading(120, 1, start=0)}, None),
    ],
}

UNIT_DIFFERENT: dict[str, Steps] = {
    "1b. an empty batch keeps the pod (there: gone)": [
        (20, {"a": reading(20, 1)}, None),
        (25, {"a": reading(25, 6)}, {"a": usage(1, 5, 25)}),
        (30, {}, {"a": usage(1, 5, 25)}),
    ],
    "6. CPU that falls: no object (there: one without containers)": [
        (10, {"a": reading(10, 20, start=OLD)}, None),
        (20, {"a": reading(20, 10, start=OLD)}, None),
    ],
    "7. a sample from far in the past is ignored (there: nothing)": [
        (115, {"a": reading(115, 10)}, None),
        (125, {"a": reading(125, 20)}, {"a": usage(1, 10, 125)}),
        (135, {"a": reading(15, 30)}, {"a": usage(1, 10, 125)}),
    ],
    "8. a sample between the last two is ignored (there: it becomes the last one)": [
        (115, {"a": reading(115, 10)}, None),
        (125, {"a": reading(125, 50)}, {"a": usage(4, 10, 125)}),
        (126, {"a": reading(120, 35)}, {"a": usage(4, 10, 125)}),
    ],
    "12. 9 s after the start is enough (there: nothing below 10 s)": [
        (9, {"a": reading(9, 9, start=0)}, {"a": usage(1, 9, 9)}),
    ],
}


@pytest.mark.parametrize("steps", UNIT_SAME.values(), ids=UNIT_SAME)
def test_unit_tables_as_there(steps: Steps) -> None:
    replay(steps, 60)


@pytest.mark.parametrize("steps", UNIT_DIFFERENT.values(), ids=UNIT_DIFFERENT)
def test_unit_tables_but_here(steps: Steps) -> None:
    replay(steps, 60)


def test_unit_2_the_pods_time_is_that_of_the_container_sampled_earliest() -> None:
    told = Told(pod("a", "b"), resolution=60)
    told.scrape(15, {"a": reading(10, 1), "b": reading(15, 1)})
    told.scrape(25, {"a": reading(20, 1), "b": reading(25, 1)})
    found = told.store.pod_usage("shop", "web")
    assert found is not None
    assert (found.at_ns, found.window_ns) == (usage(0, 10, 20).at_ns, 10 * 10**9)


class NoNodes:
    def nodes(self) -> dict[NodeName, Node]:
        return {}


async def test_unit_4_points_are_containers_that_can_be_served() -> None:
    told = Told(pod("a", "b"), resolution=60)
    survey = Survey(NoNodes(), told.store, told.clock, told.telemetry)
    points = []
    for at in (10, 20):
        told.scrape(at, both(at))
        await survey.look()
        points.append(told.registry.get_sample_value("metrics_server_storage_points", {"type": "container"}))
    assert points == [0, 2]


NODES: dict[str, list[tuple[float, Sample, Usage | None]]] = {
    "10 to 20 C in 10 s": [(10, reading(10, 10), None), (20, reading(20, 20), usage(1, 10, 20))],
    "a repeated point": [(10, reading(10, 10), None), (20, reading(10, 10), None)],
    "CPU that falls": [(10, reading(10, 50), None), (20, reading(20, 10), None)],
    "a point from the past is ignored (there: nothing)": [
        (15, reading(15, 10), None), (35, reading(35, 20), usage(0.5, 20, 35)),
        (45, reading(5, 30), usage(0.5, 20, 35)),
    ],
    "a point between the last two is ignored (there: it becomes the last one)": [
        (15, reading(15, 10), None), (35, reading(35, 50), usage(2, 20, 35)),
        (36, reading(25, 35, 9), usage(2, 20, 35)),
    ],
    "zero CPU and memory are served (there: the node is absent)": [
        (10, reading(10, 0, 0), None), (20, reading(20, 0, 0), usage(0, 10, 20, 0)),
    ],
}  # fmt: skip


@pytest.mark.parametrize("steps", NODES.values(), ids=NODES)
def test_unit_tables_of_nodes(steps: list[tuple[float, Sample, Usage | None]]) -> None:
    told = Told(resolution=60)
    for at, own, served in steps:
        told.scrape(at, own=own)
        found = told.store.node_usage("n1")
        assert (found.usage if found else None) == served, f"at {at} s"
