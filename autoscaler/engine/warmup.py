"""Whether there is enough to serve and to decide from: the answer behind readiness and the first decision.

Warm once nine of ten ready nodes have a usage, or a minute after the inventory was complete: a few nodes that never
answer keep nobody waiting, one that is not ready is not waited for at all. Warm for good: in a total kubelet outage the
Metrics API goes on answering, with empty lists, since an unready APIService would block the deletion of namespaces
(docs/faults.md A27, K02).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from autoscaler.clock import Clock
from autoscaler.model.metrics import NodeUsage
from autoscaler.model.objects import Node, NodeName

COVERAGE = 0.9
PATIENCE_SECONDS = 60.0


class Inventory(Protocol):
    """The nodes there are; `synced` once all were listed."""

    @property
    def synced(self) -> bool: ...
    def nodes(self) -> Mapping[NodeName, Node]: ...


class NodeUsages(Protocol):
    """What is served of a node."""

    def node_usage(self, name: str) -> NodeUsage | None: ...


class Warmup:
    """Ask `warm`; `waiting_for` says what it waits for, "" when warm. `warmed` is called once, when it became so."""

    def __init__(
        self, inventory: Inventory, usages: NodeUsages, clock: Clock, warmed: Callable[[], None] = lambda: None
    ) -> None:
        self._inventory = inventory
        self._usages = usages
        self._clock, self._warmed = clock, warmed
        self._synced_at: float | None = None
        self._warm = False
        self.waiting_for = "the list of nodes and pods"

    def warm(self) -> bool:
        """Look again, unless it was warm before."""
        if self._warm or not self._inventory.synced:
            return self._warm
        if self._synced_at is None:
            self._synced_at = self._clock.monotonic()
        names = [node.name for node in self._inventory.nodes().values() if node.ready]
        covered = sum(1 for name in names if self._usages.node_usage(name))
        patient = self._clock.monotonic() - self._synced_at < PATIENCE_SECONDS
        self._warm = covered >= COVERAGE * len(names) or not patient
        self.waiting_for = "" if self._warm else f"usage of nodes: {covered} of {len(names)} ready ones have one"
        if self._warm:
            self._warmed()
        return self._warm
