"""A report about the HPA as a file of `scenarios/`, and its replay: pass by pass, each from what the one before left.

README.md says what stands in a file. A scenario is played three times: as the HPA, as a HorizontalPodScaler with the
same spec, and, where there is one, with the deviation that helps.
"""

import json
from pathlib import Path

import msgspec
from msgspec import Struct, field

from autoscaler.core import conditions, planner
from autoscaler.core.evaluation import Evaluation
from autoscaler.kube import decode_policy
from autoscaler.kube.decode import amount
from autoscaler.model.compat import RELEASES
from autoscaler.model.instant import parse_instant
from autoscaler.model.metrics import MetricValue, PodMetrics
from autoscaler.model.objects import Container, Owner, Pod, Ready, Scale
from autoscaler.model.plan import Action, History, Plan, Recommendation
from autoscaler.model.policy import ControllerSettings, MetricType

FOLDER = Path(__file__).parent / "scenarios"
START = parse_instant("2026-11-23T12:00:00.5Z")
HPA = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
HPS = {"apiVersion": "hpa-companion.dev/v1alpha1", "kind": "HorizontalPodScaler"}
TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
OWN = Owner("apps/v1", "ReplicaSet", "web-5d8", "rs-1")
WINDOW = 15.0

Quantity = str | int | float


class Strict(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A misspelt field is a mistake, not a default."""


class Group(Strict, kw_only=True):
    """Pods that are alike. Spans in seconds before the pass; no `cpu`, `memory` or `values`: no sample."""

    name: str = "web"
    count: int | str = 1
    owner: str = ""
    phase: str = "Running"
    deleted: bool = False
    started: float = 3600.0
    ready: bool = True
    ready_since: float | None = None
    requests: dict[str, dict[str, Quantity]] = field(
        default_factory=lambda: {"app": {"cpu": "100m", "memory": "100Mi"}}
    )
    cpu: Quantity | None = None
    memory: Quantity | None = None
    values: dict[str, Quantity] = {}
    age: float = 10.0


class Series(Strict, kw_only=True):
    """What an external metric says: `value`, and `perReplica` for each replica that is wanted."""

    value: Quantity = 0
    per_replica: int = 0
    age: float = 10.0


class Tells(Strict, kw_only=True):
    """The first metric's `averageValue` in the status after the pass, in thousandths."""

    upstream: int
    ours: int


class Pass(Strict, kw_only=True):
    """One evaluation, and the replicas after it. What it leaves out is as in the pass before; `ours` None: the same."""

    after: float = 15.0
    replicas: int | None = None
    surge: int | str | None = None
    pods: list[Group] | None = None
    external: dict[str, Series] | None = None
    policy: dict[str, object] = {}
    upstream: int
    ours: int | None = None
    tells: Tells | None = None


class Deviation(Strict, kw_only=True):
    """What is switched on: fields of a HorizontalPodScaler's spec, or another release's rules."""

    spec: dict[str, object] = {}
    compat: str | None = None


class Told(Strict, kw_only=True):
    """One recommendation made before, so many seconds ago."""

    replicas: int
    ago: float


class Scenario(Strict, kw_only=True):
    """A file."""

    issue: str
    title: str
    reported: str
    upstream: str
    ours: str
    policy: dict[str, object]
    compat: str = "1.37"
    history: list[Told] = []
    deviation: Deviation | None = None
    passes: list[Pass]


def scenarios():
    """All of them by the names of their files, in order."""
    return {path.stem: msgspec.yaml.decode(path.read_bytes(), type=Scenario) for path in sorted(FOLDER.glob("*.yaml"))}


class Step(Struct, frozen=True):
    """One pass as it was played."""

    evaluation: Evaluation
    plan: Plan
    replicas: int


def played(scenario, kind=HPA, *, deviation=None):
    """The steps, every number written at once."""
    deviation = deviation or Deviation()
    compat = RELEASES[deviation.compat or scenario.compat]
    past = tuple(Recommendation(each.replicas, START - each.ago) for each in scenario.history)
    now, replicas, spec, status = START, 0, scenario.policy | deviation.spec, ()
    history, known = History(recommendations=past), Pass(upstream=0, surge=0, pods=[], external={})
    for given in scenario.passes:
        known = inherited(given, known)
        replicas = replicas if given.replicas is None else given.replicas
        spec = spec | given.policy
        policy = msgspec.structs.replace(read(kind, spec), conditions=status)
        evaluation = Evaluation(
            policy=policy,
            **world(known, replicas, policy, now),
            history=history,
            now=now,
            settings=ControllerSettings(compat=compat),
        )
        plan = planner.plan(evaluation)
        plan = planner.settled(plan, policy, written=True, error="", now=now, compat=compat)
        replicas = plan.desired if plan.action is Action.RESIZE else replicas
        history, status = plan.history, conditions.merged(status, plan.conditions, now)
        yield Step(evaluation, plan, replicas)
        now += next_after(scenario, given)


def next_after(scenario, given):
    """How long after this pass the next one comes."""
    place = scenario.passes.index(given) + 1
    return scenario.passes[place].after if place < len(scenario.passes) else 0.0


def inherited(given, before):
    """The pass with what it leaves out as it was."""
    return msgspec.structs.replace(
        given,
        **{name: getattr(before, name) for name in ("surge", "pods", "external") if getattr(given, name) is None},
    )


def read(kind, spec):
    """The policy as the API server would give it."""
    given = kind | {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"scaleTargetRef": TARGET} | spec}
    return decode_policy.policy(json.dumps(given).encode())


