"""Whole runs by seed, from the bytes of a page to the written size: no fault of a kubelet takes pods away.

One seed is one run in virtual time: pages, decoder, store, gatherer and planner are the real ones. What fails names its
seed; `replay(seed)` runs it again.
"""

import asyncio
import math
import random
from bisect import bisect_right
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from autoscaler.control.followers import Followers
from autoscaler.control.gatherer import Gatherer
from autoscaler.control.memory import Memory
from autoscaler.core import planner
from autoscaler.core.exposition import ExpositionDecoder
from autoscaler.core.rates import BELIEVED, CLOCK_NS, NANO
from autoscaler.engine.freshness import Freshness
from autoscaler.engine.store import MemoryStorage, metrics_of
from autoscaler.errors import MalformedError
from autoscaler.model.metrics import PodMetrics
from autoscaler.model.objects import Container, Milli, Node, NodeName, Pod, Ready, Scale
from autoscaler.model.plan import Action
from autoscaler.model.policy import ControllerSettings
from autoscaler.telemetry import EngineTelemetry
from tests.control.shop import policy
from tests.core.recording import mistakes, recorded
from tests.scrapes import BASE, StandingClock

pytestmark = pytest.mark.fuzz

STEP = 15.0
STEPS = 40
STALE = 3 * STEP
REQUEST = 200
TARGET = 60
CORES = 8
NUMBERS = ("NaN", "-1", "1e308", "+Inf", "", "1e400", "0x1p3")
JUMPS_MS = (-3_600_000, -30_000, -7_000, 7_000, 40_000, 3_600_000)


class Faults(NamedTuple):
    """How often what goes wrong; `jump` is a time or a counter that is a lie, all else is only lost or late."""

    number: float
    line: float
    page: float
    again: float
    restart: float
    jump: float
    skew: float

    @property
    def honest(self) -> bool:
        """Whether what can be read is true; a restart whose start time got lost looks like a run that goes on."""
        return not self.jump and not (self.restart and (self.line or self.number))


class Made:
    """A pod and the work it has truly done, in core-seconds by second."""

    def __init__(self, name: str, at: float, ready_after: float) -> None:
        self.pod = Pod(
            namespace="shop", name=name, uid=f"uid of {name}", node=NodeName("n1"), labels={"app": "web"},
            started=BASE + at, ready=Ready("True", BASE + at + ready_after),
            containers=(Container("main", {"cpu": Milli(REQUEST)}),),
        )  # fmt: skip
        self.times, self.work = [at], [0.0]
        self.started, self.base = at, 0.0
        self.taken = self.heard = -math.inf
        """The time of the newest readable sample by the kubelet's clock, and by ours if it was received before that."""

    def hear(self, sampled: float, now: float) -> None:
        """A readable sample came in; one that is no news, or of another time, is none."""
        if sampled > self.taken and abs(sampled - now) <= CLOCK_NS / NANO:
            self.taken, self.heard = sampled, min(sampled, now)

    def go_on(self, until: float, cores: float) -> None:
        self.work.append(self.work[-1] + cores * (until - self.times[-1]))
        self.times.append(until)

    def done(self, at: float) -> float:
        """Core-seconds up to second `at`."""
        index = min(max(bisect_right(self.times, at), 1), len(self.times) - 1)
        left, right = self.times[index - 1], self.times[index]
        done = self.work[index] - self.work[index - 1]
        return self.work[index - 1] + (done * (at - left) / (right - left) if right > left else 0.0)


