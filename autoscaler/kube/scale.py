"""The scale subresource of any target: read it, and write it only over what was read.

A write carries the resourceVersion and the uid that were read, so the API server refuses it when the object changed or
was made anew meanwhile (409). When the answer to a write is lost, what stands there now decides (docs/faults.md S09).
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from autoscaler.clock import Clock
from autoscaler.errors import ConflictError, KubeError, UnreachableError
from autoscaler.kube import decode
from autoscaler.kube.cache import older
from autoscaler.kube.client import KubeClient, segment
from autoscaler.kube.discovery import Discovery, Place, group_of
from autoscaler.model.objects import ObjectKey, Scale
from autoscaler.model.policy import TargetRef

WATCHED = ("apps", "Deployment")


class Watched(Protocol):
    """Scales of Deployments as a watch has them, None for what it does not know; `kube.deployments.Deployments`."""

    def scale(self, key: ObjectKey) -> Scale | None: ...


class ScaleClient:
    """Reads the scale of Deployments from `watched` while it knows them, of everything else from the API server."""

    def __init__(self, client: KubeClient, watched: Watched, clock: Clock) -> None:
        self._client = client
        self._watched = watched
        self._discovery = Discovery(client, clock)
        self._worked: dict[tuple[str, str], Place] = {}
        self._told: dict[ObjectKey, Scale | None] = {}
        """What a write left, or its refusal found, until the watch has caught up; None: ask."""

    async def read(self, namespace: str, target: TargetRef, *, live: bool = False) -> Scale:
        """The target's scale, with `live` as it is now, as the HPA reads it.

        Every place the kind may be is tried; the first failure is the one to tell.
        """
        group = group_of(target.api_version)
        watched = (group, target.kind) == WATCHED
        key = ObjectKey(namespace, target.name)
        if watched and not live and (known := self._known(key)) is not None:
            return known
        found = await self._asked(group, namespace, target)
        if watched:
            self._told[key] = found
        return found

    def _known(self, key: ObjectKey) -> Scale | None:
        cached = self._watched.scale(key)
        if cached is None:
            self._told.pop(key, None)
        elif key in self._told:
            told = self._told[key]
            if told is None or older(cached.resource_version, told.resource_version):
                return told
            del self._told[key]
        return cached

    async def _asked(self, group: str, namespace: str, target: TargetRef) -> Scale:
        first: KubeError | None = None
        for place in await self._discovery.scalable(group, target.kind):
            try:
                found = decode.scale(await self._client.get(_path(place, namespace, target.name)))
            except KubeError as exc:
                first = first or exc
                continue
            self._worked[group, target.kind] = place
            return found
        raise first or KubeError(f"no place to look for {target.kind} {target.name}")

    async def write(self, scale: Scale, target: TargetRef, replicas: int) -> Scale:
        """Change the size of what was read; ConflictError when it is no longer that. Answers with the new scale."""
        group = group_of(target.api_version)
        place = self._worked.get((group, target.kind))
        if place is None:
            place = (await self._discovery.scalable(group, target.kind))[0]
        path, key = _path(place, scale.namespace, target.name), ObjectKey(scale.namespace, target.name)
        watched = (group, target.kind) == WATCHED
        try:
            written = decode.scale(await self._client.put(path, _document(scale, replicas)))
            if watched:
                self._told[key] = written
            return written
        except (ConflictError, UnreachableError) as exc:
            found = await self._read_back(path)
            if watched:
                self._told[key] = found
            if found is not None and (found.uid, found.replicas) == (scale.uid, replicas):
                return found  # our own write, its answer lost; or somebody wanted the same
            raise exc

    async def _read_back(self, path: str) -> Scale | None:
        try:
            return decode.scale(await self._client.get(path))
        except KubeError:
            return None


def _document(scale: Scale, replicas: int) -> bytes:
    return msgspec.json.encode(
        {
            "apiVersion": "autoscaling/v1",
            "kind": "Scale",
            "metadata": {
                "name": scale.name,
                "namespace": scale.namespace,
                "uid": scale.uid,
                "resourceVersion": scale.resource_version,
            },
            "spec": {"replicas": replicas},
        }
    )


def _path(place: Place, namespace: str, name: str) -> str:
    return f"{place.prefix}/namespaces/{segment(namespace)}/{place.plural}/{segment(name)}/scale"