def world(known, replicas, policy, now):
    """What is gathered for one pass."""
    surge = surging(known.surge, replicas)
    found = [
        made(group, f"{group.name}-{place}-{index}", now)
        for place, group in enumerate(known.pods)
        for index in range({"replicas": replicas, "surge": surge}.get(group.count, group.count))
    ]
    answers = {name: [value(each, replicas, now)] for name, each in known.external.items()}
    answers |= {name: [each for _, _, values in found for each in values.get(name, [])] for name in names(known)}
    sources = {MetricType.EXTERNAL: known.external, MetricType.PODS: names(known)}
    return {
        "scale": Scale(
            namespace="shop", name="web", uid="web-1", replicas=replicas, observed=replicas + surge, selector="app=web"
        ),
        "pods": tuple(pod for pod, _, _ in found),
        "pod_metrics": tuple(sample for _, sample, _ in found if sample.containers),
        "values": {
            spec: answers[spec.name] for spec in policy.metrics if spec.name in sources.get(MetricType(spec.type), ())
        },
        "owners": {OWN.uid: "web-1"},
    }


def names(known):
    return {name for group in known.pods for name in group.values}


def surging(surge, replicas):
    """How many pods a rollout has more than are wanted: a number, or a share of them rounded up."""
    return surge if isinstance(surge, int) else -(-int(surge.removesuffix("%")) * replicas // 100)


def made(group, name, now):
    """A pod, what metrics.k8s.io says of it, and what custom.metrics.k8s.io does."""
    since = group.started - 10 if group.ready_since is None else group.ready_since
    pod = Pod(
        namespace="shop",
        name=name,
        labels={"app": "web"},
        phase=group.phase,
        deleted=group.deleted,
        created=now - group.started,
        started=now - group.started,
        ready=Ready("True" if group.ready else "False", now - since),
        containers=tuple(
            Container(container, {resource: amount(each) for resource, each in requests.items()})
            for container, requests in group.requests.items()
        ),
        owner=Owner("batch/v1", "Job", group.owner, group.owner) if group.owner else OWN,
    )
    usage = {word: amount(each) for word, each in (("cpu", group.cpu), ("memory", group.memory)) if each is not None}
    at = now - group.age
    return (
        pod,
        PodMetrics(name, at, WINDOW, ((next(iter(group.requests)), usage),) if usage else ()),
        {metric: [MetricValue(amount(each), name, at)] for metric, each in group.values.items()},
    )


def value(series, replicas, now):
    return MetricValue(amount(series.value) + 1000 * series.per_replica * replicas, at=now - series.age)
