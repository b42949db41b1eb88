"""Every way a number can be missing, with its reason and since when; second 0 is 2027-01-15T08:00:00Z."""

from msgspec import structs

from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.model.absence import Absence, Lack
from tests.scrapes import BASE, Told, pod, reading

SLOW = ScrapeError("n1", ScrapeReason.TIMEOUT, "no full answer within 8 s")


def about_node(told: Told) -> list[str]:
    return [str(cause) for cause in told.store.absence(told.node())]


def test_a_node_from_before_its_first_scrape_to_its_last_sample() -> None:
    told = Told(resolution=10)
    assert about_node(told) == ["node n1 was not scraped yet (since 2027-01-15T08:00:00Z)"]
    told.scrape(10)
    assert about_node(told) == [
        "the kubelet of node n1 sends no series for the node itself (since 2027-01-15T08:00:00Z)"
    ]
    told.scrape(20, own=reading(20, 1))
    assert about_node(told) == ["one sample so far, a rate needs two (since 2027-01-15T08:00:20Z)"]
    told.scrape(30, own=reading(30, 1))
    assert about_node(told) == []
    told.clock.at = 61
    assert about_node(told) == ["its last sample is older than 30 s (since 2027-01-15T08:00:30Z)"]
    told.scrape(70)
    assert about_node(told) == [
        "the kubelet of node n1 sends no series for the node itself (since 2027-01-15T08:00:30Z)"
    ]


def test_a_node_that_joined_later_is_not_waited_for_longer_than_it_is_there() -> None:
    told = Told()
    young = structs.replace(told.node(), created=BASE + 100.0)
    assert told.store.absence(young) == (Absence(Lack.NOT_SCRAPED, "node n1 was not scraped yet", BASE + 100.0),)


def test_a_failing_node_names_the_first_failure_the_latest_cause_and_what_it_left_behind() -> None:
    told = Told(pod("a"), resolution=10)
    told.clock.at = 5
    told.store.failed(told.node(), SLOW)
    told.clock.at = 20
    told.store.failed(told.node(), ScrapeError("n1", ScrapeReason.CONNECT, "refused"))
    why = "scraping node n1 fails: connect: refused (since 2027-01-15T08:00:05Z)"
    assert about_node(told)[0] == told.why() == why
    assert [cause.lack for cause in told.causes()] == [Lack.FAILING, Lack.NOT_SCRAPED]
    told.scrape(30, {"a": reading(30, 1)})
    assert told.causes() == (
        Absence(Lack.NO_RATE, "container a: one sample so far, a rate needs two", BASE + 30.0, "a"),
    )
    told.store.failed(told.node(), SLOW)
    assert [cause.lack for cause in told.causes()] == [Lack.FAILING, Lack.NO_RATE]
    assert "(since 2027-01-15T08:00:30Z)" in told.why()


def test_a_pod_whose_node_was_not_scraped_yet() -> None:
    told = Told(pod("a", started=7.0))
    assert told.causes() == (Absence(Lack.NOT_SCRAPED, "its node n1 was not scraped yet", BASE + 7.0),)


def test_a_pod_that_came_after_the_last_page() -> None:
    told = Told(pod("a"))
    told.scrape(10)
    told.pods.append(pod("a", name="new", started=12.0))
    assert told.causes("new") == (Absence(Lack.NOT_SCRAPED, "no page of node n1 has come in with it yet", BASE + 12.0),)


def test_a_pod_that_took_the_name_of_another() -> None:
    told = Told(pod("a", uid="old"))
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)})
    told.pods = [pod("a", uid="new", started=21.0)]
    assert [cause.lack for cause in told.causes()] == [Lack.NOT_SCRAPED]


def test_a_pod_that_is_not_bound() -> None:
    told = Told(pod("a", node=""))
    assert [cause.lack for cause in told.causes()] == [Lack.NOT_BOUND]


def test_a_kubelet_that_sends_no_series_for_a_pod_or_for_one_of_its_containers() -> None:
    told = Told(pod("a"), pod("a", "b", name="half", started=1.0))
    told.scrape(10, others=[("half", "a", reading(10, 1, start=1))])
    assert told.why() == "the kubelet of node n1 sends no series for it (since 2027-01-15T08:00:00Z)"
    assert told.causes("half") == (
        Absence(Lack.NO_SERIES, "the kubelet of node n1 sends no series for container b", BASE + 1.0, "b"),
    )


def test_series_that_stopped_are_missing_since_their_last_line() -> None:
    told = Told(pod("a"), resolution=10)
    for at in (10, 20, 60):
        told.scrape(at, {"a": reading(at, at)} if at < 60 else {})
    assert told.why() == "the kubelet of node n1 sends no series for it (since 2027-01-15T08:00:20Z)"


def test_samples_that_turn_unusable_are_named_once_the_last_usage_is_too_old() -> None:
    told = Told(pod("a"))
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)})
    told.scrape(50, {"a": reading(50, 50, None)})
    assert told.why() == ""
    told.scrape(60, {"a": reading(60, 60, None)})
    why = "container a: the kubelet's page has no CPU or no memory line for it (since 2027-01-15T08:00:20Z)"
    assert told.why() == why


def test_a_sample_that_is_too_old() -> None:
    told = Told(pod("a"), resolution=10)
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)})
    told.clock.at = 51
    assert told.causes() == (
        Absence(Lack.TOO_OLD, "container a: its last sample is older than 30 s", BASE + 20.0, "a"),
    )


def test_a_pod_that_another_node_reports() -> None:
    told = Told(pod("a", node="n9"))
    told.scrape(10, {"a": reading(10, 10)})
    told.scrape(20, {"a": reading(20, 10)}, node=told.node("n2"))
    assert [cause.lack for cause in told.causes()] == [Lack.NOT_SCRAPED, Lack.FOREIGN]
    assert str(told.causes()[1]) == (
        "node n1, n2 reports samples of it, but it is bound to n9 (since 2027-01-15T08:00:10Z)"
    )
    for number in range(10):
        told.scrape(30, {"a": reading(30, 10)}, node=told.node(f"m{number}"))
    assert "node m0, m1, m2 and 9 more reports" in str(told.causes()[1])


def test_a_pod_that_has_a_number_lacks_nothing() -> None:
    told = Told(pod("a"))
    for at in (10, 20):
        told.scrape(at, {"a": reading(at, at)})
    assert told.causes() == ()
