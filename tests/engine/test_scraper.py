import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from structlog.testing import capture_logs

from autoscaler.engine.schedule import phase
from autoscaler.engine.scraper import LARGE
from autoscaler.engine.store import KEPT_RESOLUTIONS
from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.model.metrics import Source
from autoscaler.model.objects import Node, NodeAddress, NodeName
from tests.clock import FakeClock
from tests.engine.scraping import RESOLUTION, World, failing, hanging, node, pod


async def test_every_node_is_asked_at_once_and_then_in_its_own_phase() -> None:
    world = World("a", "b", "c")
    async with world.scraping() as scraper:
        assert [world.times(name) for name in "abc"] == [[0], [0], [0]]
        await world.clock.advance(60)
        assert scraper.coverage() == (3, 3)
    start = FakeClock().now()
    for name in "abc":
        later = world.times(name)[1:]
        assert len(later) in {3, 4}
        assert [(start + at) % RESOLUTION for at in later] == pytest.approx([phase(name, RESOLUTION, 3)] * len(later))
    assert world.store.node_usage("a") is not None


async def test_a_hanging_node_ages_nobody_else() -> None:
    world = World("a", "b")
    world.answers["a"] = hanging
    async with world.scraping():
        await world.clock.advance(60)
    assert len(world.times("a")) == 1
    assert len(world.times("b")) >= 4
    assert world.store.node_usage("b") is not None


async def test_no_more_than_the_bound_are_asked_at_once() -> None:
    world = World(*"abcdefgh")
    world.answers = dict.fromkeys("abcdefgh", hanging)
    async with world.scraping(concurrency=3):
        await world.clock.advance(60)
    assert (world.most_in_flight, world.in_flight) == (3, 0)


async def test_a_node_that_appears_is_asked_at_once_and_one_that_goes_no_more() -> None:
    world = World("a")
    async with world.scraping() as scraper:
        await world.clock.advance(7)
        await world.change("b", node("b"))
        assert world.times("b") == [7]
        await world.clock.advance(40)
        await world.change("a", None)
        seen = len(world.times("a"))
        await world.clock.advance(60)
        assert len(world.times("a")) == seen
        assert scraper.coverage() == (1, 1)
    assert world.store.node_usage("a") is None
    assert world.store.absence(node("a"))[0].text == "node a was not scraped yet"
    nodes = {
        sample.labels["node"] for family in world.registry.collect() for sample in family.samples
        if "node" in sample.labels
    }  # fmt: skip
    assert nodes == {"b"}
    assert world.forgotten == ["a"]


URGENT = {
    "becomes ready": ({"ready": True}, 1),
    "moves": ({"addresses": (NodeAddress("InternalIP", "10.0.0.9"),)}, 1),
    "is replaced by another of its name": ({"uid": "another"}, 1),
    "gets another label": ({"labels": {"zone": "b"}}, 0),
}


@pytest.mark.parametrize(("change", "more"), URGENT.values(), ids=URGENT)
async def test_a_node_is_asked_at_once_when_it(change: dict[str, object], more: int) -> None:
    world = World("a")
    world.known[NodeName("a")] = unready = node("a", ready=False)
    async with world.scraping():
        await world.clock.advance(1)
        await world.change("a", msgspec.structs.replace(unready, **change))
        assert len(world.times("a")) == 1 + more


async def test_a_failure_is_retried_early_once() -> None:
    world = World("a")
    world.answers["a"] = failing(ScrapeReason.TIMEOUT)
    async with world.scraping() as scraper:
        await world.clock.advance(5)
        assert world.times("a") == [0, 5]
        await world.clock.advance(4.9)
        assert len(world.times("a")) == 2
        assert scraper.coverage() == (0, 1)
    assert "timeout: as told" in world.store.absence(node("a"))[0].text
    errors = world.registry.get_sample_value("autoscaler_scrape_errors_total", {"reason": "timeout"})
    assert errors == 2


async def test_k09_a_kubelet_that_asks_for_time_gets_it() -> None:
    world = World("a")
    world.answers["a"] = failing(ScrapeReason.STATUS, retry_after=50)
    async with world.scraping():
        await world.clock.advance(49)
        assert world.times("a") == [0]
        await world.clock.advance(1)
        assert world.times("a") == [0, 50]


async def test_one_line_is_logged_when_a_node_begins_to_fail_and_one_when_it_works_again() -> None:
    world = World("a")
    world.answers["a"] = failing(ScrapeReason.TIMEOUT)
    with capture_logs() as logs:
        async with world.scraping():
            await world.clock.advance(120)
            del world.answers["a"]
            await world.clock.advance(120)
    assert [(entry["log_level"], entry["node"]) for entry in logs] == [("warning", "a"), ("info", "a")]


async def test_auto_falls_back_to_the_summary_and_remembers() -> None:
    world = World("a")

    async def old_kubelet(node: Node, source: Source) -> bytes:
        if source is Source.RESOURCE:
            raise ScrapeError(node.name, ScrapeReason.NOT_FOUND, "404")
        return await world.steady(node, source)

    world.answers["a"] = old_kubelet
    async with world.scraping():
        await world.clock.advance(40)
    sources = [source for _, source, _ in world.asked]
    assert sources[:3] == [Source.RESOURCE, Source.SUMMARY, Source.SUMMARY]
    assert Source.RESOURCE not in sources[1:]
    assert world.store.node_usage("a") is not None


@pytest.mark.parametrize("source", [Source.RESOURCE, Source.SUMMARY])
async def test_a_chosen_source_is_never_left(source: Source) -> None:
    world = World("a")
    world.answers["a"] = failing(ScrapeReason.NOT_FOUND)
    async with world.scraping(source):
        await world.clock.advance(40)
    assert {asked for _, asked, _ in world.asked} == {source}


