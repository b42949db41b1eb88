"""Everything one decision is made of, gathered beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from autoscaler.core import selectors
from autoscaler.core.conditions import TO_ZERO, holds
from autoscaler.core.requests import Failure
from autoscaler.core.totals import Tolerance
from autoscaler.errors import MalformedError
from autoscaler.model.compat import Compat
from autoscaler.model.metrics import MetricValue, PodMetrics
from autoscaler.model.objects import Pod, Scale
from autoscaler.model.plan import History, Stage
from autoscaler.model.policy import Condition, ControllerSettings, MetricSpec, MetricType, Policy
from autoscaler.model.reason import Reason

RESOURCE_TYPES = (MetricType.RESOURCE, MetricType.CONTAINER_RESOURCE)
"""Metrics made of the usage of pods."""
VALUE_TYPES = (MetricType.PODS, MetricType.OBJECT, MetricType.EXTERNAL)
"""Metrics whose values somebody else's API tells."""


class Evaluation(Struct, frozen=True, kw_only=True):
    """Input of `planner.plan`.

    `scale` None: its GET failed, `scale_error` says how. `pods` may be more than the selector's, it is applied here.
    `pod_metrics` is the answer of metrics.k8s.io for the selector; None: unavailable, `unavailable` says why.
    `values` are the answers of custom.metrics.k8s.io and external.metrics.k8s.io by the metric they were asked for, or
    why there is none; one that is absent was answered with 404.
    `period_start_replicas` is the size at the start of the sync period, for passes that come faster than one per
    period; None: the current one. `rivals` are other policies of the namespace whose selectors match one of the pods:
    nobody scales what two policies claim (AmbiguousSelector). `owners` is the controlling owner of each controller of
    a pod, both by uid, or why it could not be read; only `ownedPodsOnly` needs it. `claims` are others that scale the
    target, by kind and name; `unseen` says why that is not known. `now` is in seconds since 1970.
    """

    policy: Policy
    scale: Scale | None
    scale_error: str = ""
    pods: Sequence[Pod] = ()
    pod_metrics: Sequence[PodMetrics] | None = None
    unavailable: str = ""
    values: Mapping[MetricSpec, Sequence[MetricValue] | Failure] = {}
    history: History = History()
    now: float
    settings: ControllerSettings = ControllerSettings()
    period_start_replicas: int | None = None
    rivals: Sequence[str] = ()
    owners: Mapping[str, str] | Failure = {}
    claims: Sequence[str] = ()
    unseen: str = ""

    @property
    def tolerance(self) -> Tolerance:
        """The policy's own in each direction where it has one, else the controller's."""
        return tolerance_of(self.policy, self.settings)

    @property
    def oldest_sample(self) -> float | None:
        """When the oldest of the samples and values was taken, as far as they say; None when none does."""
        answers = [each for each in self.values.values() if not isinstance(each, Failure)]
        times = [value.at for values in answers for value in values if value.at > 0]
        times += [sample.at for sample in self.pod_metrics or ()]
        return min(times, default=None)


def tolerance_of(policy: Policy, settings: ControllerSettings) -> Tolerance:
    """The policy's own in each direction where it has one and the release heeds it, else the controller's."""
    default, behavior = settings.tolerance, policy.behavior
    if behavior is None or not settings.compat.configurable_tolerance:
        return Tolerance(default, default)
    down, up = behavior.down.tolerance, behavior.up.tolerance
    return Tolerance(default if down is None else down, default if up is None else up)


def reference(policy: Policy) -> str:
    """The target in messages: `Deployment/shop/web`."""
    return f"{policy.target.kind}/{policy.namespace}/{policy.target.name}"


def wakes_by_itself(policy: Policy) -> bool:
    """Whether one of its metrics has a number while there is no pod."""
    return any(each.type in (MetricType.OBJECT, MetricType.EXTERNAL) for each in policy.metrics)


def may_wake(policy: Policy, compat: Compat) -> bool:
    """At 0 replicas metrics are asked only if it was us who scaled to 0 (`shouldComputeMetricsForZeroReplicas`)."""
    if not compat.scale_to_zero or not holds(policy.conditions, TO_ZERO):
        return False
    return policy.min_replicas != 0 or wakes_by_itself(policy)


def asks_metrics(policy: Policy, scale: Scale, compat: Compat) -> bool:
    """Whether metrics decide at this size: outside the bounds, or while scaling is off at 0, nobody needs them."""
    if scale.replicas == 0:
        return may_wake(policy, compat)
    return policy.min_replicas <= scale.replicas <= policy.max_replicas


class Refusal(Struct, frozen=True):
    """Why a selector is of no use: the condition's reason, and the event that says so."""

    reason: Reason
    event: str
    message: str


def selected_pods(evaluation: Evaluation, scale: Scale) -> Sequence[Pod] | Refusal:
    """The pods that count: all with the labels, whoever owns them, unless the policy wants to know."""
    if not scale.selector:
        return Refusal(Reason.INVALID_SELECTOR, "SelectorRequired", "selector is required: the target's scale has none")
    try:
        matches = selectors.parse(scale.selector).matches
    except MalformedError as exc:
        return Refusal(
            Reason.INVALID_SELECTOR, "InvalidSelector", f"the selector of the target's scale is unusable: {exc}"
        )
    if evaluation.rivals:
        message = (
            f"pods by selector {scale.selector} are controlled by more than one policy: {evaluation.rivals[0]} too"
        )
        return Refusal(Reason.AMBIGUOUS_SELECTOR, "AmbiguousSelector", message)
    if evaluation.policy.deviations.owned_pods_only and isinstance(evaluation.owners, Failure):
        message = f"the owners of the target's pods could not be read: {evaluation.owners.message}"
        return Refusal(Reason.FAILED_GET_OWNERS, "FailedGetOwners", message)
    namespace = evaluation.policy.namespace
    return [pod for pod in evaluation.pods if pod.namespace == namespace and matches(pod.labels)]


class Prepared(Struct, frozen=True):
    """What a step before the arithmetic answers: a changed input, and the stage that tells what was changed."""

    evaluation: Evaluation
    stage: Stage


class Corrected(Struct, frozen=True, kw_only=True):
    """What a step after it answers: a changed number with its stage, word and sentence, and perhaps a condition."""

    replicas: int
    stage: Stage
    reason: Reason
    why: str
    condition: Condition | None = None
