"""The last decisions about one target or policy, as JSON Lines of CloudEvents: what `kubectl hps why` asks for.

Under the group that the API server sends us anyway, so that anybody's kubectl comes through with its identity:
`get` on `decisions.metrics.k8s.io` in the namespace is the right to it. Discovery does not list it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from autoscaler.api.answer import Answer
from autoscaler.api.call import Call
from autoscaler.api.status import StatusError, bad_request, not_supported
from autoscaler.errors import AutoscalerError
from autoscaler.model.identity import ResourceAttributes

RESOURCE = "decisions"
CONTENT_TYPE = "application/x-ndjson"
USUAL, MOST = 100, 500


class Decisions(Protocol):
    """At most `limit` records, oldest first, of what has this name; may read from a disk, so it runs in a thread.

    Raises AutoscalerError when they cannot be read.
    """

    def latest(self, namespace: str, name: str, limit: int) -> Sequence[bytes]: ...


class NoDecisions:
    """A server without a record."""

    def latest(self, namespace: str, name: str, limit: int) -> Sequence[bytes]:
        """Nothing."""
        return ()


class DecisionPage:
    """Answers the path."""

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions

    async def answer(self, call: Call, asked: ResourceAttributes) -> Answer:
        """The lines, `?limit=` of them. Raises StatusError (400, 404, 405, 503)."""
        if asked.verb != "get":
            raise not_supported(asked)
        limit = call.parameter("limit") or str(USUAL)
        if not (limit.isascii() and limit.isdecimal() and 0 < int(limit[:4]) <= MOST and len(limit) < 4):
            raise bad_request(f"limit must be between 1 and {MOST}")
        try:
            lines = await asyncio.to_thread(self._decisions.latest, asked.namespace, asked.name, int(limit))
        except AutoscalerError as exc:
            raise StatusError(503, "ServiceUnavailable", f"the record cannot be read now: {exc}", {}) from exc
        if not lines:
            raise _unknown(asked)
        return Answer(b"".join(line + b"\n" for line in lines), CONTENT_TYPE)


def _unknown(asked: ResourceAttributes) -> StatusError:
    message = (
        f"no decision about {asked.namespace}/{asked.name} is kept by this replica: a replica has those it made while "
        "it led; the status of the policy tells the last one"
    )
    details: dict[str, object] = {"name": asked.name, "group": asked.group, "kind": RESOURCE}
    return StatusError(404, "NotFound", message, details)
