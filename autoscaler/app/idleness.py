"""Says in the log that there is nothing to decide: once all policies are known, and when the last one goes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import structlog

from autoscaler.model.objects import ObjectKey

log = structlog.get_logger(__name__)


class Policies(Protocol):
    """`kube.policies.PolicyCache`."""

    async def wait_synced(self) -> None: ...
    def policies(self) -> Mapping[ObjectKey, object]: ...
    def policy_changes(self) -> AsyncIterator[ObjectKey]: ...


async def tell_idleness(policies: Policies) -> None:
    """For ever; a line each time there comes to be none, and none before it is known."""
    changes = policies.policy_changes()
    await policies.wait_synced()
    known = bool(policies.policies())
    if not known:
        log.info("No HorizontalPodScaler yet: nothing to decide")
    async for _ in changes:
        before, known = known, bool(policies.policies())
        if before and not known:
            log.info("No HorizontalPodScaler any more: nothing to decide")
