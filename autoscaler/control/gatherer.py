"""Everything one decision is made of, read anew: what cannot be had is in the evaluation as a reason.

Adapters are asked only for the metrics a policy has, only while metrics decide, and for all of them at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Protocol

from msgspec.structs import replace

from autoscaler.clock import Clock
from autoscaler.control.followers import Followers
from autoscaler.control.memory import Memory
from autoscaler.core.evaluation import RESOURCE_TYPES, VALUE_TYPES, Evaluation, asks_metrics
from autoscaler.core.requests import Failure
from autoscaler.errors import KubeError, MalformedError
from autoscaler.model.metrics import MetricValue, PodMetrics
from autoscaler.model.objects import ObjectKey, Owner, Pod, Scale
from autoscaler.model.policy import ControllerSettings, MetricSpec, Mode, Policy, TargetRef

Values = Mapping[MetricSpec, Sequence[MetricValue] | Failure]
"""Answers by the metric they were asked for, or why there is none."""


class Targets(Protocol):
    """Pods as they are known here; raises MalformedError for a selector that is none."""

    def pods_matching(self, namespace: str, selector: str) -> Sequence[Pod]: ...


class UsageReader(Protocol):
    """Fresh usage of these pods, in milli-units; a pod without a usable sample is left out.

    `window` in seconds: the mean of so long, or of as long as there is; 0: the latest.
    """

    def pod_metrics(self, namespace: str, pods: Sequence[Pod], window: float = 0.0) -> tuple[PodMetrics, ...]: ...


class ValueReader(Protocol):
    """What custom.metrics.k8s.io or external.metrics.k8s.io answers for one metric of a policy in this namespace.

    `selector` is that of the target's pods. Raises KubeError or MalformedError.
    """

    async def values(self, namespace: str, spec: MetricSpec, selector: str) -> Sequence[MetricValue]: ...


class Owners(Protocol):
    """The controlling owner's uid of each of these controllers, by their uid; raises KubeError."""

    async def of(self, namespace: str, controllers: Iterable[Owner]) -> Mapping[str, str]: ...


class Claims(Protocol):
    """Who else writes the size of a policy's target, by kind and name; `unseen` says why that is not known."""

    @property
    def unseen(self) -> str: ...
    def others(self, policy: Policy) -> Sequence[str]: ...


class Scales(Protocol):
    """The scale subresource of a target, as a watch has it, with `live` as it is now; raises KubeError."""

    async def read(self, namespace: str, target: TargetRef, *, live: bool = False) -> Scale: ...


class Gatherer:
    """Reads for one policy at a time; from then on its pods are followed, if it is their usage that decides.

    `followers` are woken by fresh samples of the pods; `selecting` are all that write by them.
    """

    def __init__(
        self,
        *,
        targets: Targets,
        usage: UsageReader,
        values: ValueReader,
        owners: Owners,
        claims: Claims,
        scales: Scales,
        memory: Memory,
        followers: Followers,
        selecting: Followers,
        settings: ControllerSettings,
        clock: Clock,
    ) -> None:
        self._targets = targets
        self._usage = usage
        self._values = values
        self._owners = owners
        self._claims = claims
        self._scales = scales
        self._memory = memory
        self._followers = followers
        self._selecting = selecting
        self._settings = settings
        self._clock = clock

    async def gathered(self, policy: Policy, *, live: bool = False) -> Evaluation:
        """What the planner reads, with `live` from the target's size now; nothing is raised for what is refused."""
        try:
            scale = await self._scales.read(policy.namespace, policy.target, live=live)
        except KubeError as exc:
            return self._evaluation(policy, None, scale_error=str(exc))
        values: Values = {}
        if scale.selector and asks_metrics(policy, scale, self._settings.compat):
            values = await self._answers(policy, scale.selector)
        try:
            pods = self._targets.pods_matching(policy.namespace, scale.selector) if scale.selector else ()
        except MalformedError:  # the planner looks at the selector itself, and says what is wrong with it
            pods = ()
        by_usage = any(spec.type in RESOURCE_TYPES for spec in policy.metrics)
        names = frozenset(pod.key for pod in pods)
        self._followers.follow(policy.key, names if by_usage else ())
        window = policy.deviations.usage_window or 0.0
        metrics = self._usage.pod_metrics(policy.namespace, pods, window) if by_usage else ()
        owners = await self._owned(policy, pods)
        found = self._evaluation(policy, scale, pods=pods, pod_metrics=metrics, values=values, owners=owners)
        return replace(found, rivals=self._rivals(policy, names, found.claims))

    def _rivals(self, policy: Policy, names: Set[ObjectKey], claims: Sequence[str]) -> Sequence[str]:
        """Policies that select one of these pods through another target; who writes nothing has none."""
        if policy.mode is not Mode.ENFORCE:
            self._selecting.follow(policy.key, ())
            return ()
        self._selecting.follow(policy.key, names)
        others = (f"{policy.kind} {key}" for key in sorted(self._selecting.of(names)) if key != policy.key)
        return [each for each in others if each not in claims]

    async def _owned(self, policy: Policy, pods: Sequence[Pod]) -> Mapping[str, str] | Failure:
        """Asked only of those that want to know."""
        if not policy.deviations.owned_pods_only:
            return {}
        controllers = {pod.owner for pod in pods if pod.owner is not None}
        try:
            return await self._owners.of(policy.namespace, controllers)
        except (KubeError, MalformedError) as exc:
            return Failure(str(exc))

    async def _answers(self, policy: Policy, selector: str) -> Values:
        """One question for each metric, as upstream asks."""
        asked = [spec for spec in dict.fromkeys(policy.metrics) if spec.type in VALUE_TYPES]
        async with asyncio.TaskGroup() as group:
            tasks = {spec: group.create_task(self._answer(policy.namespace, spec, selector)) for spec in asked}
        return {spec: task.result() for spec, task in tasks.items()}

    async def _answer(self, namespace: str, spec: MetricSpec, selector: str) -> Sequence[MetricValue] | Failure:
        try:
            return await self._values.values(namespace, spec, selector)
        except (KubeError, MalformedError) as exc:
            return Failure(str(exc))

    def _evaluation(
        self,
        policy: Policy,
        scale: Scale | None,
        *,
        scale_error: str = "",
        pods: Sequence[Pod] = (),
        pod_metrics: Sequence[PodMetrics] = (),
        values: Values = {},  # noqa: B006 - nobody writes to it
        owners: Mapping[str, str] | Failure = {},  # noqa: B006 - nobody writes to it
    ) -> Evaluation:
        now = round(self._clock.now(), 6)  # the same as a record tells, so that it can be decided again from one
        writes = policy.mode is Mode.ENFORCE
        return Evaluation(
            policy=policy,
            scale=scale,
            scale_error=scale_error,
            pods=pods,
            pod_metrics=pod_metrics,
            values=values,
            owners=owners,
            claims=self._claims.others(policy) if writes else (),
            unseen=self._claims.unseen if writes else "",
            history=self._memory.history(policy),
            now=now,
            settings=self._settings,
            period_start_replicas=self._memory.period_start(policy, scale.replicas) if scale else None,
        )
