"""Custom and external metrics, read through the API server from whatever adapter serves them there.

One GET for each question, nothing is kept. What is over the limit is refused, and only so many questions are under way
at once, whatever policies ask for. A describedObject is looked for in the policy's own namespace only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from autoscaler.clock import Clock
from autoscaler.core import selectors
from autoscaler.errors import KubeError, MalformedError, NotFoundError
from autoscaler.kube import decode_values
from autoscaler.kube.client import KubeClient, segment
from autoscaler.kube.discovery import Discovery, group_of
from autoscaler.model.metrics import MetricValue
from autoscaler.model.policy import MetricSpec, MetricType, TargetRef

CUSTOM = "custom.metrics.k8s.io"
CUSTOM_VERSIONS = ("v1beta2", "v1beta1")
EXTERNAL = "/apis/external.metrics.k8s.io/v1beta1"
MAX_ANSWER = 8 * 1024 * 1024
"""Bytes: about 30,000 pods with one value each."""
QUESTIONS_AT_ONCE = 32


class Adapters:
    """Raises KubeError, which names what is missing, or MalformedError."""

    def __init__(self, client: KubeClient, clock: Clock) -> None:
        self._client = client
        self._discovery = Discovery(client, clock)
        self._slots = asyncio.Semaphore(QUESTIONS_AT_ONCE)

    async def values(self, namespace: str, spec: MetricSpec, selector: str) -> Sequence[MetricValue]:
        """What is answered for a Pods, Object or External metric; `selector` is that of the target's pods."""
        if why := selectors.fault(spec.selector):
            raise MalformedError(f"the metric's selector cannot be used: {why}")
        async with self._slots:
            if spec.type == MetricType.EXTERNAL:
                path = f"{EXTERNAL}/namespaces/{segment(namespace)}/{segment(spec.name)}"
                return await self._get(path, labelSelector=spec.selector)
            prefix = f"{await self._custom()}/namespaces/{segment(namespace)}"
            if spec.type == MetricType.PODS:
                path = f"{prefix}/pods/*/{segment(spec.name)}"
                return await self._get(path, labelSelector=selector, metricLabelSelector=spec.selector)
            path = f"{prefix}/{await self._described(spec.described)}/{segment(spec.name)}"
            return await self._get(path, metricLabelSelector=spec.selector)

    async def _get(self, path: str, **selectors: str) -> Sequence[MetricValue]:
        params = [(name, text) for name, text in selectors.items() if text]
        return decode_values.values(await self._client.get(path, params, limit=MAX_ANSWER))

    async def _custom(self) -> str:
        """The path of the served version that we know, the one its server prefers if possible."""
        try:
            served = await self._discovery.versions(CUSTOM)
        except NotFoundError as exc:
            raise NotFoundError(f"no custom metrics API ({CUSTOM}) registered", status=404, reason="NotFound") from exc
        version = next((each for each in served if each in CUSTOM_VERSIONS), None)
        if version is None:
            raise KubeError(f"{CUSTOM} is served as {', '.join(served)} only, not as {' or '.join(CUSTOM_VERSIONS)}")
        return f"/apis/{CUSTOM}/{version}"

    async def _described(self, described: TargetRef | None) -> str:
        """The object's part of the path; a Namespace is always the policy's own, whatever its name."""
        if described is None:
            raise KubeError("the metric describes no object", reason="Invalid")
        group = group_of(described.api_version)
        if (group, described.kind) == ("", "Namespace"):
            return "metrics"
        return f"{segment(await self._discovery.resource(group, described.kind))}/{segment(described.name)}"
