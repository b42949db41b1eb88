"""Kubernetes Events (events.k8s.io/v1) of policies, rivals, nodes and APIServices: never in the way or fatal.

The limits are client-go's (tools/record/events_cache.go): 25 at once for one object, then one every five minutes. A
warning in the same words is not repeated within the hour that an Event lives.
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Mapping
from typing import Protocol

import msgspec
import structlog

from autoscaler.clock import Clock
from autoscaler.errors import KubeError
from autoscaler.kube.client import KubeClient, segment
from autoscaler.model.instant import micro_text
from autoscaler.model.objects import Node, ObjectKey
from autoscaler.model.plan import EventNote
from autoscaler.model.policy import Policy

log = structlog.get_logger(__name__)

CONTROLLER = "hpa-companion.dev/autoscaler"
BURST = 25
REFILL_SECONDS = 300.0
REPEAT_SECONDS = 3600.0
QUEUE = 1000
NOTE = 1024
"""The longest note the API server takes."""


class Allowance:
    """What may still be said about one object: a token bucket, and the warnings said last."""

    def __init__(self, now: float) -> None:
        self._tokens = float(BURST)
        self._at = now
        self._warnings: dict[str, tuple[str, float]] = {}
        """By reason: the words, and when."""

    def grants(self, note: EventNote, now: float) -> bool:
        """Whether this note may be sent now; asking counts as sending."""
        if note.type != "Normal":
            message, at = self._warnings.get(note.reason, ("", 0.0))
            if message == note.message and now - at < REPEAT_SECONDS:
                return False
        self._tokens = min(BURST, self._tokens + (now - self._at) / REFILL_SECONDS)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        self._warnings[note.reason] = (note.message, now)
        return True


class Calm(Protocol):
    """Returns when nobody waits for the API server who comes first, and after a while in any case."""

    async def calm(self) -> None: ...


class EventWriter:
    """`offer` returns at once, `run` sends when it is calm, or half of what may wait does; what does not fit or is
    refused is dropped, with one log line.
    """

    def __init__(self, client: KubeClient, clock: Clock, instance: str, calm: Calm) -> None:
        self._client = client
        self._clock = clock
        self._instance = instance
        self._calm = calm
        self._numbers = itertools.count(uuid.uuid4().int % 2**64)
        self._allowances: dict[ObjectKey, Allowance] = {}
        self._queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(QUEUE)
        self._failing = False

    @property
    def waiting(self) -> int:
        """Notes not yet sent."""
        return self._queue.qsize()

    def offer(self, policy: Policy, api_version: str, note: EventNote) -> None:
        """Say it of a policy, if that is new and there is room."""
        regarding = {
            "apiVersion": api_version,
            "kind": policy.kind,
            "namespace": policy.namespace,
            "name": policy.name,
            "uid": policy.uid,
            "resourceVersion": policy.resource_version,
        }
        self._offer(policy.key, policy.namespace, "Scale", regarding, note)

    def warn(self, node: Node, reason: str, message: str) -> None:
        """Say it of a node, if that is new and there is room. Events of what has no namespace live in `default`."""
        regarding = {"apiVersion": "v1", "kind": "Node", "name": node.name, "uid": node.uid}
        self._offer(ObjectKey("", node.name), "default", "Scrape", regarding, EventNote("Warning", reason, message))

    def warn_of_service(self, name: str, uid: str, reason: str, message: str) -> None:
        """The same of an APIService, whose `uid` is "" when that is not known."""
        regarding = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "name": name}
        told = regarding | ({"uid": uid} if uid else {})
        self._offer(ObjectKey("", name), "default", "Register", told, EventNote("Warning", reason, message))

    def warn_of_rival(self, regarding: Mapping[str, str], message: str) -> None:
        """The same of an object that scales what a policy scales too: `regarding` names it, with its namespace."""
        key = ObjectKey(regarding["namespace"], f"{regarding['kind']}/{regarding['name']}")
        self._offer(key, key.namespace, "Scale", regarding, EventNote("Warning", "ClaimedTwice", message))

    def _offer(
        self, key: ObjectKey, namespace: str, action: str, regarding: Mapping[str, str], note: EventNote
    ) -> None:
        now = self._clock.monotonic()
        allowance = self._allowances.setdefault(key, Allowance(now))
        if allowance.grants(note, now) and not self._queue.full():
            self._queue.put_nowait((namespace, self._document(namespace, action, regarding, note)))

    def forget(self, key: ObjectKey) -> None:
        """The policy is gone."""
        self._allowances.pop(key, None)

    async def run(self) -> None:
        """Send what is offered, for ever."""
        while True:
            namespace, body = await self._queue.get()
            if self.waiting < QUEUE // 2:
                await self._calm.calm()
            try:
                await self._client.post(f"/apis/events.k8s.io/v1/namespaces/{segment(namespace)}/events", body)
                self._failing = False
            except KubeError as exc:
                if not self._failing:
                    log.warning("Dropped an event", namespace=namespace, err=str(exc))
                self._failing = True

    def _document(self, namespace: str, action: str, regarding: Mapping[str, str], note: EventNote) -> bytes:
        name = f"{regarding['name'][:200].rstrip('.-')}.{next(self._numbers) % 2**64:016x}"
        return msgspec.json.encode(
            {
                "apiVersion": "events.k8s.io/v1",
                "kind": "Event",
                "metadata": {"name": name, "namespace": namespace},
                "eventTime": micro_text(self._clock.now()),
                "reportingController": CONTROLLER,
                "reportingInstance": self._instance[:128],
                "action": action,
                "type": note.type,
                "reason": note.reason,
                "note": note.message if len(note.message) <= NOTE else f"{note.message[: NOTE - 1]}…",
                "regarding": regarding,
            }
        )
