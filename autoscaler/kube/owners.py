"""Whose the controllers of pods are: the middle step of the walk Deployment → ReplicaSet → Pod.

Asked only for policies that count owned pods alone, once per ReplicaSet: what controls one does not change while it is
the same (uid), and a new rollout makes a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from autoscaler.errors import NotFoundError
from autoscaler.kube import decode
from autoscaler.kube.client import KubeClient, segment
from autoscaler.kube.wire import OwnedWire, decoder
from autoscaler.model.objects import Owner

KEPT = 20_000
"""ReplicaSets remembered; beyond that all are forgotten and asked for anew."""

_owned = decoder(OwnedWire)


class Owners:
    """Answers from memory what it has asked once."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._known: dict[str, str] = {}

    async def of(self, namespace: str, controllers: Iterable[Owner]) -> Mapping[str, str]:
        """The uid of each controller's own controller, by its uid; absent: it has none, is gone, or is no ReplicaSet.

        Raises KubeError.
        """
        if len(self._known) > KEPT:
            self._known.clear()
        found = {}
        for each in controllers:
            if each.kind == "ReplicaSet" and each.api_version.startswith("apps/"):
                above = self._known.get(each.uid) or await self._asked(namespace, each)
                if above:
                    found[each.uid] = above
        return found

    async def _asked(self, namespace: str, controller: Owner) -> str:
        path = f"/apis/apps/v1/namespaces/{segment(namespace)}/replicasets/{segment(controller.name)}"
        try:
            meta = _owned(await self._client.get(path)).metadata
        except NotFoundError:
            return ""
        above = decode.controller(meta)
        if above is None or meta.uid != controller.uid:
            return ""
        self._known[controller.uid] = above.uid
        return above.uid
