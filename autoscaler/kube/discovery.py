"""Where objects of a kind and their scale live: (group, kind) to version and plural name, as the API server lists them.

The version a target names is not used, as in the HPA: every version that serves the kind is a candidate, the group's
preferred one first.
"""

from __future__ import annotations

from msgspec import Struct

from autoscaler.clock import Clock
from autoscaler.errors import KubeError, NotFoundError
from autoscaler.kube.client import KubeClient, segment
from autoscaler.kube.wire import decoder

KEPT_SECONDS = 300.0


class Place(Struct, frozen=True):
    """One place to look."""

    prefix: str
    """/apis/<group>/<version>, or /api/v1."""
    plural: str


KNOWN = {
    ("apps", "Deployment"): (Place("/apis/apps/v1", "deployments"),),
    ("apps", "StatefulSet"): (Place("/apis/apps/v1", "statefulsets"),),
    ("apps", "ReplicaSet"): (Place("/apis/apps/v1", "replicasets"),),
    ("", "ReplicationController"): (Place("/api/v1", "replicationcontrollers"),),
}
"""Part of every cluster: these go on when discovery is broken (docs/faults.md S24)."""


class _VersionWire(Struct):
    version: str


class _GroupWire(Struct, rename="camel"):
    versions: list[_VersionWire] | None = None
    preferred_version: _VersionWire | None = None


class _ResourceWire(Struct):
    name: str = ""
    kind: str = ""


class _ResourcesWire(Struct):
    resources: list[_ResourceWire] | None = None


_group = decoder(_GroupWire)
_resources = decoder(_ResourcesWire)


class _Served(Struct, frozen=True):
    """Where a kind is, and where it has a scale."""

    places: tuple[Place, ...]
    scalable: tuple[Place, ...]


class Discovery:
    """Asks once per kind or group and remembers for five minutes what was found."""

    def __init__(self, client: KubeClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._kinds: dict[tuple[str, str], tuple[_Served, float]] = {}
        self._groups: dict[str, tuple[tuple[str, ...], float]] = {}

    async def scalable(self, group: str, kind: str) -> tuple[Place, ...]:
        """Where objects of this kind and their scale are, at least one place; NotFoundError, or another KubeError."""
        if known := KNOWN.get((group, kind)):
            return known
        found = (await self._served(group, kind)).scalable
        if not found:
            del self._kinds[group, kind]  # it may be given one any minute
            raise NotFoundError(f"{_named(group, kind)} has no scale subresource", status=404, reason="NotFound")
        return found

    async def resource(self, group: str, kind: str) -> str:
        """`ingresses.networking.k8s.io` of a group and a kind, `pods` in the core group; KubeError."""
        known = KNOWN.get((group, kind)) or (await self._served(group, kind)).places
        return f"{known[0].plural}.{group}" if group else known[0].plural

    async def versions(self, group: str) -> tuple[str, ...]:
        """Versions of a group, the preferred one first; NotFoundError when nobody serves it, or another KubeError."""
        now = self._clock.monotonic()
        found, until = self._groups.get(group, ((), 0.0))
        if now >= until:
            found = await self._listed(group)
            self._groups[group] = (found, now + KEPT_SECONDS)
        return found

    async def _served(self, group: str, kind: str) -> _Served:
        now = self._clock.monotonic()
        found, until = self._kinds.get((group, kind), (_Served((), ()), 0.0))
        if now >= until:
            found = await self._ask(group, kind)
            self._kinds[group, kind] = (found, now + KEPT_SECONDS)
        return found

    async def _ask(self, group: str, kind: str) -> _Served:
        places: list[Place] = []
        scalable: list[Place] = []
        for version in ("v1",) if not group else await self._listed(group):
            prefix = f"/apis/{group}/{segment(version)}" if group else "/api/v1"
            served = _resources(await self._client.get(prefix)).resources or []
            names = {each.name for each in served}
            here = [Place(prefix, each.name) for each in served if each.kind == kind and "/" not in each.name]
            places += here
            scalable += [each for each in here if f"{each.plural}/scale" in names]
        if not places:
            raise NotFoundError(f"no matches for {_named(group, kind)}", status=404, reason="NotFound")
        return _Served(tuple(places), tuple(scalable))

    async def _listed(self, group: str) -> tuple[str, ...]:
        wire = _group(await self._client.get(f"/apis/{segment(group)}"))
        listed = [each.version for each in wire.versions or ()]
        preferred = wire.preferred_version.version if wire.preferred_version is not None else ""
        return tuple(sorted(listed, key=lambda each: each != preferred))


def _named(group: str, kind: str) -> str:
    return f"kind {kind!r} of API group {group!r}"


def group_of(api_version: str) -> str:
    """`apps` of `apps/v1`, "" of `v1`; KubeError for more than one slash (the HPA's parse error)."""
    if api_version.count("/") > 1:
        raise KubeError(f"unexpected GroupVersion string: {api_version}", reason="Invalid")
    return api_version.partition("/")[0] if "/" in api_version else ""
