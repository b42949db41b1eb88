"""Pages put into a store by hand, in seconds and core-seconds: what the kubelet of one node told when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry

from autoscaler.core.rates import NANO
from autoscaler.engine.freshness import Freshness
from autoscaler.engine.store import MemoryStorage
from autoscaler.model.absence import Absence
from autoscaler.model.metrics import Commit, ContainerId, Page, Sample, Usage
from autoscaler.model.objects import Container, InitContainer, Node, NodeName, ObjectKey, Pod, Resources
from autoscaler.telemetry import EngineTelemetry

BASE = 1_800_000_000
"""Second 0 of every scrape."""


class StandingClock:
    """Stands at `at` seconds after `BASE` until it is set anew."""

    at = 0.0
    set_back = 0.0
    """What somebody took from the wall clock."""

    def now(self) -> float:
        return BASE + self.at - self.set_back

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("a store does not wait")


def reading(at: float, cpu: float | None, memory: int | None = 7, start: float | None = None) -> Sample:
    """A sample taken at second `at`, after `cpu` core-seconds, of something that started at second `start`."""
    return Sample(
        instant(at),
        None if cpu is None else round(cpu * NANO),
        memory,
        None if start is None else instant(start),
    )


def instant(at: float) -> int:
    """Second `at` in nanoseconds since 1970."""
    return BASE * NANO + round(at * NANO)


def usage(cores: float, window: float, at: float, memory: int = 7) -> Usage:
    return Usage(round(cores * NANO), memory, instant(at), round(window * NANO))


def pod(
    *containers: str,
    name: str = "web",
    uid: str = "",
    node: str = "n1",
    sidecars: Sequence[str] = (),
    started: float | None = None,
) -> Pod:
    return Pod(
        namespace="shop",
        name=name,
        uid=uid or f"uid of {name}",
        node=NodeName(node),
        containers=tuple(Container(each) for each in containers),
        init_containers=(InitContainer("setup"), *(InitContainer(each, sidecar=True) for each in sidecars)),
        started=None if started is None else BASE + started,
    )


class Told:
    """A store with its clock, its counters and what its listeners heard; `pods` are bound to their nodes."""

    def __init__(self, *pods: Pod, resolution: float = 10.0, capacity: Resources | None = None) -> None:
        self.clock = StandingClock()
        self.registry = CollectorRegistry()
        self.commits: list[Commit] = []
        freshness = Freshness()
        freshness.subscribe(self.commits.append)
        self.telemetry = EngineTelemetry(self.registry)
        self.store = MemoryStorage(
            resolution=resolution, clock=self.clock, telemetry=self.telemetry, freshness=freshness
        )
        self.pods = list(pods)
        self.capacity = capacity or {}

    def node(self, name: str = "n1", uid: str = "") -> Node:
        return Node(name=NodeName(name), uid=uid or f"uid of {name}", capacity=self.capacity)

    def scrape(
        self,
        at: float,
        containers: Mapping[str, Sample] = {},
        *,
        of: str = "web",
        whole: Sample | None = None,
        own: Sample | None = None,
        node: Node | None = None,
        others: Iterable[tuple[str, str, Sample]] = (),
    ) -> None:
        """A page came in at second `at`: containers and pod-level series of pod `of`, others, and the node's own."""
        self.clock.at = at
        node = node or self.node()
        lines = {ContainerId("shop", of, name): sample for name, sample in containers.items()}
        lines |= {ContainerId("shop", other, name): sample for other, name, sample in others}
        page = Page(node=own, containers=lines, pods={("shop", of): whole} if whole else {})
        self.store.put(node, page, [each for each in self.pods if each.node == node.name], instant(at))

    @property
    def heard(self) -> list[list[ObjectKey]]:
        """The pods that each commit told of as fresh."""
        return [sorted(commit.fresh) for commit in self.commits if commit.fresh]

    def served(self, name: str = "web") -> dict[str, Usage] | None:
        """Container usages of a pod now, in order, or None."""
        found = self.store.pod_usage("shop", name)
        return None if found is None else dict(found.containers)

    def causes(self, name: str = "web") -> tuple[Absence, ...]:
        """Why a pod has no usage now."""
        return self.store.absence(next(each for each in self.pods if each.name == name))

    def why(self, name: str = "web") -> str:
        """The first of them, "" when it has one."""
        return next((str(cause) for cause in self.causes(name)), "")

    def skipped(self, reason: str) -> float:
        return self.registry.get_sample_value("autoscaler_samples_skipped_total", {"reason": reason}) or 0.0
