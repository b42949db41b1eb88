"""Everything one decision is made of, read anew: what cannot be had is in the evaluation as a reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from autoscaler.clock import Clock
from autoscaler.control.followers import Followers
from autoscaler.control.memory import Memory
from autoscaler.core.evaluation import Evaluation
from autoscaler.errors import KubeError, MalformedError
from autoscaler.model.metrics import PodMetrics
from autoscaler.model.objects import Pod, Scale
from autoscaler.model.policy import ControllerSettings, Policy, TargetRef


class Targets(Protocol):
    """Pods as they are known here; raises MalformedError for a selector that is none."""

    def pods_matching(self, namespace: str, selector: str) -> Sequence[Pod]: ...


class UsageReader(Protocol):
    """Fresh usage of these pods, in milli-units; a pod without a usable sample is left out."""

    def pod_metrics(self, namespace: str, pods: Sequence[Pod]) -> tuple[PodMetrics, ...]: ...


class Scales(Protocol):
    """The scale subresource of a target; raises KubeError."""

    async def read(self, namespace: str, target: TargetRef) -> Scale: ...


class Gatherer:
    """Reads for one policy at a time; from then on its pods are followed."""

    def __init__(
        self,
        *,
        targets: Targets,
        usage: UsageReader,
        scales: Scales,
        memory: Memory,
        followers: Followers,
        settings: ControllerSettings,
        clock: Clock,
    ) -> None:
        self._targets = targets
        self._usage = usage
        self._scales = scales
        self._memory = memory
        self._followers = followers
        self._settings = settings
        self._clock = clock

    async def gathered(self, policy: Policy) -> Evaluation:
        """What the planner reads; nothing is raised for what the API server refuses."""
        try:
            scale = await self._scales.read(policy.namespace, policy.target)
        except KubeError as exc:
            return self._evaluation(policy, None, scale_error=str(exc))
        try:
            pods = self._targets.pods_matching(policy.namespace, scale.selector) if scale.selector else ()
        except MalformedError:  # the planner looks at the selector itself, and says what is wrong with it
            pods = ()
        self._followers.follow(policy.key, (pod.key for pod in pods))
        metrics = self._usage.pod_metrics(policy.namespace, pods)
        return self._evaluation(policy, scale, pods=pods, pod_metrics=metrics)

    def _evaluation(
        self,
        policy: Policy,
        scale: Scale | None,
        *,
        scale_error: str = "",
        pods: Sequence[Pod] = (),
        pod_metrics: Sequence[PodMetrics] = (),
    ) -> Evaluation:
        now = self._clock.now()
        return Evaluation(
            policy=policy,
            scale=scale,
            scale_error=scale_error,
            pods=pods,
            pod_metrics=pod_metrics,
            history=self._memory.history(policy),
            now=now,
            settings=self._settings,
            period_start_replicas=self._memory.period_start(policy, scale.replicas, now) if scale else None,
        )
