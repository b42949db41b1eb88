import msgspec
import pytest

from autoscaler.core.exposition import ExpositionDecoder
from autoscaler.engine.progress import Progress, decoded
from autoscaler.errors import MalformedError, ScrapeError, ScrapeReason
from autoscaler.model.metrics import RawPage, Sample, Source
from autoscaler.model.objects import Node, NodeAddress, NodeName, ObjectKey

NODE = Node(name=NodeName("n"), uid="u", ready=False)
PASSING = ScrapeError("n", ScrapeReason.TIMEOUT, "slow")
LASTING = ScrapeError("n", ScrapeReason.FORBIDDEN, "403")


def progress() -> Progress:
    return Progress(NODE, Source.AUTO, 0.0)


def test_one_failure_that_may_pass_is_no_news_two_are_once() -> None:
    node = progress()
    assert [node.fail(PASSING) for _ in range(4)] == [False, True, False, False]
    assert [node.succeed() for _ in range(2)] == [True, False]


def test_a_failure_that_needs_a_person_is_news_at_once_and_once() -> None:
    node = progress()
    assert [node.fail(LASTING) for _ in range(3)] == [True, False, False]


def test_a_single_failure_ends_without_news() -> None:
    node = progress()
    node.fail(PASSING)
    assert not node.succeed()
    assert (node.failures, node.succeeded) == (0, True)


CHANGES = {
    "it became ready": ({"ready": True}, True),
    "it has another address": ({"addresses": (NodeAddress("InternalIP", "10.0.0.9"),)}, True),
    "it has another port": ({"kubelet_port": 10251}, True),
    "only its labels changed": ({"labels": {"zone": "b"}}, False),
}


@pytest.mark.parametrize(("change", "at_once"), CHANGES.values(), ids=CHANGES)
def test_what_makes_a_node_due_at_once(change: dict[str, object], at_once: bool) -> None:
    assert progress().due_at_once(msgspec.structs.replace(NODE, **change)) is at_once


def test_pods_are_awaited_until_they_have_a_number_or_it_is_too_late() -> None:
    node, late, soon, done = progress(), ObjectKey("shop", "late"), ObjectKey("shop", "soon"), ObjectKey("shop", "done")
    node.awaited = {late: 10, soon: 40, done: 40}
    assert node.await_pods(lambda pod: pod == done, 10)
    assert node.awaited == {soon: 40}
    assert not node.await_pods(lambda _: False, 40)


@pytest.mark.parametrize(
    ("setting", "first", "other"),
    [
        (Source.AUTO, Source.RESOURCE, Source.SUMMARY),
        (Source.RESOURCE, Source.RESOURCE, Source.SUMMARY),
        (Source.SUMMARY, Source.SUMMARY, Source.RESOURCE),
    ],
)
def test_sources(setting: Source, first: Source, other: Source) -> None:
    node = Progress(NODE, setting, 0.0)
    assert (node.source, node.other_source()) == (first, other)


PAGES = {
    "resource": RawPage(b"node_cpu_usage_seconds_total 1 5\n", Source.RESOURCE, 9),
    "summary": RawPage(
        b'{"node":{"cpu":{"time":"1970-01-01T00:00:00Z","usageCoreNanoSeconds":1000000000}}}', Source.SUMMARY, 5_000_000
    ),
}


@pytest.mark.parametrize("raw", PAGES.values(), ids=PAGES)
def test_a_page_is_decoded_by_its_source(raw: RawPage) -> None:
    assert decoded(raw, ExpositionDecoder()).node == Sample(5_000_000, 10**9)


@pytest.mark.parametrize("source", [Source.RESOURCE, Source.SUMMARY])
def test_a_page_that_is_none_is_malformed(source: Source) -> None:
    with pytest.raises(MalformedError):
        decoded(RawPage(b"<html>", source, 1), ExpositionDecoder())


def test_the_report_names_the_first_failure_of_a_row_and_the_latest_error() -> None:
    node = progress()
    assert (node.report().failing_since, node.report().reason) == (None, "")
    for asked, error in ((5.0, PASSING), (9.0, LASTING)):
        node.asked_at = asked
        node.fail(error)
    report = node.report()
    assert (report.failing_since, report.failures, report.reason) == (5.0, 2, ScrapeReason.FORBIDDEN)
    node.succeed()
    assert (node.report().failing_since, node.report().reason) == (None, "")
