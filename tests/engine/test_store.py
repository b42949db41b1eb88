from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.model.metrics import Page, PodMetrics
from autoscaler.model.objects import ObjectKey
from tests.scrapes import BASE, Told, instant, pod, reading, usage

WEB = ObjectKey("shop", "web")
SLOW = ScrapeError("n1", ScrapeReason.TIMEOUT, "slow")


def test_nothing_is_known_at_first() -> None:
    told = Told()
    assert told.store.pod_usage("shop", "web") is None
    assert told.store.node_usage("n1") is None
    assert told.why() == "no page of its node has come in since it was bound"


def test_a_failed_scrape_keeps_what_was_known_up_to_three_resolutions() -> None:
    told = Told(pod("a"), resolution=10)
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)})
    told.store.failed(told.node(), SLOW)
    told.clock.at = 50
    assert told.served() == {"a": usage(1, 10, 20)}
    told.clock.at = 50.1
    assert told.served() is None


def test_a_rate_bridges_a_failed_scrape() -> None:
    told = Told(pod("a"), resolution=10)
    told.scrape(10, {"a": reading(10, 1)})
    told.store.failed(told.node(), SLOW)
    told.scrape(30, {"a": reading(30, 3)})
    assert told.served() == {"a": usage(0.1, 20, 30)}


def test_listeners_hear_of_pods_with_new_numbers_only() -> None:
    told = Told(pod("a"), pod("a", name="idle"))
    told.scrape(10, {"a": reading(10, 1)})
    assert told.heard == []
    told.scrape(20, {"a": reading(20, 2)}, others=[("idle", "a", reading(20, 1))])
    told.scrape(30, {"a": reading(20, 2)})
    assert told.heard == [[WEB]]


def test_a_pod_that_moved_is_read_from_its_new_node() -> None:
    told = Told(pod("a"))
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)})
    told.pods = [pod("a", uid="second", node="n2")]
    for at in (30, 40):
        told.scrape(at, {"a": reading(at, at * 2)}, node=told.node("n2"))
    told.scrape(41, {"a": reading(41, 41)})
    found = told.store.pod_usage("shop", "web")
    assert found is not None
    assert (found.uid, dict(found.containers)) == ("second", {"a": usage(2, 10, 40)})


def test_a_pod_that_is_gone_is_forgotten_with_its_nodes_next_page() -> None:
    told = Told(pod("a"))
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)})
    told.pods = []
    told.scrape(30)
    assert told.served() is None


def test_a_node_that_is_gone_takes_its_pods_along() -> None:
    told = Told(pod("a"))
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)}, own=reading(at, at))
    told.store.forget(told.node().name)
    told.store.forget(told.node().name)
    assert told.served() is None
    assert told.store.node_usage("n1") is None


def test_a_node_of_the_same_name_with_another_uid_begins_anew() -> None:
    told = Told(pod("a"))
    told.scrape(10, {"a": reading(10, 1)}, own=reading(10, 1))
    told.scrape(20, {"a": reading(20, 2)}, own=reading(20, 2), node=told.node(uid="reborn"))
    assert told.served() is None
    assert told.store.node_usage("n1") is None


def test_a_controller_reads_milli_rounded_up_per_container_and_whole_seconds() -> None:
    told = Told(pod("a", "b"))
    told.scrape(10, {"a": reading(10.25, 0), "b": reading(10.25, 0)})
    told.scrape(20, {"a": reading(20.75, 0.0105), "b": reading(20.75, 0.000000011, 0)})
    known = told.pods[0]
    assert told.store.pod_metrics("shop", [known, pod("a", name="unknown")]) == (
        PodMetrics(
            "web",
            float(BASE + 20),
            10.5,
            (("a", {"cpu": 1, "memory": 7000}), ("b", {"cpu": 1, "memory": 0})),
        ),
    )


def test_a_controller_does_not_get_the_numbers_of_a_former_pod() -> None:
    told = Told(pod("a", uid="former"))
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)})
    assert told.store.pod_metrics("shop", [pod("a", uid="present")]) == ()


def test_the_absence_of_an_unknown_pod_counts_failing_nodes() -> None:
    told = Told()
    told.store.put(told.node("n2"), Page(node=None, containers={}), [], instant(0))
    told.store.failed(told.node(), SLOW)
    assert told.why() == "no page of its node has come in since it was bound (1 of 2 nodes fail to be scraped)"
