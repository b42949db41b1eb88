from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.model.objects import Milli
from tests.scrapes import Told, pod, reading, usage

SLOW = ScrapeError("n1", ScrapeReason.TIMEOUT, "no full answer within 8 s")


def test_a_node_has_a_usage_of_its_own() -> None:
    told = Told()
    told.scrape(10, own=reading(10, 1))
    told.scrape(20, own=reading(20, 6, 99))
    found = told.store.node_usage("n1")
    assert found is not None
    assert (found.node, found.usage) == ("n1", usage(0.5, 10, 20, 99))


def test_why_a_node_has_none() -> None:
    told = Told(resolution=10)
    assert told.store.absence("node", "", "n1") == "node n1 was never scraped"
    told.scrape(10)
    assert told.store.absence("node", "", "n1") == "the kubelet of node n1 sends no series for the node itself"
    told.scrape(20, own=reading(20, 1))
    assert told.store.absence("node", "", "n1") == "one sample so far, a rate needs two"
    told.scrape(30, own=reading(30, 1))
    assert told.store.absence("node", "", "n1") == ""
    told.clock.at = 61
    assert told.store.absence("node", "", "n1") == "its last sample is too old"


def test_a_failing_node_names_the_first_failure_and_the_latest_cause() -> None:
    told = Told(pod("a"))
    told.clock.at = 5
    told.store.failed(told.node(), SLOW)
    told.clock.at = 20
    told.store.failed(told.node(), ScrapeError("n1", ScrapeReason.CONNECT, "refused"))
    why = "scraping node n1 fails since 2027-01-15T08:00:05Z: connect: refused"
    assert told.store.absence("node", "", "n1") == why
    told.scrape(30, {"a": reading(30, 1)})
    assert told.why() == "container a: one sample so far, a rate needs two"
    told.store.failed(told.node(), SLOW)
    assert told.why() == "scraping node n1 fails since 2027-01-15T08:00:30Z: timeout: no full answer within 8 s"


def test_samples_of_pods_that_are_not_bound_here_are_dropped_and_counted() -> None:
    told = Told(pod("a"), pod("a", name="elsewhere", node="n2"))
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)}, others=[("elsewhere", "a", reading(at, at * 100))])
    assert list(told.served() or ()) == ["a"]
    assert told.served("elsewhere") is None
    assert told.skipped("foreign") == 2
    assert told.why("elsewhere") == "node n1 reports samples of it, but it is not bound there"


def test_a_recreated_pod_of_the_same_name_begins_anew() -> None:
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
