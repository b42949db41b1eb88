"""Which statuses are worth a write: those that say something new, new metric values alone not at every evaluation."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from autoscaler.clock import Clock
from autoscaler.kube.encode_status import Document
from autoscaler.model.objects import ObjectKey
from autoscaler.model.plan import MetricStatus
from autoscaler.model.status import PolicyStatus

METRICS_SECONDS = 15.0
"""New metric values alone are not written more often: they differ at nearly every evaluation."""


class _Said(Struct, frozen=True):
    """What was not worth a write over the status of `known`: the outline of a status, and its metrics.

    `same`: nor were the metrics new.
    """

    known: object
    outline: PolicyStatus
    metrics: tuple[MetricStatus, ...] | None
    same: bool


class Novelty:
    """Remembers, by policy, when a status was written, and what was not worth it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._written: dict[ObjectKey, float] = {}
        self._said: dict[ObjectKey, _Said] = {}

    def said(self, key: ObjectKey, known: object, status: PolicyStatus) -> bool:
        """Whether it is plain, without a look at what it makes of the status of `known`, that it is not worth a write.

        Nearly every evaluation says what the one before said: then nothing need be merged.
        """
        said = self._said.get(key)
        if said is None or said.known is not known or said.outline != _outline(status):
            return False
        return self._lately(key) or (said.same and said.metrics == status.metrics)

    def worth(self, key: ObjectKey, known: object, status: PolicyStatus, before: Document, after: Document) -> bool:
        """Whether `after`, made of `before` (the status of `known`) and `status`, is to be written.

        The id of a decision that changed nothing is no reason, nor is a history.
        """
        changed = {field for field in before.keys() | after.keys() if before.get(field) != after.get(field)}
        changed -= {"lastDecisionId", "history"}
        if changed and (changed != {"currentMetrics"} or not self._lately(key)):
            return True
        self._said[key] = _Said(known, _outline(status), status.metrics, not changed)
        return False

    def written(self, key: ObjectKey) -> None:
        """A status was taken."""
        self._written[key] = self._clock.monotonic()

    def forget(self, key: ObjectKey) -> None:
        """The policy is gone."""
        self._written.pop(key, None)
        self._said.pop(key, None)

    def _lately(self, key: ObjectKey) -> bool:
        at = self._written.get(key)
        return at is not None and self._clock.monotonic() - at < METRICS_SECONDS


def _outline(status: PolicyStatus) -> PolicyStatus:
    """What of it is worth a write whenever it is new."""
    return replace(status, metrics=None, last_decision="", history=None)
