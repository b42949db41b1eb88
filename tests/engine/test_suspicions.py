import asyncio
from collections.abc import Iterable

from autoscaler.engine.suspicions import LASTING_SECONDS, LOOK_SECONDS, Suspicions
from autoscaler.model.objects import Node, NodeName
from tests.clock import FakeClock, settle
from tests.scrapes import Told, pod, reading


class Alarms:
    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def warn(self, node: Node, reason: str, message: str) -> None:
        self.heard.append((node.name, reason))


class World:
    """A store that pages are put into by hand, beside nodes that are denied."""

    def __init__(self) -> None:
        self.told = Told(pod("a"))
        self.refused: list[tuple[Node, str]] = []
        self.alarms = Alarms()
        self.suspicions = Suspicions(self, self.told.store, self, self.alarms, self.told.clock)

    def nodes(self) -> dict[NodeName, Node]:
        return {NodeName("n1"): self.told.node()}

    def denied(self) -> Iterable[tuple[Node, str]]:
        return self.refused

    def page(self, at: float, *others: str) -> list[tuple[str, str]]:
        """What is told after a page with these pods of other nodes."""
        self.told.scrape(at, {"a": reading(at, at)}, others=[(other, "c", reading(at, 1)) for other in others])
        self.alarms.heard.clear()
        asyncio.run(self.suspicions.look())
        return list(self.alarms.heard)


def test_k23_a_node_that_keeps_reporting_pods_of_others_is_told() -> None:
    world = World()
    assert world.page(0, "theirs", "gone") == []
    assert world.page(LOOK_SECONDS, "theirs") == []
    assert world.page(LASTING_SECONDS, "theirs", "new") == [("n1", "ForeignPods")]
    assert world.page(LASTING_SECONDS + 15, "theirs") == [("n1", "ForeignPods")]
    assert world.page(LASTING_SECONDS + 30) == []


def test_k23_pods_that_were_just_deleted_are_no_suspicion() -> None:
    world = World()
    assert [world.page(30 * number, f"pod-{number}") for number in range(10)] == [[]] * 10


def test_k27_a_node_with_an_address_that_is_denied_is_told() -> None:
    world = World()
    world.refused = [(world.told.node(), "127.0.0.1 is a loopback address")]
    assert world.page(0) == [("n1", "AddressDenied")]


async def test_it_looks_now_and_then() -> None:
    world, clock = World(), FakeClock()
    suspicions = Suspicions(world, world.told.store, world, world.alarms, clock)
    world.refused = [(world.told.node(), "why")]
    async with asyncio.TaskGroup() as group:
        running = group.create_task(suspicions.run())
        await settle()
        await clock.advance(2.5 * LOOK_SECONDS)
        running.cancel()
    assert len(world.alarms.heard) == 2
