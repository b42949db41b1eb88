"""Kubelets whose samples are not what they should be: what of them is served, and what is only counted."""

import time
import tracemalloc

import pytest

from autoscaler.core.exposition import MAX_LINES, ExpositionDecoder
from autoscaler.core.rates import CLOCK_NS, NANO
from autoscaler.engine.nodeseries import REMEMBERED_FOREIGN
from autoscaler.kube.httpanswer import MAX_BODY
from autoscaler.model.metrics import Sample
from autoscaler.model.objects import Container, Milli, Node, NodeName, Pod
from tests.scrapes import Told, instant, pod, reading, usage


def test_k19_a_restarted_container_is_measured_from_its_start_and_gives_no_spike() -> None:
    told = Told(pod("a"), capacity={"cpu": Milli(4000)})
    told.scrape(10, {"a": reading(10, 1000, start=-900)})
    told.scrape(20, {"a": reading(20, 1001, start=-900)})
    assert told.served() == {"a": usage(0.1, 10, 20)}
    told.scrape(30, {"a": reading(30, 4, start=22)})
    assert told.served() == {"a": usage(0.5, 8, 30)}
    told.scrape(40, {"a": reading(40, 9, start=22)})
    assert told.served() == {"a": usage(0.5, 10, 40)}


def test_k19_a_restart_too_young_to_be_measured_takes_the_number_away() -> None:
    told = Told(pod("a"))
    for at, cpu in ((10, 1000), (20, 1001)):
        told.scrape(at, {"a": reading(at, cpu, start=-900)})
    told.scrape(30, {"a": reading(30, 1, start=27)})
    assert told.served() is None
    told.scrape(40, {"a": reading(40, 6, start=27)})
    assert told.served() == {"a": usage(0.5, 10, 40)}


def test_k20_a_counter_that_falls_costs_its_pair_and_the_next_one_counts() -> None:
    told = Told(pod("a"))
    told.scrape(10, {"a": reading(10, 100, start=-900)})
    told.scrape(20, {"a": reading(20, 50, start=-900)})
    assert (told.served(), told.skipped("counter_fell")) == (None, 1)
    told.scrape(30, {"a": reading(30, 55, start=-900)})
    assert told.served() == {"a": usage(0.5, 10, 30)}


TIMES = {
    "an hour ahead": 3600 + 30,
    "an hour behind": 30 - 3600,
    "1970": -1_800_000_000,
    "the year 9999": 253_402_300_800 - 1_800_000_000,
    "repeated": 20,
    "backwards": 15,
}


@pytest.mark.parametrize("at", TIMES.values(), ids=TIMES)
def test_k21_a_sample_of_another_time_leaves_what_was_known_and_no_window_is_empty(at: float) -> None:
    told = Told(pod("a"))
    for second in (10, 20):
        told.scrape(second, {"a": reading(second, second)})
    told.scrape(30, {"a": reading(at, 1e9)})
    assert told.served() == {"a": usage(1, 10, 20)}
    told.scrape(40, {"a": reading(40, 40)})
    assert told.served() == {"a": usage(1, 20, 40)}


def test_k21_a_clock_that_is_ahead_makes_no_sample_younger_than_its_receipt() -> None:
    told = Told(pod("a"), resolution=10)
    ahead = CLOCK_NS / NANO - 1
    for second in (10, 20):
        told.scrape(second, {"a": reading(second + ahead, second)})
    told.clock.at = 50
    assert told.served() is not None
    told.clock.at = 51
    assert told.served() is None


def test_k22_of_a_pod_that_two_nodes_report_the_one_it_is_bound_to_counts() -> None:
    told = Told(pod("a"))
    stale = told.node("n2")
    for at in (10, 20, 30):
        told.scrape(at, {"a": reading(at, at / 2)})
        told.scrape(at + 1, {"a": reading(at + 1, at * 125)}, node=stale)
        assert told.served() in (None, {"a": usage(0.5, 10, at)})
    assert told.served() == {"a": usage(0.5, 10, 30)}
    assert told.skipped("foreign") == 3


def test_k23_what_a_node_invents_is_dropped_counted_by_node_and_remembered_up_to_a_limit() -> None:
    told = Told(pod("a"))
    lies = [(f"pod-{number}", "c", reading(10, 1)) for number in range(5 * REMEMBERED_FOREIGN)]
    told.scrape(10, {"a": reading(10, 1)}, others=lies)
    assert told.registry.get_sample_value("autoscaler_foreign_samples_total", {"node": "n1"}) == len(lies)
    series = told.store.node(NodeName("n1"))
    assert series is not None
    assert len(series.foreign) == REMEMBERED_FOREIGN
    assert len(series.pods()) == 1
    told.telemetry.forget_node("n1")
    assert told.registry.get_sample_value("autoscaler_foreign_samples_total", {"node": "n1"}) is None


def test_k24_no_rate_is_made_across_uids_or_starts() -> None:
    told = Told(pod("a", uid="old"))
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at, start=-900)})
    told.pods = [pod("a", uid="new")]
    told.scrape(30, {"a": reading(30, 400, start=-900)})
    assert told.served() is None
    told.scrape(40, {"a": reading(40, 410, start=36)})
    assert told.served() is None
    told.scrape(50, {"a": reading(50, 411, start=36)})
    assert told.served() == {"a": usage(0.1, 10, 50)}


