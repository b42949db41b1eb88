"""HorizontalPodScalers of all namespaces: a cache of what is asked for, and the writer of what came of it.

Without the CRD, or without the right to read it, the cache is empty and `problem` says what helps; the rest of the
program lives on, and it heals by itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Set
from typing import Protocol

import msgspec
from msgspec import Raw, Struct

from autoscaler.clock import Clock
from autoscaler.errors import ConflictError, MalformedError, NotFoundError
from autoscaler.kube import decode_policy, encode_status, journal
from autoscaler.kube.changes import Changes
from autoscaler.kube.client import KubeClient, segment
from autoscaler.kube.encode_status import Document
from autoscaler.kube.events import EventWriter
from autoscaler.kube.novelty import Novelty
from autoscaler.kube.watch import STEADY, Pace, Resource, Watch
from autoscaler.kube.wire import decoder
from autoscaler.model.claim import Claim, Place, place
from autoscaler.model.objects import ObjectKey
from autoscaler.model.plan import EventNote, History
from autoscaler.model.policy import Mode, Policy
from autoscaler.model.status import Pending, PolicyStatus
from autoscaler.telemetry import KubeTelemetry

GROUP, VERSION, PLURAL, KIND = "hpa-companion.dev", "v1alpha1", "horizontalpodscalers", "HorizontalPodScaler"
API_VERSION = f"{GROUP}/{VERSION}"


class Held(decode_policy.Cached, frozen=True):
    """A policy with its whole status as it stands, also what this program does not know of it."""

    status: Document


class _StatusWire(Struct):
    status: Raw = Raw(b"null")


_whole = decoder(_StatusWire)
_status = decoder(dict[str, object])


def held(data: bytes | Raw) -> Held:
    """A HorizontalPodScaler; one that cannot be read (stored before a rule of the definition, or past a lenient one)
    says so, for its owner to be told on its own status. MalformedError when it cannot even be named.
    """
    try:
        policy = decode_policy.policy(data, KIND)
    except MalformedError as exc:
        policy = decode_policy.unreadable(data, KIND, str(exc))
    return Held(policy, _document(_whole(data).status))


def _document(status: Raw) -> Document:
    """A status that is none is empty: somebody else wrote it."""
    try:
        return _status(status)
    except MalformedError:
        return {}


RESOURCE = Resource(
    f"{PLURAL}.{GROUP}",
    f"/apis/{API_VERSION}/{PLURAL}",
    held,
    remedy="install the CustomResourceDefinition of HorizontalPodScaler (it comes with the Helm chart)",
)


class PolicyCache:
    """Policies by name; `run` keeps them current."""

    def __init__(self, client: KubeClient, *, clock: Clock, telemetry: KubeTelemetry, pace: Pace = STEADY) -> None:
        self._policies: dict[ObjectKey, Policy] = {}
        self._claims: dict[Place, set[Claim]] = {}
        self._changes: Changes[ObjectKey] = Changes()
        self._watch = Watch(client, RESOURCE, self._changed, clock=clock, telemetry=telemetry, pace=pace)

    async def run(self) -> None:
        """Watch, for ever."""
        await self._watch.run()

    @property
    def synced(self) -> bool:
        """Whether the list was complete once."""
        return self._watch.synced

    @property
    def problem(self) -> str:
        """What is missing and how to help it, "" when nothing is."""
        return self._watch.problem

    async def wait_synced(self) -> None:
        """Return once the list was complete."""
        await self._watch.wait_synced()

    def policies(self) -> Mapping[ObjectKey, Policy]:
        """All policies; a live view."""
        return self._policies

    def policy_changes(self) -> AsyncIterator[ObjectKey]:
        """Names of policies that were added or went, or whose spec or rivals changed, from this call on."""
        return self._changes.listen()

    def claiming(self, where: Place) -> Set[Claim]:
        """The policies that write the size of this target."""
        return self._claims.get(where, frozenset())

    def _reclaim(self, old: Held | None, new: Held | None) -> None:
        """Who claims the same target hears of it: the policy is no longer alone there, or is again."""
        before, after = _claimed(old), _claimed(new)
        if before == after:
            return
        if before is not None:
            self._claims[before[0]].discard(before[1])
        if after is not None:
            self._claims.setdefault(after[0], set()).add(after[1])
        for changed in (each for each in (before, after) if each is not None):
            for claim in self._claims.get(changed[0], ()):
                self._changes.told(ObjectKey(claim.namespace, claim.name))
        if before is not None and not self._claims[before[0]]:
            del self._claims[before[0]]

    def held(self, key: ObjectKey) -> Held | None:
        """The policy with its status, or None."""
        return self._watch.items.get((key.namespace, key.name))

    def learn(self, written: Held) -> None:
        """Take what a write of our own was answered."""
        key = written.policy.key
        self._watch.learn((key.namespace, key.name), written)

    def _changed(self, old: Held | None, new: Held | None) -> None:
        """A status alone is our own echo."""
        self._reclaim(old, new)
        if new is not None:
            self._policies[new.policy.key] = new.policy
            if old is None or (old.uid, old.policy.generation) != (new.uid, new.policy.generation):
                self._changes.told(new.policy.key)
        elif old is not None:
            del self._policies[old.policy.key]
            self._changes.told(old.policy.key)


def _claimed(found: Held | None) -> tuple[Place, Claim] | None:
    """What a policy claims; a shadow claims nothing."""
    if found is None or found.policy.mode is not Mode.ENFORCE:
        return None
    policy = found.policy
    return place(policy.namespace, policy.target), Claim(KIND, policy.namespace, policy.name)


class HeldPolicies(Protocol):
    """What is known of a policy's status, to be told what our own writes left; `PolicyCache`."""

    def held(self, key: ObjectKey) -> Held | None: ...
    def learn(self, written: Held) -> None: ...


