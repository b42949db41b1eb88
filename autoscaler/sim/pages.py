"""The kubelet's pages: /metrics/resource as the exposition library of Kubernetes writes it, and /stats/summary.

Families and help texts are those of `pkg/kubelet/metrics/collectors/resource_metrics.go`. Lines that never change
(start times) and the beginnings of those that do are made once per series.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import orjson

from autoscaler.model.instant import seconds_text
from autoscaler.sim.ledger import Ledger, Reading, Series

RESOURCE_TYPE = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"

_CPU = "Cumulative cpu time consumed by the"
_MEMORY = "Current working set of the"
_HEADS = {
    "container_cpu_usage_seconds_total": (f"[STABLE] {_CPU} container in core-seconds", "counter"),
    "container_memory_working_set_bytes": (f"[STABLE] {_MEMORY} container in bytes", "gauge"),
    "container_start_time_seconds": ("[STABLE] Start time of the container since unix epoch in seconds", "gauge"),
    "node_cpu_usage_seconds_total": (f"[STABLE] {_CPU} node in core-seconds", "counter"),
    "node_memory_working_set_bytes": (f"[STABLE] {_MEMORY} node in bytes", "gauge"),
    "pod_cpu_usage_seconds_total": (f"[STABLE] {_CPU} pod in core-seconds", "counter"),
    "pod_memory_working_set_bytes": (f"[STABLE] {_MEMORY} pod in bytes", "gauge"),
    "resource_scrape_error": ("[STABLE] 1 if there was an error while getting container metrics, 0 otherwise", "gauge"),
}


def resource_page(ledger: Ledger, now_ms: int, shift_ms: int = 0) -> bytes:
    """The page as of `now_ms`; a kubelet whose clock is wrong prints every instant `shift_ms` later."""
    lines: list[str] = []
    containers = [(series, ledger.read(series, now_ms)) for series in ledger.containers]
    pods = [(series, ledger.read(series, now_ms)) for series in ledger.whole_pods]
    _usage(lines, "container", containers, shift_ms)
    _start_times(lines, ledger, shift_ms)
    node = ledger.read_node(now_ms)
    _family(lines, "node_cpu_usage_seconds_total", [_cpu_line(" ", node, shift_ms)])
    _family(lines, "node_memory_working_set_bytes", [_memory_line(" ", node, shift_ms)])
    _usage(lines, "pod", pods, shift_ms)
    _family(lines, "resource_scrape_error", [" 0"])
    return ("\n".join(lines) + "\n").encode()


def failed_page() -> bytes:
    """What a kubelet says whose own statistics are not to be had: 200, and nothing but this."""
    lines: list[str] = []
    _family(lines, "resource_scrape_error", [" 1"])
    return ("\n".join(lines) + "\n").encode()


def _usage(lines: list[str], what: str, found: Iterable[tuple[Series, Reading | None]], shift_ms: int) -> None:
    sampled = [(series.labels, reading) for series, reading in found if reading is not None]
    if sampled:
        cpu = [_cpu_line(labels, reading, shift_ms) for labels, reading in sampled]
        _family(lines, f"{what}_cpu_usage_seconds_total", cpu)
        memory = [_memory_line(labels, reading, shift_ms) for labels, reading in sampled]
        _family(lines, f"{what}_memory_working_set_bytes", memory)


def _start_times(lines: list[str], ledger: Ledger, shift_ms: int) -> None:
    name = "container_start_time_seconds"
    found = [f"{each.labels}{_seconds(each.started_ms + shift_ms)}" for each in ledger.containers]
    if found:
        _family(lines, name, found)


def _family(lines: list[str], name: str, samples: Iterable[str]) -> None:
    text, kind = _HEADS[name]
    lines.append(f"# HELP {name} {text}")
    lines.append(f"# TYPE {name} {kind}")
    lines.extend(f"{name}{sample}" for sample in samples)


def _cpu_line(labels: str, reading: Reading, shift_ms: int) -> str:
    return f"{labels}{go_float(reading.cpu_ns / 1e9)} {reading.at_ms + shift_ms}"


def _memory_line(labels: str, reading: Reading, shift_ms: int) -> str:
    return f"{labels}{go_float(reading.memory)} {reading.at_ms + shift_ms}"


@lru_cache(maxsize=65_536)
def _seconds(at_ms: int) -> str:
    """A start time, which is the same on every page."""
    return go_float(at_ms / 1000)


def go_float(value: float) -> str:
    """A number >= 0 as Go's strconv.FormatFloat(value, 'g', -1, 64) writes it: 0.5, 12, 1.253376e+07."""
    if value == 0:
        return "0"
    if 1e-4 <= value < 1e6:
        return repr(float(value)).removesuffix(".0")
    if isinstance(value, int):
        text = str(value)
        digits = text.rstrip("0")
        return f"{digits[0]}{'.' if digits[1:] else ''}{digits[1:]}e+{len(text) - 1:02}"
    mantissa, _, exponent = repr(float(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    power = len(whole) - 1 + int(exponent or 0)
    leading = len(digits) - len(digits.lstrip("0"))
    digits = digits.lstrip("0").rstrip("0")
    power -= leading
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{rest}e{'-' if power < 0 else '+'}{abs(power):02}"


def summary_page(ledger: Ledger, now_ms: int, shift_ms: int = 0) -> bytes:
    """/stats/summary; its instants are whole seconds, since metav1.Time cuts the fraction."""
    pods: dict[str, dict[str, Any]] = {}
    for series in ledger.whole_pods:
        pod = series.pod
        entry: dict[str, Any] = {
            "podRef": {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid},
            "startTime": _instant(ledger.started_ms(pod) + shift_ms),
            "containers": [],
        }
        if (reading := ledger.read(series, now_ms)) is not None:
            entry |= _stats(ledger, series, reading, shift_ms)
        pods[pod.uid] = entry
    for series in ledger.containers:
        container = {"name": series.container, "startTime": _instant(ledger.started_ms(series.pod) + shift_ms)}
        if (reading := ledger.read(series, now_ms)) is not None:
            container |= _stats(ledger, series, reading, shift_ms)
        pods[series.pod.uid]["containers"].append(container)
    node = ledger.read_node(now_ms)
    previous = ledger.read_node(node.at_ms - 1)
    stats = _cpu_and_memory(node, previous.cpu_ns, ledger.period, shift_ms)
    booted = _instant(round((ledger.epoch + ledger.booted) * 1000) + shift_ms)
    return orjson.dumps({"node": {"nodeName": ledger.node, "startTime": booted, **stats}, "pods": list(pods.values())})


def _stats(ledger: Ledger, series: Series, reading: Reading, shift_ms: int) -> dict[str, Any]:
    previous = ledger.read(series, reading.at_ms - 1)
    return _cpu_and_memory(reading, previous.cpu_ns if previous else 0, ledger.period, shift_ms)


def _cpu_and_memory(reading: Reading, before_ns: int, period: float, shift_ms: int) -> dict[str, Any]:
    time = _instant(reading.at_ms + shift_ms)
    cpu = {
        "time": time,
        "usageNanoCores": round((reading.cpu_ns - before_ns) / period),
        "usageCoreNanoSeconds": reading.cpu_ns,
    }
    return {"cpu": cpu, "memory": {"time": time, "workingSetBytes": reading.memory}}


def _instant(at_ms: int) -> str:
    return seconds_text(at_ms / 1000)