def test_k25_all_kinds_of_containers() -> None:
    """An idle one counts 0, a finished init container nothing; one that lacks a line holds its pod back."""
    told = Told(pod("main", "pause", sidecars=["mesh"]))
    told.scrape(5, {"setup": reading(4, 3), "main": reading(4, 4)})
    for at in (10, 20):
        told.scrape(
            at,
            {
                "main": reading(at, at),
                "pause": reading(at, 0, 0),
                "mesh": reading(at, 0),
                "debugger": reading(at, at / 2),
            },
        )
    idle = usage(0, 10, 20)
    assert told.served() == {
        "main": usage(1, 10, 20), "pause": usage(0, 10, 20, 0), "mesh": idle, "debugger": usage(0.5, 10, 20),
    }  # fmt: skip
    lacking = Told(pod("main", "side"))
    for at, memory in ((10, 7), (20, None), (30, 7)):
        lacking.scrape(at, {"main": reading(at, at), "side": reading(at, at, memory)})
        assert (lacking.served() is None) == (at < 30)


def crowded(pods: int, containers: int, *, of: str = "pod") -> bytes:
    names = [(f"{of}-{number}", f"c{index}") for number in range(pods) for index in range(containers)]
    labels = [f'{{container="{each}",namespace="shop",pod="{name}"}}' for name, each in names]
    lines = [f"container_cpu_usage_seconds_total{each} 12.5 1800000010000" for each in labels]
    lines += [f"container_memory_working_set_bytes{each} 1.5e+07 1800000010000" for each in labels]
    lines += [f"container_start_time_seconds{each} 1.799999999e+09" for each in labels]
    return "\n".join([*lines, ""]).encode()


def crowd(pods: int, containers: int, *, node: str) -> list[Pod]:
    """Those of a `crowded` page."""
    given = tuple(Container(f"c{index}") for index in range(containers))
    return [
        Pod(namespace="shop", name=f"{node}-{number}", uid=f"{node}-{number}", node=NodeName(node), containers=given)
        for number in range(pods)
    ]


def test_k26_a_node_of_500_pods_with_20_containers_is_read_whole() -> None:
    body = crowded(500, 20, of="n1")
    assert len(body) < MAX_BODY
    pods = crowd(500, 20, node="n1")
    told = Told(*pods)
    page = ExpositionDecoder().page(body, instant(10))
    assert (len(page.containers), page.skipped) == (10_000, {})
    told.clock.at = 10
    told.store.put(told.node(), page, pods, instant(10))
    assert all(len(told.served(each.name) or ()) == 20 for each in pods)


class Scraped:
    """One node of so many pods of 20 containers, page by page; `seconds` is the processor time of the last one."""

    def __init__(self, told: Told, pods: int, name: str) -> None:
        self.seconds = 0.0
        self._told, self._decoder = told, ExpositionDecoder()
        self._pods, self._body = crowd(pods, 20, node=name), crowded(pods, 20, of=name)
        self._node = told.node(name)

    def scrape(self, at: float) -> None:
        self._told.clock.at = at
        body = self._body.replace(b" 12.5 ", b" %.1f " % at).replace(b" 1800000010000", b" %d" % (instant(at) // 10**6))
        begun = time.thread_time()
        page = self._decoder.page(body, instant(at))
        self._told.store.put(self._node, page, self._pods, instant(at))
        self.seconds = time.thread_time() - begun


def test_k26_what_a_crowded_node_costs_is_in_proportion_and_so_is_its_memory() -> None:
    """10,000 containers on one node beside as many on 50 nodes, in turns: only caches of the machine differ.

    A pod of two containers takes 2.2 KB in all (docs/benchmarks.md): none of these takes more.
    """
    told = Told(resolution=15)
    tracemalloc.start()
    one = Scraped(told, 500, "one")
    before, _ = tracemalloc.get_traced_memory()
    one.scrape(10)
    one.scrape(25)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 10_000 * 1100
    fifty = [Scraped(told, 10, f"n{number}") for number in range(50)]
    mine, theirs = [], []
    for number in range(5):
        at = 40 + 15 * number
        for each in (one, *fifty):
            each.scrape(at)
        mine.append(one.seconds)
        theirs.append(sum(each.seconds for each in fifty))
    assert min(mine) < 3 * min(theirs)


def test_k33_openmetrics_and_exemplars_are_read() -> None:
    labels = '{container="a",namespace="shop",pod="web"}'
    text = (
        "# TYPE container_cpu_usage_seconds_total counter\n# UNIT x seconds\n"
        f"container_cpu_usage_seconds_total{labels} 2 1800000010.000\n"
        f'container_memory_working_set_bytes{labels} 7 # {{trace_id="x",pod="other"}} 0.67\n'
        "# EOF\n"
    )
    page = ExpositionDecoder().page(text.encode(), instant(10))
    assert list(page.containers.values()) == [Sample(instant(10), 2 * NANO, 7)]
    assert page.skipped == {}


def test_k34_a_flood_of_invented_pods_is_cut_and_leaves_nothing_behind() -> None:
    told = Told(pod("a"))
    told.clock.at = 10
    decoder = ExpositionDecoder()
    mine = 'container="a",namespace="shop",pod="web"'
    known = "".join(
        f"{family}{{{mine}}} 5 1800000010000\n"
        for family in ("container_cpu_usage_seconds_total", "container_memory_working_set_bytes")
    )
    comment = b"# " + b"x" * (10 << 20) + b"\n"
    for wave in range(3):
        flood = crowded(20_000, 1, of=f"wave{wave}")
        page = decoder.page(known.encode() + comment + flood, instant(10))
        assert len(page.containers) <= MAX_LINES
        assert page.skipped["long"] == 1
        told.store.put(Node(name=NodeName("n1"), uid="uid of n1"), page, told.pods, instant(10))
    assert [series.pod.name for series in told.store.nodes()[0].pods()] == ["web"]
    assert len(decoder._ids) < 50_000
