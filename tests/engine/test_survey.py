import pytest

from autoscaler.engine.survey import Survey
from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.model.objects import Node, NodeName
from tests.scrapes import Told, pod, reading


class Nodes:
    def __init__(self, *names: str) -> None:
        self._names = names

    def nodes(self) -> dict[NodeName, Node]:
        return {NodeName(name): Node(name=NodeName(name), uid=name) for name in self._names}


async def surveyed(told: Told, *names: str) -> dict[str, float]:
    """Every gauge after a look, by its label, or by its name when it has none."""
    await Survey(Nodes(*names), told.store, told.clock, told.telemetry).look()
    wanted = ("metrics_server_storage_points", "autoscaler_node")
    found = {}
    for family in told.registry.collect():
        if family.name.startswith(wanted):
            for sample in family.samples:
                found["/".join((sample.name.removeprefix("autoscaler_"), *sample.labels.values()))] = sample.value
    return found


async def test_points_are_what_can_be_served_now() -> None:
    told = Told(pod("a", "b"), resolution=10)
    told.scrape(10, {"a": reading(10, 1), "b": reading(10, 1)}, own=reading(10, 1))
    first = await surveyed(told, "n1")
    told.scrape(20, {"a": reading(20, 1), "b": reading(20, 1)}, own=reading(20, 1), whole=reading(20, 2))
    second = await surveyed(told, "n1")
    told.clock.at = 51
    third = await surveyed(told, "n1")
    points = [
        [found[f"metrics_server_storage_points/{kind}"] for kind in ("node", "container")]
        for found in (first, second, third)
    ]
    assert points == [[0, 0], [1, 2], [0, 0]]


async def test_a_pod_served_from_its_own_lines_is_one_point() -> None:
    told = Told(pod("a"), resolution=10)
    for at in (10, 20):
        told.scrape(at, whole=reading(at, at))
    assert (await surveyed(told, "n1"))["metrics_server_storage_points/container"] == 1


async def test_nodes_by_state_and_the_share_that_is_covered() -> None:
    told = Told(resolution=10)
    for at in (10, 20):
        told.scrape(at, own=reading(at, at))
    told.store.failed(told.node("n2"), ScrapeError("n2", ScrapeReason.TIMEOUT, "slow"))
    found = await surveyed(told, "n1", "n2", "n3", "n4")
    assert [found[f"nodes/{state}"] for state in ("served", "failing", "waiting")] == [1, 1, 2]
    assert found["node_coverage_ratio"] == 0.25


async def test_the_age_of_what_is_served_by_quantile() -> None:
    told = Told(resolution=10)
    for name, last in (("n1", 20), ("n2", 22), ("n3", 29)):
        for at in (last - 10, last):
            told.scrape(at, own=reading(at, at), node=told.node(name))
    told.clock.at = 30
    found = await surveyed(told, "n1", "n2", "n3")
    ages = [found[f"node_sample_age_seconds/{quantile}"] for quantile in ("0.5", "0.9", "0.99", "1")]
    assert ages == pytest.approx([8, 10, 10, 10])


async def test_a_cluster_without_nodes_is_covered() -> None:
    found = await surveyed(Told())
    assert (found["node_coverage_ratio"], found["node_sample_age_seconds/1"]) == (1, 0)


async def test_a28_when_nothing_comes_any_more_nothing_is_stamped_anew_and_then_all_is_gone() -> None:
    told = Told(pod("a"), resolution=10)
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)}, own=reading(at, at))
    first = told.store.node_usage("n1")
    told.clock.at = 49
    assert told.store.node_usage("n1") == first
    assert (await surveyed(told, "n1"))["node_sample_age_seconds/1"] == pytest.approx(29)
    told.clock.at = 51
    found = await surveyed(told, "n1")
    assert (found["nodes/served"], found["node_coverage_ratio"], told.served()) == (0, 0, None)