BAD_PAGES = {
    "HTML": (b"<html>", ScrapeReason.PARSE),
    "a kubelet without stats": (b"resource_scrape_error 1\n", ScrapeReason.UNAVAILABLE),
    "a giant without sense": (b"x" * (LARGE + 1), ScrapeReason.PARSE),
}


@pytest.mark.parametrize(("body", "reason"), BAD_PAGES.values(), ids=BAD_PAGES)
async def test_k15_a_page_that_is_none_keeps_the_last_good_one(body: bytes, reason: ScrapeReason) -> None:
    world = World("a")

    async def bad(_node: Node, _source: Source) -> bytes:
        failed.set()
        return body

    failed = asyncio.Event()
    async with world.scraping():
        await world.clock.advance(31)
        world.answers["a"] = bad
        await world.clock.advance(15)
        await failed.wait()
        while not (why := world.registry.get_sample_value("autoscaler_scrape_errors_total", {"reason": reason})):
            await asyncio.sleep(0)  # a giant is decoded in a thread
    assert why
    assert world.store.node_usage("a") is not None


async def test_pods_are_read_from_the_page_of_their_node() -> None:
    world = World("a")
    world.pods = [pod()]

    async def kubelet(_node: Node, _source: Source) -> bytes:
        labels = '{container="main",namespace="shop",pod="web"}'
        at = world.clock.monotonic()
        memory = f"container_memory_working_set_bytes{labels} 7"
        return f"container_cpu_usage_seconds_total{labels} {at / 4}\n{memory}\n".encode()

    world.answers["a"] = kubelet
    async with world.scraping():
        await world.clock.advance(30)
    found = world.store.pod_usage("shop", "web")
    assert found is not None
    assert found.containers[0][1].cpu == pytest.approx(25e7, rel=1e-6)


async def test_a28_a_schedule_that_stands_still_is_told_and_kubelets_that_hang_or_fail_are_not() -> None:
    world = World("a", "b")
    world.answers = {"a": failing(ScrapeReason.CONNECT), "b": hanging}
    async with world.scraping() as scraper:
        await world.clock.advance(300)
        assert scraper.verdict(16).ok
        world.answers["a"] = hanging
        await world.clock.advance(RESOLUTION + 14)
        assert scraper.verdict(16).ok
        await world.clock.advance(3 * RESOLUTION)
        assert (scraper.verdict(100).ok, scraper.verdict(16).ok) == (True, False)
        assert "no scrape has come to an end" in scraper.verdict(16).detail


async def test_without_nodes_nothing_stands_still() -> None:
    world = World()
    async with world.scraping() as scraper:
        await world.clock.advance(1000)
        assert scraper.verdict(16).ok


async def test_how_long_a_node_waits_for_its_turn_and_for_its_page_is_measured() -> None:
    world = World("a", "b")

    async def slow(node: Node, source: Source) -> bytes:
        await world.clock.sleep(2)
        return await world.steady(node, source)

    world.answers = {"a": slow, "b": slow}
    async with world.scraping(concurrency=1):
        await world.clock.advance(5)
    lag, tick = "autoscaler_scrape_lag_seconds", "metrics_server_manager_tick_duration_seconds"
    found = [world.registry.get_sample_value(f"{name}_sum") for name in (lag, tick)]
    assert found == pytest.approx([2, 6])


async def test_the_report_of_a_node_says_how_it_goes() -> None:
    world = World("a")
    async with world.scraping() as scraper:
        await world.clock.advance(1)
        good = scraper.reports()[0]
        world.answers["a"] = failing(ScrapeReason.TLS_EXPIRED)
        await world.clock.advance(15)
        bad = scraper.reports()[0]
    begun = FakeClock().now()
    assert (good.asked_at, good.page_at, good.address, good.verified) == (begun, begun, "10.0.0.1:10250", "address")
    assert (good.failures, good.reason, good.remedy, good.source) == (0, "", "", "resource")
    assert (bad.failures, bad.reason, bad.detail, bad.page_at) == (1, "tls_expired", "as told", begun)
    assert bad.remedy.startswith("renew the kubelet's serving certificate")


async def test_k10_kubelets_that_are_believed_are_counted() -> None:
    world = World("a", "b")
    world.unverified = {"b"}
    async with world.scraping():
        await world.clock.advance(1)
        assert world.count("autoscaler_kubelets_unverified") == 1


async def test_k27_a_node_that_is_not_dialled_is_named_with_the_reason() -> None:
    world = World("a", "b")
    world.answers["a"] = failing(ScrapeReason.ADDRESS_DENIED)
    world.answers["b"] = failing(ScrapeReason.CONNECT)
    async with world.scraping() as scraper:
        await world.clock.advance(1)
        assert [(node.name, why) for node, why in scraper.denied()] == [("a", "as told")]
        del world.answers["a"]
        await world.clock.advance(40)
        assert scraper.denied() == []


async def test_p11_an_executor_that_is_locked_up_is_a_schedule_that_stands_still() -> None:
    """Large pages are decoded there; the liveness probe then ends what nothing else would."""
    world = World("a")

    async def large(node: Node, source: Source) -> bytes:
        return await world.steady(node, source) + b"# so many containers\n" * (LARGE // 20)

    world.answers["a"] = large
    held = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        asyncio.get_running_loop().set_default_executor(executor)
        executor.submit(held.wait)
        try:
            async with world.scraping() as scraper:
                await world.clock.advance(KEPT_RESOLUTIONS * RESOLUTION - 1)
                assert scraper.verdict(16).ok
                await world.clock.advance(2)
                assert not scraper.verdict(16).ok
        finally:
            held.set()
