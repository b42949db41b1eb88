"""A watch and its client, as the test lets them go on."""

from collections.abc import AsyncGenerator
from typing import Any

from msgspec import structs

from autoscaler.api.envelope import Bookmark, Change, Event, Failure
from autoscaler.api.ledger import Ledger
from autoscaler.api.listoptions import WatchOptions
from autoscaler.api.selection import Selection
from autoscaler.api.snapshots import Snapshots
from autoscaler.api.watching import PACE_SECONDS, Watch
from autoscaler.core import selectors
from autoscaler.model.objects import Pod
from autoscaler.turnstile import Turnstile
from tests.api.cluster import NOW, Cluster, pod_usage
from tests.clock import FakeClock

ALL = Selection("pods", "", selectors.Selector(), selectors.FieldSelector())


WEB = structs.replace(ALL, labels=selectors.parse("app=web"))


class Spoken:
    """Events as one line of text each: what, of which pod, at which revision after the first."""

    def __init__(self, begin: int) -> None:
        self._begin = begin

    def event(self, event: Event, now: float) -> bytes:
        match event:
            case Change(kind, item, version):
                numbers = "" if item.at_ns else " without numbers"
                return f"{kind} {item.subject.name} {int(version) - self._begin}{numbers}\n".encode()
            case Bookmark(version, initial):
                return f"BOOKMARK {int(version) - self._begin}{' initial' if initial else ''}\n".encode()
            case Failure(status):
                return f"ERROR {status.code} {status.reason} {status.message}\n".encode()


class Watched:
    """A cluster, a watch of it and what it said."""

    def __init__(self, *names: str) -> None:
        self.cluster = Cluster()
        self.pods = {name: Pod(namespace="shop", name=name, uid=name, labels={"app": "web"}) for name in names}
        for pod in self.pods.values():
            self.cluster.add_pod(pod, ("c", 1, 1))
        self.clock = FakeClock(NOW)
        self.ledger = Ledger(self.cluster, self.cluster, self.cluster, self.clock)
        self.begin = self.ledger.revision
        self.said: list[str] = []
        self.ended = False

    def watch(self, selection: Selection = ALL, **options: Any) -> AsyncGenerator[bytes, None]:
        return Watch(
            selection,
            WatchOptions(**options),
            Spoken(self.begin),
            ledger=self.ledger,
            snapshots=Snapshots(self.ledger, self.clock, Turnstile(2)),
            clock=self.clock,
        ).frames()

    async def listen(self, frames: AsyncGenerator[bytes, None]) -> None:
        async for piece in frames:
            self.said += piece.decode().splitlines()
        self.ended = True

    async def news(self) -> list[str]:
        """What was said since the last time."""
        await self.clock.advance(PACE_SECONDS)
        said, self.said = self.said, []
        return said

    def sample(self, *names: str) -> None:
        self.cluster.commit(*(self.pods[name] for name in names))

    def add(self, name: str, **labels: str) -> None:
        pod = self.pods[name] = Pod(namespace="shop", name=name, uid=name, labels=labels or {"app": "web"})
        self.cluster.change(None, pod)
        self.cluster.usages[("shop", name)] = pod_usage(pod, ("c", 1, 1))
        self.cluster.commit(pod)

    def relabel(self, name: str, **labels: str) -> None:
        old = self.pods[name]
        self.pods[name] = structs.replace(old, labels=labels)
        self.cluster.change(old, self.pods[name])

    def delete(self, name: str) -> None:
        pod = self.pods.pop(name)
        del self.cluster.usages[("shop", name)]
        self.cluster.change(pod, None)
