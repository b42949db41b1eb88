"""From two samples of one series to the number that is served, or to the reason why there is none.

The sum is metrics-server's, float for float: `trunc(cpu_ns / window_s)` with Go's `Duration.Seconds()`
(its pkg/storage). The rules around it are ours (docs/decisions/samples.md): zero is a value, a counter that falls
begins a new window, a restarted container is measured from its start, nothing above 1.25 x the node is believed.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from autoscaler.model.metrics import Sample, Usage
from autoscaler.model.objects import Resources

NANO = 1_000_000_000
YOUNGEST_NS = 5 * NANO
"""From this age on a container is measured from its start."""
CLOCK_NS = 60 * NANO
"""How far a kubelet's sample time may be from the time we received it."""
UNBOUNDED = 2**63 - 1
BELIEVED = 1.25
"""Times the node's capacity: more than this is an error somewhere, not a load."""


class Gap(StrEnum):
    """Why a sample gave no number. Those in `KEPT` leave what was known before; after the others it is void."""

    FIRST = "first"
    YOUNG = "young"
    COUNTER_FELL = "counter_fell"
    START_MOVED = "start_moved"
    OVER_CAPACITY = "over_capacity"
    REPEATED = "repeated"
    BACKWARDS = "backwards"
    BEFORE_START = "before_start"
    CLOCK = "clock"
    INCOMPLETE = "incomplete"


KEPT = frozenset({Gap.REPEATED, Gap.BACKWARDS, Gap.BEFORE_START, Gap.CLOCK, Gap.INCOMPLETE})

EXPLAINED = {
    Gap.FIRST: "one sample so far, a rate needs two",
    Gap.YOUNG: f"started less than {YOUNGEST_NS // NANO} s before its only sample",
    Gap.COUNTER_FELL: "its CPU counter fell without a restart, a new window has begun",
    Gap.START_MOVED: "its start time moved without a restart, a new window has begun",
    Gap.OVER_CAPACITY: f"its last rate was above {BELIEVED} x the node's capacity, a new window has begun",
    Gap.REPEATED: "the kubelet repeats an old sample",
    Gap.BACKWARDS: "the kubelet's sample times go back",
    Gap.BEFORE_START: "it was sampled before it started",
    Gap.CLOCK: f"its sample time is more than {CLOCK_NS // NANO} s off our clock",
    Gap.INCOMPLETE: "the kubelet's page has no CPU or no memory line for it",
}


class Bounds(Struct, frozen=True):
    """What is believed on one node: the age below which an unknown container is measured from its start; the most CPU
    (nano-cores) and memory (bytes) it can use; with an unknown or impossible capacity, whatever an int64 holds."""

    fresh_ns: int
    cpu: int = UNBOUNDED
    memory: int = UNBOUNDED


def bounds_of(capacity: Resources, resolution: float) -> Bounds:
    """The bounds of a node of `capacity`, scraped every `resolution` seconds.

    A container that is met for the first time is measured from its start below an age of twice the resolution: the
    kubelet's own first sample of it may be a whole sampling period late.
    """
    cpu, memory = capacity.get("cpu", 0), capacity.get("memory", 0)
    return Bounds(
        fresh_ns=int(2 * resolution * NANO),
        cpu=min(int(cpu * BELIEVED * 1e6), UNBOUNDED) if cpu > 0 else UNBOUNDED,
        memory=min(int(memory * BELIEVED / 1e3), UNBOUNDED) if memory > 0 else UNBOUNDED,
    )


def usage_between(previous: Sample | None, current: Sample, received_ns: int, bounds: Bounds) -> Usage | Gap:
    """The usage of the window that `current` ends; `previous` is the last sample that was taken in, if any."""
    flaw = _flaw(current, received_ns)
    if flaw is not None:
        return flaw
    if previous is None:
        return _from_start(current, bounds, bounds.fresh_ns)
    if current.start_ns is not None and current.start_ns > previous.at_ns:
        return _from_start(current, bounds, None)
    cpu_ns = (current.cpu_ns or 0) - (previous.cpu_ns or 0)
    return _break(previous, current, cpu_ns) or _rate(cpu_ns, current.at_ns - previous.at_ns, current, bounds)


def next_rate(at_ns: int, total_ns: int, start_ns: int, sample: Sample, received_ns: int, bounds: Bounds) -> int:  # noqa: PLR0917 - where nothing is compiled, called 20,000 times a second
    """The rate (nano-cores) in the ordinary case, the next sample of a container that runs on; -1 in any other.

    `at_ns`, `total_ns` and `start_ns` are of the last sample that was taken in, 0 for none. The same as `usage_between`
    without its objects and calls, for a page has 60 lines and a cluster 5,000 pages; what is -1 here is decided there.
    """
    now_ns, cpu_ns, memory = sample.at_ns, sample.cpu_ns, sample.memory
    if cpu_ns is None or memory is None or not 0 < at_ns < now_ns or cpu_ns < total_ns:
        return -1
    if (sample.start_ns or 0) != start_ns or start_ns > now_ns or not -CLOCK_NS <= now_ns - received_ns <= CLOCK_NS:
        return -1
    window_ns = now_ns - at_ns
    rate = int((cpu_ns - total_ns) / (window_ns // NANO + window_ns % NANO / 1e9))
    return rate if rate <= bounds.cpu and memory <= bounds.memory else -1


def seconds(span_ns: int) -> float:
    """Go's `Duration.Seconds()`: whole and fractional part are converted apart, which can differ in the last bit."""
    whole, rest = divmod(span_ns, NANO)
    return float(whole) + float(rest) / 1e9


def _flaw(sample: Sample, received_ns: int) -> Gap | None:
    """What makes a sample unusable by itself."""
    if sample.cpu_ns is None or sample.memory is None:
        return Gap.INCOMPLETE
    if abs(sample.at_ns - received_ns) > CLOCK_NS:
        return Gap.CLOCK
    if sample.start_ns is not None and sample.start_ns > sample.at_ns:
        return Gap.BEFORE_START
    return None


def _break(previous: Sample, current: Sample, cpu_ns: int) -> Gap | None:
    """What keeps two samples from being the two ends of one window."""
    if current.at_ns <= previous.at_ns:
        return Gap.REPEATED if current.at_ns == previous.at_ns else Gap.BACKWARDS
    if current.start_ns != previous.start_ns and current.start_ns is not None and previous.start_ns is not None:
        return Gap.START_MOVED
    return Gap.COUNTER_FELL if cpu_ns < 0 else None


def _from_start(sample: Sample, bounds: Bounds, oldest_ns: int | None) -> Usage | Gap:
    """The rate since the container started, for an age from `YOUNGEST_NS` to just below `oldest_ns`."""
    if sample.start_ns is None:
        return Gap.FIRST
    age = sample.at_ns - sample.start_ns
    if age < YOUNGEST_NS:
        return Gap.YOUNG
    if oldest_ns is not None and age >= oldest_ns:
        return Gap.FIRST
    return _rate(sample.cpu_ns or 0, age, sample, bounds)


def _rate(cpu_ns: int, window_ns: int, current: Sample, bounds: Bounds) -> Usage | Gap:
    """The quotient, if it can be believed."""
    cpu, memory = int(cpu_ns / seconds(window_ns)), current.memory or 0
    if cpu > bounds.cpu or memory > bounds.memory:
        return Gap.OVER_CAPACITY
    return Usage(cpu, memory, current.at_ns, window_ns)
