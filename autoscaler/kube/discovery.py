"""Where the scale subresource of a kind lives: (group, kind) to version and plural name, as the API server lists them.

The version a target names is not used, as in the HPA (hpa.md §5.4): every version that serves the kind is a candidate,
the group's preferred one first.
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
"""Part of every cluster: these go on when discovery is broken (operations.md S24)."""


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


class Discovery:
    """Asks once per kind and remembers for five minutes."""

    def __init__(self, client: KubeClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._found: dict[tuple[str, str], tuple[tuple[Place, ...], float]] = {}

    async def scalable(self, group: str, kind: str) -> tuple[Place, ...]:
        """Where objects of this kind and their scale are, at least one place; NotFoundError, or another KubeError."""
        if known := KNOWN.get((group, kind)):
            return known
        now = self._clock.monotonic()
        found, until = self._found.get((group, kind), ((), 0.0))
        if now >= until:
            found = await self._ask(group, kind)
            self._found[group, kind] = (found, now + KEPT_SECONDS)
        return found

    async def _ask(self, group: str, kind: str) -> tuple[Place, ...]:
        places: list[Place] = []
        scalable: list[Place] = []
        for prefix in await self._prefixes(group):
            served = _resources(await self._client.get(prefix)).resources or []
            names = {each.name for each in served}
            here = [Place(prefix, each.name) for each in served if each.kind == kind and "/" not in each.name]
            places += here
            scalable += [each for each in here if f"{each.plural}/scale" in names]
        if scalable:
            return tuple(scalable)
        what = f"kind {kind!r} of API group {group!r}"
        if places:
            raise NotFoundError(f"{what} has no scale subresource", status=404, reason="NotFound")
        raise NotFoundError(f"no matches for {what}", status=404, reason="NotFound")

    async def _prefixes(self, group: str) -> list[str]:
        if not group:
            return ["/api/v1"]
        wire = _group(await self._client.get(f"/apis/{segment(group)}"))
        listed = [each.version for each in wire.versions or ()]
        preferred = wire.preferred_version.version if wire.preferred_version is not None else ""
        return [f"/apis/{group}/{segment(each)}" for each in sorted(listed, key=lambda each: each != preferred)]


def group_of(api_version: str) -> str:
    """`apps` of `apps/v1`, "" of `v1`; KubeError for more than one slash (the HPA's parse error)."""
    if api_version.count("/") > 1:
        raise KubeError(f"unexpected GroupVersion string: {api_version}", reason="Invalid")
    return api_version.partition("/")[0] if "/" in api_version else ""
