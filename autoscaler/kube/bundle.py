"""A bundle: one whole evaluation as a line of JSON, made of Kubernetes objects, and the line that answers it.

The shape is that of docs/plan.md. What a bundle leaves out has the meaning it has in a cluster: no
`scale` is a GET that found nothing, no `podMetrics` an API that is unavailable, a metric not listed a 404.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from autoscaler.core import conditions, planner
from autoscaler.core.planner import Evaluation
from autoscaler.errors import MalformedError
from autoscaler.kube import decode, decode_policy, decode_values, encode_status
from autoscaler.kube.decode_values import ValuesWire
from autoscaler.kube.encode_status import Document
from autoscaler.kube.wire import Amounts, OwnedWire, decoder
from autoscaler.model.compat import RELEASES, Compat
from autoscaler.model.decision import Outcome
from autoscaler.model.instant import parse_instant
from autoscaler.model.metrics import MetricValue, PodMetrics
from autoscaler.model.objects import Milli, Scale
from autoscaler.model.plan import Action, History, Plan, Recommendation, ScaleEvent, Stage
from autoscaler.model.policy import ControllerSettings, MetricSpec, MetricType, Mode, Policy

Part = TypeVar("Part")


class _Settings(Struct, gc=False, frozen=True, rename="camel"):
    tolerance: float = 0.1
    downscale_stabilization_seconds: float = 300.0
    cpu_initialization_period_seconds: float = 300.0
    initial_readiness_delay_seconds: float = 30.0
    compat: str | dict[str, bool] | None = None


class _Pods(Struct, gc=False, frozen=True):
    items: list[Raw] | None = None


class _Name(Struct, gc=False, frozen=True):
    name: str = ""


class _Container(Struct, gc=False):
    name: str = ""
    usage: Amounts | None = None


class _PodMetrics(Struct, gc=False):
    metadata: _Name
    timestamp: str | None = None
    window: str = "0s"
    containers: list[_Container] | None = None


class _PodMetricsList(Struct, gc=False):
    items: list[_PodMetrics] | None = None


class _Metric(Struct, gc=False):
    metric: str
    list: ValuesWire = ValuesWire()


class _Recommendation(Struct, gc=False):
    replicas: int
    time: str


class _Event(Struct, gc=False):
    change: int
    time: str


class _History(Struct, gc=False, frozen=True, rename="camel"):
    recommendations: list[_Recommendation] | None = None
    scale_ups: list[_Event] | None = None
    scale_downs: list[_Event] | None = None


class _Status(Struct, gc=False, rename="camel"):
    current_replicas: int | None = None
    current_metrics: list[dict[str, object]] | None = None


class _Held(Struct, gc=False):
    status: _Status | None = None


class _Bundle(Struct, gc=False, rename="camel"):
    policy: Raw
    now: str
    id: str = ""
    settings: _Settings = _Settings()
    scale: Raw = Raw(b"null")
    pods: _Pods = _Pods()
    replica_sets: _Pods = _Pods()
    pod_metrics: _PodMetricsList | None = None
    custom_metrics: list[_Metric] | None = None
    external_metrics: list[_Metric] | None = None
    history: _History = _History()


_SWITCHES = tuple(name for name in Compat.__struct_fields__ if name != "release")
_bundle = decoder(_Bundle)
_held = decoder(_Held)
_owned = decoder(OwnedWire)


class Bundle(Struct, frozen=True):
    """A bundle as read; `current` and `metrics` are what the policy's status said before."""

    id: str
    evaluation: Evaluation
    current: int | None
    metrics: Sequence[Document] | None