class PolicyClient:
    """Tells a policy's owner what came of it: status by compare-and-swap, and Events."""

    def __init__(self, client: KubeClient, cache: HeldPolicies, events: EventWriter, clock: Clock) -> None:
        self._client = client
        self._cache = cache
        self._events = events
        self._clock = clock
        self._novelty = Novelty(clock)

    async def event(self, policy: Policy, note: EventNote) -> None:
        """Offer an Event about the policy; returns at once, nothing comes of a failure."""
        self._events.offer(policy, API_VERSION, note)

    def pending(self, policy: Policy) -> Pending | None:
        """The decision that stands in the status without its end."""
        return journal.pending(self._status(policy))

    def history(self, policy: Policy) -> History | None:
        """What the status keeps of earlier evaluations."""
        return journal.history(self._status(policy))

    def _status(self, policy: Policy) -> Document:
        try:
            return self._known(policy).status
        except NotFoundError:
            return {}

    async def write(self, policy: Policy, status: PolicyStatus) -> None:
        """Bring the status up to date; nothing is sent when it says the same. Raises KubeError.

        NotFoundError when the policy is gone or replaced; a conflict is resolved once, by reading again.
        """
        known = self._known(policy)
        try:
            await self._put(policy, known, status)
        except ConflictError:
            fresh = held(await self._client.get(_path(policy.key)))
            await self._put(policy, _same(policy, fresh), status)

    async def _put(self, policy: Policy, known: Held, status: PolicyStatus) -> None:
        if self._novelty.said(policy.key, known, status):
            return
        kept = journal.merged(known.status, status)
        made = encode_status.merged(kept, status, self._clock.now())
        if not self._novelty.worth(policy.key, known, status, known.status, made):
            return
        body = msgspec.json.encode(
            {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "metadata": {
                    "name": policy.name,
                    "namespace": policy.namespace,
                    "uid": known.uid,
                    "resourceVersion": known.resource_version,
                },
                "spec": {},
                "status": made,
            }
        )
        answer = held(await self._client.put(f"{_path(policy.key)}/status", body))
        self._novelty.written(policy.key)
        self._cache.learn(answer)

    def _known(self, policy: Policy) -> Held:
        """The newest state we know: what the watch told, or our own write was answered."""
        found = self._cache.held(policy.key)
        if found is None:
            self._novelty.forget(policy.key)
            self._events.forget(policy.key)
            raise NotFoundError(f"{KIND} {policy.key} is gone", status=404)
        return _same(policy, found)


def _same(policy: Policy, found: Held) -> Held:
    """`found`, if it is the policy that was evaluated."""
    if found.uid != policy.uid:
        raise NotFoundError(f"{KIND} {policy.key} was replaced by another of its name", status=404)
    return found


def _path(key: ObjectKey) -> str:
    return f"/apis/{API_VERSION}/namespaces/{segment(key.namespace)}/{PLURAL}/{segment(key.name)}"
