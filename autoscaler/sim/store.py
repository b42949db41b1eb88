"""What the API server keeps: objects, one resourceVersion per write, and a bounded history for those who watch.

An object is a JSON tree. It is never changed in place: a write puts a new tree, so that a list taken earlier stays the
snapshot it was. Whoever reads one must not change it either.
"""

from __future__ import annotations

import asyncio
import copy
import uuid
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autoscaler.clock import Clock
from autoscaler.model.instant import seconds_text
from autoscaler.sim import refusals
from autoscaler.sim.resources import NAMESPACES, Resource

Object = dict[str, Any]
Place = tuple[str, str]
"""Namespace ("" when there is none) and name."""

_SNAPSHOTS_KEPT = 32
_SERVER_SIDE = ("uid", "creationTimestamp", "generation", "deletionTimestamp")
"""Fields of metadata that a writer cannot change."""


@dataclass(frozen=True, slots=True)
class Change:
    """One write. `before` is None for a creation; of a deletion, `after` is the last state at the new revision."""

    revision: int
    type: str
    after: Object
    before: Object | None


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What must still hold for a delete or a scale; "" is not asked for."""

    uid: str = ""
    resource_version: str = ""


class _Shelf:
    """Objects of one resource, and the last writes to them; `floor` is the newest revision that was forgotten."""

    def __init__(self, window: int, floor: int) -> None:
        self.objects: dict[Place, Object] = {}
        self.changes: deque[Change] = deque(maxlen=window)
        self.floor = floor

    def remember(self, change: Change) -> None:
        if len(self.changes) == self.changes.maxlen:
            self.floor = self.changes[0].revision
        self.changes.append(change)


class Store:
    """All objects. `window` is how many writes per resource a watch can reach back."""

    def __init__(self, clock: Clock, window: int = 1000) -> None:
        self._clock = clock
        self._window = window
        self._shelves: dict[str, _Shelf] = {}
        self._snapshots: OrderedDict[tuple[str, int], list[Object]] = OrderedDict()
        self._written = asyncio.Event()
        self._first = self.revision = 100  # not 0 and not 1: those mean something to a client

    def _shelf(self, resource: Resource) -> _Shelf:
        if (shelf := self._shelves.get(resource.qualified)) is None:
            shelf = self._shelves[resource.qualified] = _Shelf(self._window, self._first)
        return shelf

    def get(self, resource: Resource, namespace: str, name: str) -> Object:
        """The object; RefusedError 404."""
        found = self._shelf(resource).objects.get((namespace, name))
        if found is None:
            raise refusals.not_found(resource, name)
        return found

    def all(self, resource: Resource, namespace: str = "") -> list[Object]:
        """Objects as they are now, in the order of their keys; "" = of all namespaces."""
        objects = self._shelf(resource).objects
        return [objects[place] for place in sorted(objects) if namespace in ("", place[0])]

    def snapshot(self, resource: Resource, revision: int) -> list[Object] | None:
        """All objects as they were at `revision`: now, or one that `freeze` kept; None when it is gone."""
        kept = self._snapshots.get((resource.qualified, revision))
        return self.all(resource) if kept is None and revision == self.revision else kept

    def freeze(self, resource: Resource) -> None:
        """Keep the present snapshot for those who list it page by page; the oldest one gives way."""
        place = (resource.qualified, self.revision)
        if place not in self._snapshots:
            self._snapshots[place] = self.all(resource)
        while len(self._snapshots) > _SNAPSHOTS_KEPT:
            self._snapshots.popitem(last=False)

    def compact(self) -> None:
        """Forget all history: every watch and every `continue` from before is too old."""
        self._snapshots.clear()
        self._first = self.revision
        for shelf in self._shelves.values():
            shelf.changes.clear()
            shelf.floor = self.revision

    def changes(self, resource: Resource, after: int) -> Sequence[Change]:
        """Writes later than revision `after`, oldest first; RefusedError 410 when some of them are forgotten."""
        shelf = self._shelf(resource)
        if after < shelf.floor:
            raise refusals.too_old(after, shelf.floor)
        found: list[Change] = []
        for change in reversed(shelf.changes):
            if change.revision <= after:
                break
            found.append(change)
        return found[::-1]

    async def written(self) -> None:
        """Return at the next write, to whatever resource."""
        await self._written.wait()

    def create(self, resource: Resource, namespace: str, body: Object) -> Object:
        """The new object as stored. Refusals: 409 when it exists, 404 when its namespace does not, 422."""
        metadata = _metadata(body)
        if metadata.get("resourceVersion"):
            raise refusals.bad_request("resourceVersion should not be set on objects to be created")
        name = metadata.get("name") or _generated(metadata)
        if not name:
            raise refusals.invalid(resource, "", "metadata.name", "Required value: name or generateName is required")
        if (namespace, name) in self._shelf(resource).objects:
            raise refusals.already_exists(resource, name)
        if resource.namespaced:
            self.get(NAMESPACES, "", namespace)
        fresh = copy.deepcopy(body)
        if "status" in resource.subresources and not resource.keeps_status:
            fresh.pop("status", None)
        fresh["metadata"] = {
            **metadata,
            "name": name,
            **({"namespace": namespace} if resource.namespaced else {}),
            "uid": str(uuid.uuid4()),
            "creationTimestamp": seconds_text(self._clock.now()),
            **({"generation": 1} if resource.generated else {}),
        }
        return self._put(resource, (namespace, name), "ADDED", fresh, None)

    def replace(self, resource: Resource, namespace: str, name: str, body: Object, part: str = "") -> Object:
        """PUT of the object (`part` "") or of its `status`: the other half of it stays. Refusals: 404, 409, 422."""
        before = self.get(resource, namespace, name)
        sent = _metadata(body)
        if sent.get("name", name) != name:
            why = f"the name of the object ({sent['name']}) does not match the name on the URL ({name})"
            raise refusals.bad_request(why)
        wanted = Preconditions(sent.get("uid", ""), sent.get("resourceVersion", ""))
        if resource.strict and not wanted.resource_version:
            why = "Invalid value: 0: must be specified for an update"
            raise refusals.invalid(resource, name, "metadata.resourceVersion", why)
        self._check(resource, before, name, wanted)
        if part == "status":
            after = {**before, "status": copy.deepcopy(body.get("status", {}))}
        else:
            after = copy.deepcopy(body)
            kept = {key: before["metadata"][key] for key in _SERVER_SIDE if key in before["metadata"]}
            named = {"name": name, **({"namespace": namespace} if resource.namespaced else {})}
            after["metadata"] = {**sent, **named, **kept}
            if "status" in resource.subresources:
                after.pop("status", None)
                after |= {"status": before["status"]} if "status" in before else {}
        after |= {"kind": before.get("kind", resource.kind), "apiVersion": resource.api_version}
        return self._update(resource, (namespace, name), before, after)

    def merge(self, resource: Resource, namespace: str, name: str, patch: Object, part: str = "") -> Object:
        """PATCH with a JSON merge patch (RFC 7386); a resourceVersion in it is a precondition."""
        before = self.get(resource, namespace, name)
        return self.replace(resource, namespace, name, merged(before, patch), part)

    def scale(self, resource: Resource, namespace: str, name: str, replicas: int, wanted: Preconditions) -> Object:
        """Set `spec.replicas`. Refusals: 404, 409."""
        before = self.get(resource, namespace, name)
        self._check(resource, before, name, wanted)
        after = {**before, "spec": {**before.get("spec", {}), "replicas": replicas}}
        return self._update(resource, (namespace, name), before, after)

    def mark_deleted(self, resource: Resource, namespace: str, name: str) -> Object:
        """Begin graceful deletion: `metadata.deletionTimestamp` is set, the object stays for the time being."""
        before = self.get(resource, namespace, name)
        stamp = {"deletionTimestamp": seconds_text(self._clock.now()), "deletionGracePeriodSeconds": 30}
        after = {**before, "metadata": {**before["metadata"], **stamp}}
        return self._update(resource, (namespace, name), before, after)

    def delete(self, resource: Resource, namespace: str, name: str, wanted: Preconditions = Preconditions()) -> Object:
        """Remove it; gives its last state. Refusals: 404, 409."""
        before = self.get(resource, namespace, name)
        self._check(resource, before, name, wanted)
        del self._shelf(resource).objects[(namespace, name)]
        return self._put(resource, (namespace, name), "DELETED", before, before)

    @staticmethod
    def _check(resource: Resource, before: Object, name: str, wanted: Preconditions) -> None:
        """Raise unless what the writer saw is what there is."""
        uid, version = before["metadata"]["uid"], before["metadata"]["resourceVersion"]
        if wanted.uid not in ("", uid):
            why = f"Precondition failed: UID in precondition: {wanted.uid}, UID in object meta: {uid}"
            raise refusals.conflict(resource, name, why)
        if wanted.resource_version not in ("", version):
            raise refusals.conflict(resource, name)

    def _update(self, resource: Resource, place: Place, before: Object, after: Object) -> Object:
        """Store a changed object; one that says what was there before costs no revision, as in etcd."""
        metadata = {**after["metadata"], "resourceVersion": before["metadata"]["resourceVersion"]}
        if resource.generated and after.get("spec") != before.get("spec"):
            metadata["generation"] = before["metadata"].get("generation", 0) + 1
        after = {**after, "metadata": metadata}
        return before if after == before else self._put(resource, place, "MODIFIED", after, before)

    def _put(self, resource: Resource, place: Place, kind: str, after: Object, before: Object | None) -> Object:
        self.revision += 1
        after = {
            "kind": resource.kind,
            "apiVersion": resource.api_version,
            **after,
            "metadata": {**after["metadata"], "resourceVersion": str(self.revision)},
        }
        shelf = self._shelf(resource)
        if kind != "DELETED":
            shelf.objects[place] = after
        shelf.remember(Change(self.revision, kind, after, before))
        self._written.set()
        self._written = asyncio.Event()
        return after


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386: `patch` laid over `target`; null removes a member, a list replaces the list."""
    if not isinstance(patch, dict):
        return patch
    base = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            base.pop(key, None)
        else:
            base[key] = merged(base.get(key), value)
    return base


def _metadata(body: Object) -> Object:
    """What the writer says about the object, without what only the server sets at creation."""
    metadata = body.get("metadata")
    if not isinstance(metadata, dict):
        raise refusals.bad_request("the object provided has no metadata")
    return metadata


def _generated(metadata: Object) -> str:
    prefix = metadata.get("generateName", "")
    return f"{prefix}{uuid.uuid4().hex[:5]}" if prefix else ""