class Result(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What would have been done; `write` None writes nothing. Histories are the numbers stored, in slot order.

    `outcome` is told only of a number that Shadow keeps from being written.
    """

    id: str
    write: int | None
    outcome: str = ""
    status: Document
    events: tuple[str, ...] = ()
    error: str = ""
    recommendations: tuple[int, ...] = ()
    scale_ups: tuple[int, ...] = ()
    scale_downs: tuple[int, ...] = ()
    stages: tuple[Stage, ...] = ()


encoded = msgspec.json.Encoder().encode
"""A result as a line of JSON, without the line's end."""


def read(line: bytes, compat: Compat = Compat()) -> Bundle:  # noqa: B008 - a frozen value
    """A bundle from its line; `compat` is for one that names no release. MalformedError, which names the field."""
    wire = _bundle(line)
    status = _part("policy", _held, wire.policy).status or _Status()
    policy = _part("policy", decode_policy.policy, wire.policy)
    evaluation = Evaluation(
        policy=policy,
        scale=_scale(wire),
        scale_error="the bundle has no scale: not found",
        pods=[_part(f"pods.items[{index}]", decode.pod, raw) for index, raw in enumerate(wire.pods.items or ())],
        pod_metrics=None if wire.pod_metrics is None else [_usage(each) for each in wire.pod_metrics.items or ()],
        unavailable="the bundle has no podMetrics: unavailable",
        values=_values(wire, policy),
        owners=_owners(wire.replica_sets),
        history=_history(wire.history),
        now=parse_instant(wire.now),
        settings=_settings(wire.settings, compat),
    )
    return Bundle(wire.id, evaluation, status.current_replicas, status.current_metrics)


def answered(bundle: Bundle) -> Result:
    """The bundle's evaluation, as if its number, if any, had been written at once; in Shadow it is not, as ever."""
    evaluation = bundle.evaluation
    policy, compat = evaluation.policy, evaluation.settings.compat
    shadowed = policy.mode is Mode.SHADOW and policy.kind != "HorizontalPodAutoscaler"  # which has no mode
    plan = planner.plan(evaluation)
    plan = planner.settled(plan, policy, written=not shadowed, error="", now=evaluation.now, compat=compat)
    history, resize = plan.history, plan.action is Action.RESIZE
    return Result(
        id=bundle.id,
        write=plan.desired if resize and not shadowed else None,
        outcome=Outcome.SHADOWED if resize and shadowed else "",
        status=_status(bundle, plan),
        events=tuple(f"{each.type} {each.reason} {each.message}" for each in plan.events),
        error=plan.error,
        recommendations=tuple(each.replicas for each in history.recommendations or ()),
        scale_ups=tuple(each.change for each in history.scale_ups),
        scale_downs=tuple(each.change for each in history.scale_downs),
        stages=plan.stages,
    )


def _status(bundle: Bundle, plan: Plan) -> Document:
    policy = bundle.evaluation.policy
    status: dict[str, object] = {"observedGeneration": policy.generation}
    if plan.current is None:
        status["observedGeneration"] = policy.observed_generation
    status["currentReplicas"] = bundle.current if plan.current is None else plan.current
    status["desiredReplicas"] = plan.desired if plan.decided else policy.desired
    metrics = bundle.metrics if plan.metrics is None else [encode_status.metric(each) for each in plan.metrics]
    status["currentMetrics"] = metrics or None
    status["conditions"] = [
        {"type": each.type, "status": each.status, "reason": each.reason, "message": each.message}
        for each in conditions.merged(policy.conditions, plan.conditions, bundle.evaluation.now)
    ]
    return status


def _part(field: str, read: Callable[[Raw], Part], raw: Raw) -> Part:
    try:
        return read(raw)
    except MalformedError as exc:
        raise MalformedError(f"{field}: {exc}") from exc


def _scale(wire: _Bundle) -> Scale | None:
    return None if bytes(wire.scale) == b"null" else _part("scale", decode.scale, wire.scale)


def _settings(wire: _Settings, compat: Compat) -> ControllerSettings:
    return ControllerSettings(
        tolerance=wire.tolerance,
        downscale_stabilization=wire.downscale_stabilization_seconds,
        cpu_initialization=wire.cpu_initialization_period_seconds,
        initial_readiness_delay=wire.initial_readiness_delay_seconds,
        compat=_compat(wire.compat, compat),
    )


def _compat(wire: str | dict[str, bool] | None, default: Compat) -> Compat:
    """A release by name, or single switches turned."""
    known = RELEASES if isinstance(wire, str) else _SWITCHES
    for name in (wire,) if isinstance(wire, str) else wire or ():
        if name not in known:
            raise MalformedError(f"settings.compat: {name!r} is unknown, use one of {', '.join(known)}")
    return RELEASES[wire] if isinstance(wire, str) else replace(default, **(wire or {}))


def _usage(wire: _PodMetrics) -> PodMetrics:
    return PodMetrics(
        pod=wire.metadata.name,
        at=decode.instant(wire.timestamp) or 0.0,
        window=_seconds(wire.window),
        containers=tuple([(each.name, _amounts(each.usage)) for each in wire.containers or ()]),
    )


def _amounts(usage: Amounts | None) -> dict[str, Milli]:
    return {name: decode.amount(value) for name, value in usage.items()} if usage else {}


def _values(wire: _Bundle, policy: Policy) -> dict[MetricSpec, tuple[MetricValue, ...]]:
    """A bundle tells its answers by the metric's name alone."""
    custom, external = _by_name(wire.custom_metrics), _by_name(wire.external_metrics)
    apis = {MetricType.PODS: custom, MetricType.OBJECT: custom, MetricType.EXTERNAL: external}
    found = {}
    for spec in policy.metrics:
        answers = next((answers for kind, answers in apis.items() if kind == spec.type), {})
        if spec.name in answers:
            found[spec] = answers[spec.name]
    return found


def _owners(wire: _Pods) -> dict[str, str]:
    """By the uid of each ReplicaSet that of its controller; only `ownedPodsOnly` asks for it."""
    found = [_part("replicaSets", _owned, raw).metadata for raw in wire.items or ()]
    return {meta.uid or "": owner.uid for meta in found if (owner := decode.controller(meta))}


def _by_name(wire: list[_Metric] | None) -> dict[str, tuple[MetricValue, ...]]:
    return {each.metric: decode_values.listed(each.list) for each in wire or ()}


def _history(wire: _History) -> History:
    past = wire.recommendations
    return History(
        recommendations=None
        if past is None
        else tuple(Recommendation(each.replicas, parse_instant(each.time)) for each in past),
        scale_ups=_events(wire.scale_ups),
        scale_downs=_events(wire.scale_downs),
    )


def _events(wire: list[_Event] | None) -> tuple[ScaleEvent, ...]:
    return tuple(ScaleEvent(each.change, parse_instant(each.time)) for each in wire or ())


_SPAN = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@lru_cache(maxsize=1024)
def _seconds(duration: str) -> float:
    """Seconds of a Go duration such as `30s` or `1m0.5s`."""
    parts = _SPAN.findall(duration)
    if "".join(number + unit for number, unit in parts) != duration or not parts:
        raise MalformedError(f"podMetrics: {duration!r} is no duration such as 30s")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
