from __future__ import annotations

import math

import orjson
import pytest

from autoscaler.core.exposition import ExpositionDecoder
from autoscaler.model.metrics import ContainerId
from autoscaler.sim.curves import constant
from autoscaler.sim.ledger import Ledger
from autoscaler.sim.pages import failed_page, go_float, resource_page, summary_page
from autoscaler.sim.workloads import Load, RunningPod, Workload

EPOCH = 1_800_000_000.0
NOW_MS = 1_800_000_060_000


@pytest.fixture
def ledger() -> Ledger:
    load = Load(Workload(namespace="shop", name="web", replicas=1, cpu=constant(0.5), resting_memory=12_533_760))
    load.share_among(1, 2.5)
    pod = RunningPod(namespace="shop", name="web-1", uid="u-1", node="n", load=load, started=0.5, ready=2.5)
    ledger = Ledger(node="n", epoch=EPOCH, system=0.0)
    ledger.add(pod)
    return ledger


def test_the_resource_page_is_a_kubelets(ledger: Ledger) -> None:
    lines = resource_page(ledger, NOW_MS).decode().splitlines()
    families = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert families == [
        "container_cpu_usage_seconds_total",
        "container_memory_working_set_bytes",
        "container_start_time_seconds",
        "node_cpu_usage_seconds_total",
        "node_memory_working_set_bytes",
        "pod_cpu_usage_seconds_total",
        "pod_memory_working_set_bytes",
        "resource_scrape_error",
    ]
    assert lines[0] == (
        "# HELP container_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the container in"
        " core-seconds"
    )
    assert lines[1] == "# TYPE container_cpu_usage_seconds_total counter"
    labels = '{container="app",namespace="shop",pod="web-1"}'
    series = ledger.containers[0]
    at_ms = NOW_MS - (NOW_MS - series.phase_ms) % 10_000
    cpu = ((at_ms - 1_800_000_000_000) / 1000 - 2.5) * 0.5
    assert lines[2] == f"container_cpu_usage_seconds_total{labels} {round(cpu, 9)} {at_ms}"
    assert lines[5] == f"container_memory_working_set_bytes{labels} 1.253376e+07 {at_ms}"
    assert lines[8] == f"container_start_time_seconds{labels} 1.8000000005e+09"
    assert lines[-1] == "resource_scrape_error 0"


def test_our_own_decoder_reads_back_what_was_meant(ledger: Ledger) -> None:
    page = ExpositionDecoder().page(resource_page(ledger, NOW_MS), 0)
    series = ledger.containers[0]
    reading = ledger.read(series, NOW_MS)
    assert reading is not None
    sample = page.containers[ContainerId("shop", "web-1", "app")]
    assert (sample.at_ns, sample.memory) == (reading.at_ms * 10**6, reading.memory)
    assert sample.cpu_ns == pytest.approx(reading.cpu_ns, abs=1)
    assert sample.start_ns == round((EPOCH + 0.5) * 1e9)
    assert page.node is not None
    assert not page.failed
    assert not page.skipped


def test_before_the_first_sample_a_container_has_a_start_time_only(ledger: Ledger) -> None:
    text = resource_page(ledger, 1_800_000_000_600).decode()
    assert "container_start_time_seconds{" in text
    assert "container_cpu" not in text


def test_an_empty_node_has_its_own_numbers(ledger: Ledger) -> None:
    text = resource_page(Ledger(node="n", epoch=EPOCH), NOW_MS).decode()
    assert "container_" not in text
    assert "node_cpu_usage_seconds_total 18" in text


def test_a_wrong_clock_shifts_every_instant(ledger: Ledger) -> None:
    right = ExpositionDecoder().page(resource_page(ledger, NOW_MS), 0)
    wrong = ExpositionDecoder().page(resource_page(ledger, NOW_MS, shift_ms=5_000), 0)
    for one, other in zip(right.containers.values(), wrong.containers.values(), strict=True):
        assert other.at_ns - one.at_ns == 5 * 10**9
        assert other.cpu_ns == one.cpu_ns


def test_the_page_of_a_kubelet_without_statistics() -> None:
    assert ExpositionDecoder().page(failed_page(), 0).failed


def test_the_summary_says_the_same_in_whole_seconds(ledger: Ledger) -> None:
    body = orjson.loads(summary_page(ledger, NOW_MS))
    (pod,) = body["pods"]
    assert pod["podRef"] == {"name": "web-1", "namespace": "shop", "uid": "u-1"}
    assert pod["startTime"] == "2027-01-15T08:00:00Z"
    (container,) = pod["containers"]
    reading = ledger.read(ledger.containers[0], NOW_MS)
    assert reading is not None
    assert container["cpu"]["usageCoreNanoSeconds"] == reading.cpu_ns
    assert container["cpu"]["usageNanoCores"] == 500_000_000
    assert container["memory"]["workingSetBytes"] == 12_533_760
    assert body["node"]["nodeName"] == "n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.5, "0.5"),
        (12, "12"),
        (4.710169, "4.710169"),
        (999_999, "999999"),
        (1_000_000, "1e+06"),
        (12_533_760, "1.253376e+07"),
        (1_234_567.5, "1.2345675e+06"),
        (1_633_245_400.25, "1.63324540025e+09"),
        (0.0001, "0.0001"),
        (0.000012, "1.2e-05"),
        (1e21, "1e+21"),
        (1.5e22, "1.5e+22"),
        (25_000_000_000, "2.5e+10"),
        (3_000_000, "3e+06"),
        (1e-7, "1e-07"),
    ],
)
def test_numbers_are_written_as_go_writes_them(value: float, text: str) -> None:
    assert go_float(value) == text
    assert math.isclose(float(text), value)
