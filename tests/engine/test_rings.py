from collections.abc import Sequence

import pytest

from autoscaler.core.rates import NANO, bounds_of
from autoscaler.engine.rings import FORGOTTEN_SECONDS, MOST, Ring, Rings
from autoscaler.engine.storages import Storages
from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.model.metrics import PodMetrics, Sample
from autoscaler.model.objects import Pod
from tests.scrapes import BASE, Told, pod, reading, usage

BOUNDS = bounds_of({}, 15)


class Averaged(Told):
    """What is told goes into rings beside the store."""

    def __init__(self, *pods: Pod) -> None:
        super().__init__(*pods, resolution=10)
        self.rings = Rings(self.store, resolution=10, clock=self.clock)
        self.memory = self.store
        self.store = Storages(self.memory, self.rings)  # type: ignore[assignment] # `scrape` needs `put` alone

    def load(self, *cores: float, every: float = 10.0, begin: float = 0.0, **names: str) -> float:
        """Samples of container `a` with this load between them, the last second."""
        total, at = begin * 7, begin
        self.scrape(at, {"a": reading(at, total)}, **names)
        for used in cores:
            at, total = at + every, total + used * every
            self.scrape(at, {"a": reading(at, total, int(used * 100))}, **names)
        return at

    def read(self, window: float, pods: Sequence[Pod] = ()) -> list[tuple[int, int, float]]:
        """Milli-cores, bytes and window of each pod's first container."""
        found = self.rings.pod_metrics("shop", pods or self.pods, window)
        return [(each.containers[0][1]["cpu"], each.containers[0][1]["memory"] // 1000, each.window) for each in found]


def test_a_controller_reads_milli_rounded_up_per_container_and_whole_seconds() -> None:
    told = Averaged(pod("a", "b"))
    told.scrape(10, {"a": reading(10.25, 0), "b": reading(10.25, 0)})
    told.scrape(20, {"a": reading(20.75, 0.0105), "b": reading(20.75, 0.000000011, 0)})
    assert told.rings.pod_metrics("shop", [told.pods[0], pod("a", name="unknown")]) == (
        PodMetrics(
            "web",
            float(BASE + 20),
            10.5,
            (("a", {"cpu": 1, "memory": 7000}), ("b", {"cpu": 1, "memory": 0})),
        ),
    )


def test_of_more_containers_than_are_kept_the_latest_usage_is_served() -> None:
    names = [f"c{number}" for number in range(MOST + 1)]
    told = Averaged(pod(*names))
    told.read(60)
    for at, total in ((10, 0), (20, 10), (30, 40)):
        told.scrape(at, dict.fromkeys(names, reading(at, total)))
    (found,) = told.rings.pod_metrics("shop", told.pods, 60)
    assert [used["cpu"] for _, used in found.containers] == [2000] * MOST + [3000]


@pytest.mark.parametrize("window", [0.0, 60.0])
def test_a_controller_does_not_get_the_numbers_of_a_former_pod(window: float) -> None:
    told = Averaged(pod("a", uid="former"))
    told.read(window)
    told.load(1, 1)
    assert told.read(window, [pod("a", uid="present")]) == []


def test_the_mean_is_of_the_window_that_is_asked_for() -> None:
    told = Averaged(pod("a"))
    told.read(300)
    told.load(*[1] * 27, 2, 2, 5)
    assert told.read(0) == [(5000, 500, 10.0)]
    assert told.read(30) == [(3000, 300, 30.0)]
    assert told.read(60) == [(2000, 200, 60.0)]
    assert told.read(300) == [(1200, 120, 300.0)]


def test_a_pod_is_kept_from_the_first_question_on_and_its_window_grows() -> None:
    told = Averaged(pod("a"))
    told.load(1, 4)
    assert told.read(60) == [(4000, 400, 10.0)], "nothing is kept yet: the latest usage"
    told.scrape(30, {"a": reading(30, 90)})
    assert told.read(60) == [(4000, 7, 10.0)], "one sample is kept: still the latest usage"
    told.scrape(40, {"a": reading(40, 110)})
    assert told.read(60) == [(2000, 7, 10.0)]
    told.scrape(50, {"a": reading(50, 150)})
    assert told.read(60) == [(3000, 7, 20.0)]


def test_who_is_not_asked_for_is_not_kept_and_is_forgotten_in_the_end() -> None:
    told = Averaged(pod("a"), pod("a", name="other"))
    told.read(60, [told.pods[0]])
    end = told.load(*[1] * 6)
    assert told.read(60, [told.pods[0]])[0][2] == 60.0
    end = told.load(*[1] * int(FORGOTTEN_SECONDS / 10 + 12), begin=end + 10)
    assert told.read(60, [told.pods[0]])[0][2] == 10.0


def test_a_replaced_pod_begins_anew() -> None:
    told = Averaged(pod("a", uid="former"))
    told.read(60)
    told.load(9, 9, 9)
    told.pods = [pod("a", uid="present")]
    told.read(60)
    told.load(1, 1, begin=100)
    assert told.read(60) == [(1000, 100, 20.0)]


def test_a_scrape_that_fails_or_a_node_that_goes_is_nothing_to_a_ring() -> None:
    told = Averaged(pod("a"))
    told.read(60)
    told.load(1)
    told.store.failed(told.node(), ScrapeError("n1", ScrapeReason.TIMEOUT, "slow"))
    told.scrape(40, {"a": reading(40, 40)})
    assert told.read(60) == [(1000, 53, 40.0)]
    told.store.forget(told.node().name)
    assert told.read(60) == []


def take(ring: Ring, *samples: Sample) -> None:
    for each in samples:
        ring.take(each, each.at_ns, BOUNDS)


def test_no_mean_of_less_than_two_samples() -> None:
    ring = Ring()
    assert ring.over(NANO) is None
    take(ring, reading(10, 1))
    assert ring.over(NANO) is None


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(reading(20, 2), id="repeated"),
        pytest.param(reading(15, 2), id="going back"),
        pytest.param(reading(30, None), id="without CPU"),
    ],
)
def test_a_sample_that_does_not_count_changes_nothing(bad: Sample) -> None:
    ring = Ring()
    take(ring, reading(10, 1), reading(20, 2), bad)
    assert ring.over(60 * NANO) == usage(0.1, 10, 20)


def test_after_a_restart_or_a_counter_that_fell_the_window_begins_anew() -> None:
    ring = Ring()
    take(ring, reading(10, 100), reading(20, 200), reading(30, 5))
    assert ring.over(60 * NANO) is None
    take(ring, reading(40, 6), reading(50, 7, start=42), reading(60, 9, start=42))
    assert ring.over(60 * NANO) == usage(0.2, 10, 60)


def test_it_is_as_long_as_the_longest_window_and_no_longer() -> None:
    ring = Ring()
    take(ring, *(reading(at, at) for at in range(0, 10_000, 10)))
    assert ring.over(9_000 * NANO) == usage(1, 300, 9_990)
