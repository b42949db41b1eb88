"""A policy's own periods: how long a pod counts as starting, one doubling lasts, usage is averaged."""

from __future__ import annotations

from msgspec.structs import replace

from autoscaler.core.evaluation import Evaluation, Prepared
from autoscaler.model.plan import Overridden


def own_windows(evaluation: Evaluation) -> Prepared | None:
    """The policy's periods in place of the program's; sync period and window were heeded when it was gathered."""
    wanted, settings = evaluation.policy.deviations, evaluation.settings
    cpu, delay = wanted.cpu_initialization, wanted.initial_readiness_delay
    stage = Overridden(
        cpu_initialization=None if cpu == settings.cpu_initialization else cpu,
        initial_readiness_delay=None if delay == settings.initial_readiness_delay else delay,
        sync_period=wanted.sync_period,
        usage_window=wanted.usage_window,
    )
    if stage == Overridden():
        return None
    own = replace(
        settings,
        cpu_initialization=settings.cpu_initialization if cpu is None else cpu,
        initial_readiness_delay=settings.initial_readiness_delay if delay is None else delay,
    )
    return Prepared(replace(evaluation, settings=own), stage)
