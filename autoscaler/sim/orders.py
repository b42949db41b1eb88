"""Trouble by order: the annotation `sim/fault` of a Node makes its kubelet misbehave, from another process too."""

from __future__ import annotations

from collections.abc import Mapping

from autoscaler.sim.kubelets import Fault, Kubelet
from autoscaler.sim.resources import NODES
from autoscaler.sim.store import Object, Store

ANNOTATION = "sim/fault"


class Orders:
    """Call `step` a few times a second. An unknown word is no order; taking the annotation away ends the trouble."""

    def __init__(self, store: Store, kubelets: Mapping[str, Kubelet]) -> None:
        self._store = store
        self._kubelets = kubelets
        self._seen = store.revision

    async def step(self) -> None:
        """Obey what was written since the last step."""
        for change in self._store.changes(NODES, self._seen):
            word, kubelet = _word(change.after), self._kubelets.get(change.after["metadata"]["name"])
            if kubelet is not None and word in set(Fault) and word != _word(change.before or {}):
                await kubelet.set_fault(Fault(word))
        self._seen = self._store.revision


def _word(node: Object) -> str:
    annotations: dict[str, str] = node.get("metadata", {}).get("annotations") or {}
    return annotations.get(ANNOTATION, Fault.NONE)
