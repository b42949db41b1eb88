import pytest

from autoscaler.core.exposition import ExpositionDecoder
from autoscaler.core.rates import NANO
from autoscaler.engine.readings import StoredReadings
from autoscaler.model.metrics import PodTotal, Reading
from autoscaler.model.objects import NodeName
from tests.scrapes import Told, instant, pod, reading

N1 = NodeName("n1")


def test_the_newest_counters_are_read_from_the_first_sample_on() -> None:
    told = Told(pod("b", "a"))
    told.scrape(10, {"a": reading(9, 1.5), "b": reading(10, 2, 8)}, own=reading(10, 3), whole=reading(10, 9))
    readings = StoredReadings(told.store, told.clock)
    assert readings.nodes() == [N1]
    assert readings.node(N1) == Reading("", "", "", 3 * NANO, 7, instant(10))
    assert list(readings.containers(N1)) == [
        Reading("shop", "web", "b", 2 * NANO, 8, instant(10)),
        Reading("shop", "web", "a", NANO * 3 // 2, 7, instant(9)),
    ]
    assert list(readings.pods(N1)) == []


def test_a_counter_that_fell_is_told_as_it_is() -> None:
    told = Told(pod("a"))
    told.scrape(10, {"a": reading(10, 100)})
    told.scrape(20, {"a": reading(20, 1)})
    [found] = StoredReadings(told.store, told.clock).containers(N1)
    assert found.cpu_ns == NANO


def test_pods_are_read_as_they_are_served() -> None:
    told = Told(pod("a"))
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)})
    assert list(StoredReadings(told.store, told.clock).pods(N1)) == [told.store.pod_usage("shop", "web")]


def test_what_is_too_old_and_who_is_unknown_has_nothing() -> None:
    told = Told(pod("a"), resolution=10)
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)}, own=reading(at, at))
    told.clock.at = 51
    readings = StoredReadings(told.store, told.clock)
    for name in (N1, NodeName("nobody")):
        assert (readings.node(name), list(readings.containers(name)), list(readings.pods(name))) == (None, [], [])


LINES = """\
container_cpu_usage_seconds_total{container="a",namespace="shop",pod="web"} 2 1800000010000
container_memory_working_set_bytes{container="a",namespace="shop",pod="web"} 7 1800000010000
pod_cpu_usage_seconds_total{namespace="shop",pod="web"} 5.5 1800000010000
pod_cpu_usage_seconds_total{namespace="shop",pod="of another node"} 6 1800000010000
"""


def test_the_counter_of_a_pod_is_the_kubelets_own_and_goes_on_when_a_container_restarts() -> None:
    told, decoder = Told(pod("a"), resolution=10), ExpositionDecoder()
    readings = StoredReadings(told.store, told.clock)
    for at, text in (
        (10, LINES),
        (20, LINES.replace("00010000", "00020000").replace(" 5.5", " 6.5")),  # read by the layout of the first page
        (30, LINES.replace("00010000", "00030000").replace(" 5.5", " 7.5").replace(" 2 ", " 0.1 ")),
    ):
        told.clock.at = at
        told.store.put(told.node(), decoder.page(text.encode(), instant(at)), told.pods, instant(at))
        total = {10: 5.5, 20: 6.5, 30: 7.5}[at]
        assert list(readings.pod_totals(N1)) == [PodTotal("shop", "web", int(total * NANO), instant(at))]
    told.clock.at = 61
    assert list(readings.pod_totals(N1)) == list(readings.pod_totals(NodeName("nobody"))) == []


@pytest.mark.parametrize("at", ["253402300799000", "1800000081000", "1799999940000", "0"])
def test_k21_the_counter_of_a_pod_has_a_time_that_is_believed(at: str) -> None:
    told = Told(pod("a"), resolution=60)
    told.clock.at = 20
    text = f'pod_cpu_usage_seconds_total{{namespace="shop",pod="web"}} 5.5 {at}\n'
    told.store.put(told.node(), ExpositionDecoder().page(text.encode(), instant(20)), told.pods, instant(20))
    assert list(StoredReadings(told.store, told.clock).pod_totals(N1)) == []
