"""Everything one decision is made of, gathered beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from autoscaler.core.replicas import Tolerance
from autoscaler.model.metrics import MetricValue, PodMetrics
from autoscaler.model.objects import Pod, Scale
from autoscaler.model.plan import History
from autoscaler.model.policy import ControllerSettings, Policy


class Evaluation(Struct, frozen=True, kw_only=True):
    """Input of `planner.plan`.

    `scale` None: its GET failed, `scale_error` says how. `pods` may be more than the selector's, it is applied here.
    `pod_metrics` is the answer of metrics.k8s.io for the selector; None: unavailable, `unavailable` says why.
    `custom` and `external` are answers by metric name; a name that is absent was answered with 404.
    `period_start_replicas` is the size at the start of the sync period, for passes that come faster than one per
    period; None: the current one. `now` is in seconds since 1970.
    """

    policy: Policy
    scale: Scale | None
    scale_error: str = ""
    pods: Sequence[Pod] = ()
    pod_metrics: Sequence[PodMetrics] | None = None
    unavailable: str = ""
    custom: Mapping[str, Sequence[MetricValue]] = {}
    external: Mapping[str, Sequence[MetricValue]] = {}
    history: History = History()
    now: float
    settings: ControllerSettings = ControllerSettings()
    period_start_replicas: int | None = None

    @property
    def tolerance(self) -> Tolerance:
        """The policy's own in each direction where it has one, else the controller's."""
        default, behavior = self.settings.tolerance, self.policy.behavior
        if behavior is None:
            return Tolerance(default, default)
        down, up = behavior.down.tolerance, behavior.up.tolerance
        return Tolerance(default if down is None else down, default if up is None else up)