class Run:
    """Every seam of a gatherer, and the world behind it."""

    unseen = ""

    def __init__(self, seed: int) -> None:
        self.random = rng = random.Random(seed)
        self.policy = policy(kind="HorizontalPodAutoscaler", min_replicas=rng.choice((1, 2)), max_replicas=12)
        self.settings = ControllerSettings(downscale_stabilization=rng.choice((0.0, 50.0, 110.0)))
        self.faults = Faults(
            *(rng.choice((0.0, 0.02, 0.3)) for _ in range(5)),
            jump=rng.choice((0.0, 0.0, 0.05, 0.3)),
            skew=rng.choice((0.0, 0.0, -20.0, 20.0, 50.0, -50.0, 90.0)),
        )
        self.dark = range(start := rng.randrange(2 * STEPS), start + rng.randrange(2, 12))
        self.clock = StandingClock()
        self.store = MemoryStorage(
            resolution=STEP, clock=self.clock, telemetry=EngineTelemetry(CollectorRegistry()), freshness=Freshness()
        )
        self.node = Node(name=NodeName("n1"), uid="n1", capacity={"cpu": Milli(1000 * CORES)})
        self.decoder = ExpositionDecoder()
        self.body = b""
        self.readable: dict[str, float] = {}
        """When the pods of `body` were sampled, those whose samples can be read."""
        self.memory = Memory(STEP, self.clock)
        self.gatherer = Gatherer(
            targets=self, usage=self, values=self, owners=self, claims=self, scales=self, memory=self.memory,
            followers=Followers(), selecting=Followers(), settings=self.settings, clock=self.clock,
        )  # fmt: skip
        self.size = rng.randint(self.policy.min_replicas, 10)
        self.made = 0
        self.pods = [self.new(-900.0) for _ in range(self.size)]
        self.load = rng.uniform(0.05, 1.2)
        self.recommended: list[tuple[float, int]] = []
        self.lowered = 0

    def new(self, at: float) -> Made:
        self.made += 1
        return Made(f"web-{self.made}", at, self.random.choice((2.0, 20.0)))

    def others(self, _policy):
        return ()

    async def of(self, _namespace, _controllers):
        return {}

    async def values(self, _namespace, _spec, _selector):
        return ()

    async def read(self, namespace, target):
        return Scale(namespace=namespace, name=target.name, replicas=self.size, observed=len(self.pods),
                     selector="app=web")  # fmt: skip

    def pods_matching(self, _namespace, _selector):
        return [each.pod for each in self.pods]

    def pod_metrics(self, namespace, pods, _window=0.0):
        found = [(pod, self.store.pod_usage(namespace, pod.name)) for pod in pods]
        return tuple(metrics_of(usage) for pod, usage in found if usage is not None and usage.uid == pod.uid)

    def chance(self, of: float) -> bool:
        return self.random.random() < of

    def move(self, now: float) -> None:
        """The load of one step, shared by the pods; they come and go until they are as many as was written."""
        rng = self.random
        if self.chance(0.1):
            self.load = rng.uniform(0.05, 1.2)
        for each in self.pods:
            each.go_on(now, self.load / len(self.pods))
        while len(self.pods) > self.size:
            self.pods.pop(rng.randrange(len(self.pods)))
        if self.chance(0.03):
            self.pods.pop(rng.randrange(len(self.pods)))
        while len(self.pods) < self.size:
            self.pods.append(self.new(now - rng.uniform(1, STEP - 1)))
            self.pods[-1].go_on(now, self.load / self.size)

    def step(self, number: int) -> None:
        """One step of the world, and the page of its end."""
        now = self.clock.at = (number + 1) * STEP
        self.move(now)
        if number in self.dark or self.chance(self.faults.page):
            return
        if not self.body or not self.chance(self.faults.again):
            self.body = self.page(now)
        try:
            page = self.decoder.page(self.body, int(self.clock.now() * NANO))
        except MalformedError:
            return
        for each in self.pods:
            if each.pod.name in self.readable:
                each.hear(self.readable[each.pod.name], now)
        self.store.put(self.node, page, [each.pod for each in self.pods], int(self.clock.now() * NANO))

    def page(self, now: float) -> bytes:
        self.readable.clear()
        lines = ["node_memory_working_set_bytes 1e+09"]
        for each in self.pods:
            lines += self.told(each, now)
        return ("\n".join(lines) + "\n").encode()

    def told(self, each: Made, now: float) -> list[str]:
        """The lines of a pod, some of them wrong."""
        at, faults, rng = now - self.random.uniform(0, 5), self.faults, self.random
        at = max(at, each.started)
        if self.chance(faults.restart / 5):
            each.started, each.base = at, each.done(at)
        labels = f'{{container="main",namespace="shop",pod="{each.pod.name}"}}'
        at_ms = round((BASE + at + faults.skew) * 1000)
        cpu = each.done(at_ms / 1000 - BASE - faults.skew) - each.base
        if self.chance(faults.jump):
            at_ms += rng.choice(JUMPS_MS)
        if self.chance(faults.jump):
            cpu *= rng.choice((0.0, 0.5, 2.0, 1e6))
        numbers = {
            "cpu_usage_seconds_total": (f"{max(cpu, 0.0):.9f}", f" {at_ms}"),
            "memory_working_set_bytes": ("1.5e+07", f" {at_ms}"),
            "start_time_seconds": (f"{BASE + each.started + faults.skew:.3f}", ""),
        }
        lines, readable = [], True
        for name, (value, time) in numbers.items():
            number = rng.choice(NUMBERS) if self.chance(faults.number) else value
            there = not self.chance(faults.line)
            if there:
                lines.append(f"container_{name}{labels} {number}{time}")
            if name != "start_time_seconds":
                readable = readable and there and number == value
        if readable:
            self.readable[each.pod.name] = at_ms / 1000 - BASE
        return lines

    async def decide(self) -> None:
        """One evaluation, and whether it may be."""
        self.clock.at += 4.0
        given = await self.gatherer.gathered(self.policy)
        plan = planner.plan(given)
        metrics = {each.pod: each for each in given.pod_metrics or ()}
        self.serves_what_is_true(metrics)
        assert plan.desired == self.upstream(metrics), "the HPA decides otherwise"
        assert mistakes(recorded(given)) == []
        if plan.desired < self.size:
            self.lowered += 1
            assert any(self.clock.at - each.heard <= STALE for each in self.pods), "lowered without a fresh sample"
        assert self.policy.min_replicas <= plan.desired <= self.policy.max_replicas
        if plan.action is Action.RESIZE:
            plan = planner.settled(
                plan, self.policy, written=True, error="", now=given.now, compat=self.settings.compat
            )
        self.memory.keep(self.policy, plan.history)
        self.size = plan.desired

    def serves_what_is_true(self, metrics: dict[str, PodMetrics]) -> None:
        """Never below 0, of an empty window or above the node; and the truth, where nothing lied."""
        for each in self.pods:
            served = self.store.pod_usage("shop", each.pod.name)
            if served is None or each.pod.name not in metrics:
                continue
            ((_, usage),) = served.containers
            assert usage.window_ns > 0
            assert 0 <= usage.cpu <= BELIEVED * CORES * NANO
            end = usage.at_ns / NANO - BASE - self.faults.skew
            if self.faults.honest:
                window = usage.window_ns / NANO
                true = (each.done(end) - each.done(end - window)) / window
                assert abs(usage.cpu / NANO - true) < 1e-3, f"{each.pod.name}: {usage.cpu / NANO} served, {true} true"

    def upstream(self, metrics: dict[str, PodMetrics]) -> int:
        """What kube-controller-manager makes of these samples, written down a second time (hpa.md §1, §4)."""
        now = self.clock.now()
        if not self.recommended:
            self.recommended.append((now - 1e-6, self.size))
        wanted = self.wanted(metrics, now)
        if wanted is None:
            return self.size
        window = self.settings.downscale_stabilization
        recent = [size for at, size in self.recommended if at >= now - window]
        self.recommended.append((now, wanted))
        most = min(max(2 * self.size, 4), self.policy.max_replicas)
        return max(self.policy.min_replicas, min(max([wanted, *recent]), most))

    def wanted(self, metrics: dict[str, PodMetrics], now: float) -> int | None:
        usage: dict[str, int] = {}
        missing = unready = 0
        for pod in self.pods_matching("", ""):
            sample = metrics.get(pod.name)
            if sample is None:
                missing += 1
            elif now < pod.started + 300 and sample.at < pod.ready.since + sample.window:
                unready += 1
            else:
                usage[pod.name] = sample.containers[0][1]["cpu"]
        if not usage:
            return None
        first = percentage(sum(usage.values()), len(usage)) / TARGET
        if not missing and not (unready and first > 1):
            return self.size if 0.9 <= first <= 1.1 else math.ceil(first * len(usage))
        total, count = sum(usage.values()), len(usage)
        if first != 1:
            count += missing
            total += missing * REQUEST if first < 1 else 0
        if first > 1:
            count += unready
        second = percentage(total, count) / TARGET
        if 0.9 <= second <= 1.1 or first < 1 < second or second < 1 < first:
            return self.size
        found = math.ceil(second * count)
        return self.size if (second < 1 and found > self.size) or (second > 1 and found < self.size) else found


def percentage(usage: int, pods: int) -> int:
    return usage * 100 // (REQUEST * pods)


async def live(run: Run) -> None:
    for number in range(STEPS):
        run.step(number)
        await run.decide()


def replay(seed: int) -> Run:
    """The run of a seed; what does not hold is raised with the seed."""
    run = Run(seed)
    try:
        asyncio.run(live(run))
    except AssertionError as exc:
        exc.add_note(
            f"seed {seed} at second {run.clock.at:g}, {run.faults}: replay({seed}) of {__name__} runs it again"
        )
        raise
    return run


def test_the_first_runs_scale_down_often_and_never_for_a_fault() -> None:
    """A run in which nothing is ever taken away would show nothing."""
    assert sum(replay(seed).lowered for seed in range(100)) > 100


@given(st.integers(0, 2**32))
def test_no_fault_of_a_kubelet_takes_away_what_the_hpa_would_leave(seed: int) -> None:
    replay(seed)
