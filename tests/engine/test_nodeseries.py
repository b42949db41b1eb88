from autoscaler.model.objects import Milli
from tests.scrapes import Told, pod, reading, usage


def test_a_node_has_a_usage_of_its_own() -> None:
    told = Told()
    told.scrape(10, own=reading(10, 1))
    told.scrape(20, own=reading(20, 6, 99))
    found = told.store.node_usage("n1")
    assert found is not None
    assert (found.node, found.usage) == ("n1", usage(0.5, 10, 20, 99))


def test_k23_samples_of_pods_that_are_not_bound_here_are_dropped_and_counted() -> None:
    told = Told(pod("a"), pod("a", name="elsewhere", node="n2"))
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)}, others=[("elsewhere", "a", reading(at, at * 100))])
    assert list(told.served() or ()) == ["a"]
    assert told.served("elsewhere") is None
    assert told.skipped("foreign") == 2


def test_k24_a_recreated_pod_of_the_same_name_begins_anew() -> None:
    told = Told(pod("a", uid="old"))
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)})
    told.pods = [pod("a", uid="new")]
    told.scrape(30, {"a": reading(30, 31)})
    assert told.served() is None
    told.scrape(40, {"a": reading(40, 41)})
    assert told.served() == {"a": usage(1, 10, 40)}


def test_what_should_not_happen_is_counted_by_reason() -> None:
    told = Told(pod("a"), capacity={"cpu": Milli(4000)})
    readings = [
        (10, reading(10, 10)),
        (20, reading(20, 9)),  # fell
        (30, reading(30, 9 + 51)),  # 5.1 of 4 cores
        (40, reading(40, None)),
        (50, reading(-50, 61)),
    ]
    for at, sample in readings:
        told.scrape(at, {"a": sample})
    for reason in ("counter_fell", "over_capacity", "incomplete", "clock"):
        assert told.skipped(reason) == 1, reason
    assert told.skipped("first") == 0
