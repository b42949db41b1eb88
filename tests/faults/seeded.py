"""A world by seed: pods that work, a kubelet and adapters that tell of it, each as wrong as the seed wants.

Pages, decoders, store, gatherer, planner and record are the real ones; time is virtual.
"""

from __future__ import annotations

import asyncio
import math
import random
from bisect import bisect_right

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
from autoscaler.model.policy import ControllerSettings, MetricSpec
from autoscaler.telemetry import EngineTelemetry
from tests.core.recording import mistakes, otherwise, recorded
from tests.faults.adapter import JUMPS_MS, Adapter, Faults
from tests.faults.upstream import Upstream
from tests.faults.wishes import wishes
from tests.scrapes import BASE, StandingClock

STEP = 15.0
STEPS = 40
STALE = 3 * STEP
REQUESTS = {"main": 200, "side": 50}
SIDE = 0.02
"""Cores that the container beside the working one uses, always."""
CORES = 8
NUMBERS = ("NaN", "-1", "1e308", "+Inf", "", "1e400", "0x1p3")


class Made:
    """A pod and the work it has truly done, in core-seconds by second."""

    def __init__(self, name: str, at: float, ready_after: float) -> None:
        self.pod = Pod(
            namespace="shop", name=name, uid=f"uid of {name}", node=NodeName("n1"), labels={"app": "web"},
            started=BASE + at, ready=Ready("True", BASE + at + ready_after),
            containers=tuple(Container(each, {"cpu": Milli(asked)}) for each, asked in REQUESTS.items()),
        )  # fmt: skip
        self.times, self.work = [at], [0.0]
        self.started, self.base = at, 0.0
        self.taken = dict.fromkeys(REQUESTS, -math.inf)
        self.heard = dict.fromkeys(REQUESTS, -math.inf)
        """The time of the newest readable sample by the kubelet's clock, and by ours if it was received before that."""

    def hear(self, container: str, sampled: float, now: float) -> None:
        """A readable sample came in; one that is no news, or of another time, is none."""
        if sampled > self.taken[container] and abs(sampled - now) <= CLOCK_NS / NANO:
            self.taken[container], self.heard[container] = sampled, min(sampled, now)

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
        self.policy = wishes(rng)
        self.settings = ControllerSettings(downscale_stabilization=rng.choice((0.0, 50.0, 110.0)))
        self.upstream = Upstream(self.policy, self.settings)
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
        self.readable: dict[tuple[str, str], float] = {}
        """When the containers of `body` were sampled, those whose samples can be read."""
        self.adapter = Adapter(rng, self.faults, self.clock, self.policy.deviations.max_sample_age)
        self.memory = Memory(STEP, self.clock)
        self.gatherer = Gatherer(
            targets=self, usage=self, values=self.adapter, owners=self, claims=self, scales=self, memory=self.memory,
            followers=Followers(), selecting=Followers(), settings=self.settings, clock=self.clock,
        )  # fmt: skip
        self.size = rng.randint(self.policy.min_replicas, 10)
        self.made = 0
        self.pods = [self.new(-900.0) for _ in range(self.size)]
        self.load = rng.uniform(0.05, 1.2)
        self.lowered = self.held = 0

    def new(self, at: float) -> Made:
        self.made += 1
        return Made(f"web-{self.made}", at, self.random.choice((2.0, 20.0)))

    def others(self, _policy):
        return ()

    async def of(self, _namespace, _controllers):
        return {}

    async def read(self, namespace, target, *, live=False):
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
        self.adapter.load, self.adapter.pods = self.load, [each.pod.name for each in self.pods]
        self.adapter.dark = number in self.dark
        if number in self.dark or self.chance(self.faults.page):
            return
        if not self.body or not self.chance(self.faults.again):
            self.body = self.page(now)
        try:
            page = self.decoder.page(self.body, int(self.clock.now() * NANO))
        except MalformedError:
            return
        there = {each.pod.name: each for each in self.pods}
        for (name, container), sampled in self.readable.items():
            if name in there:
                there[name].hear(container, sampled, now)
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
        at_ms = round((BASE + at + faults.skew) * 1000)
        sampled = at_ms / 1000 - BASE - faults.skew
        counters = {"main": each.done(sampled) - each.base, "side": SIDE * (sampled - each.started)}
        if self.chance(faults.jump):
            at_ms += rng.choice(JUMPS_MS)
        if self.chance(faults.jump):
            counters["main"] *= rng.choice((0.0, 0.5, 2.0, 1e6))
        lines = []
        for container, cpu in counters.items():
            readable = True
            labels = f'{{container="{container}",namespace="shop",pod="{each.pod.name}"}}'
            numbers = {
                "cpu_usage_seconds_total": (f"{max(cpu, 0.0):.9f}", f" {at_ms}"),
                "memory_working_set_bytes": ("1.5e+07", f" {at_ms}"),
                "start_time_seconds": (f"{BASE + each.started + faults.skew:.3f}", ""),
            }
            for name, (value, time) in numbers.items():
                number = rng.choice(NUMBERS) if self.chance(faults.number) else value
                there = not self.chance(faults.line)
                if there:
                    lines.append(f"container_{name}{labels} {number}{time}")
                if name != "start_time_seconds":
                    readable = readable and there and number == value
            if readable:
                self.readable[each.pod.name, container] = at_ms / 1000 - BASE
        return lines

    async def decide(self) -> None:
        """One evaluation, and whether it may be."""
        self.clock.at += 4.0
        given = await self.gatherer.gathered(self.policy)
        plan = planner.plan(given)
        self.serves_what_is_true({each.pod: each for each in given.pod_metrics or ()})
        assert plan.desired == self.upstream.desired(given), "the HPA decides otherwise"
        record = recorded(given)
        assert mistakes(record) == []
        assert not otherwise(record), "decided otherwise from the record alone"
        if plan.desired < self.size:
            self.lowered += 1
            assert all(self.is_fresh(spec) for spec in self.policy.metrics), "lowered without a fresh sample"
        assert self.policy.min_replicas <= plan.desired <= self.policy.max_replicas
        if not plan.decided:
            self.held += 1
            assert plan.desired == self.size
        if plan.action is Action.RESIZE:
            plan = planner.settled(
                plan, self.policy, written=True, error="", now=given.now, compat=self.settings.compat
            )
            self.upstream.written(self.size, plan.desired, given.now)
        self.memory.keep(self.policy, plan.history)
        self.size = plan.desired

    def is_fresh(self, spec: MetricSpec) -> bool:
        """Whether anything was heard of this metric that a decision may rest on."""
        if spec.type in ("Resource", "ContainerResource"):
            names = [spec.container] if spec.container else list(REQUESTS)  # one without a line is taken for ended
            return any(self.clock.at - each.heard[name] <= STALE for each in self.pods for name in names)
        return spec in self.adapter.answered

    def serves_what_is_true(self, metrics: dict[str, PodMetrics]) -> None:
        """Never below 0, of an empty window or above the node; and the truth, where nothing lied."""
        for each in self.pods:
            served = self.store.pod_usage("shop", each.pod.name)
            if served is None or each.pod.name not in metrics:
                continue
            for container, usage in served.containers:
                assert usage.window_ns > 0
                assert 0 <= usage.cpu <= BELIEVED * CORES * NANO
                end = usage.at_ns / NANO - BASE - self.faults.skew
                if self.faults.honest:
                    window = usage.window_ns / NANO
                    true = (each.done(end) - each.done(end - window)) / window if container == "main" else SIDE
                    assert abs(usage.cpu / NANO - true) < 1e-3, f"{each.pod.name}: {usage.cpu / NANO}, {true} true"


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
            f"seed {seed} at second {run.clock.at:g}, {run.faults}, {run.policy.metrics}, {run.policy.behavior}: "
            f"replay({seed}) of {__name__} runs it again"
        )
        raise
    return run
