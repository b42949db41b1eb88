"""Pages of a known layout, beside the same pages as mappings: nobody can tell them apart by what is served or told."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from types import ModuleType

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoscaler.engine.podseries import MOST_OTHERS
from autoscaler.model.metrics import ContainerId, Page, Sample, SampleBlock
from autoscaler.model.objects import Milli
from tests.compiled import native
from tests.scrapes import Told, instant, pod, reading

__all__ = ["native"]

IDS = tuple(ContainerId("shop", name, each) for name in ("web", "api") for each in ("a", "b"))
RESOLUTION = 10
Samples = Sequence[Sample]


def told(cpu: int = 4000) -> Told:
    """A node of three pods, one of which has no container on any page, and of so many thousandths of a core."""
    pods = (pod("a", "b"), pod("a", "b", name="api"), pod("a", name="idle"))
    return Told(*pods, resolution=RESOLUTION, capacity={"cpu": Milli(cpu)})


def block(ids: tuple[ContainerId, ...], samples: Samples) -> SampleBlock:
    rows = [struct.pack("=4q", each.at_ns, each.cpu_ns or 0, each.memory or 0, each.start_ns or 0) for each in samples]
    return SampleBlock(ids, b"".join(rows))


def scrape(store: Told, at: float, page: Page) -> None:
    store.clock.at = at
    store.store.put(store.node(), page, store.pods, instant(at))


def both(one: Told, other: Told, at: float, samples: Samples, ids: tuple[ContainerId, ...] = IDS) -> None:
    """The same page for both, packed for the first."""
    scrape(one, at, Page(node=reading(at, at), containers=block(ids, samples)))
    scrape(other, at, Page(node=reading(at, at), containers=dict(zip(ids, samples, strict=True))))


def alike(one: Told, other: Told) -> None:
    assert [(each.own, sorted(each.fresh), each.lost) for each in one.commits] == [
        (each.own, sorted(each.fresh), each.lost) for each in other.commits
    ]
    for name in ("web", "api", "idle"):
        assert one.served(name) == other.served(name)
    for reason in ("first", "repeated", "counter_fell", "over_capacity", "clock", "foreign"):
        assert one.skipped(reason) == other.skipped(reason)
    mine, theirs = one.store.nodes()[0], other.store.nodes()[0]
    assert (mine.until_ns, mine.foreign) == (theirs.until_ns, theirs.foreign)


def ordinary(at: float) -> Samples:
    return [reading(at - number, at / 10, 7 + number, start=-100) for number in range(len(IDS))]


def test_page_after_page(native: ModuleType) -> None:
    one, other = told(), told()
    for at in range(10, 100, RESOLUTION):
        both(one, other, at, ordinary(at))
        alike(one, other)
    assert one.heard[-1] == sorted(each.key for each in one.pods[:2])


def test_a_node_that_says_it_has_more_than_an_integer_holds(native: ModuleType) -> None:
    one, other = told(10**13), told(10**13)
    for at in (10, 20, 30):
        both(one, other, at, ordinary(at))
        alike(one, other)
    assert one.served() is not None


def test_more_names_than_there_is_room_for(native: ModuleType) -> None:
    one, other = told(), told()
    ids = tuple(ContainerId("shop", "web", each) for each in ("a", "b", *map(str, range(MOST_OTHERS + 9))))
    for at in (10, 20, 30):
        both(one, other, at, [reading(at, at)] * len(ids), ids)
        alike(one, other)
        assert one.skipped("limit") == other.skipped("limit") == 9 * at / RESOLUTION
    assert len(one.served() or ()) == MOST_OTHERS + 2


def test_when_nothing_comes_any_more_it_is_lost_and_found_again(native: ModuleType) -> None:
    one, other = told(), told()
    for at in (10, 20, 30, 40):
        both(one, other, at, ordinary(at))
    for store in (one, other):
        store.clock.at = 90
        assert store.store.expire()
    alike(one, other)
    assert one.served() is None
    for at in (100, 110, 120):
        both(one, other, at, ordinary(at))
        alike(one, other)


def test_a_pod_that_is_replaced_or_goes_begins_anew(native: ModuleType) -> None:
    one, other = told(), told()
    for at in (10, 20, 30):
        both(one, other, at, ordinary(at))
    for store in (one, other):
        store.pods[0] = pod("a", "b", uid="a new one")
    for at in (40, 50, 60):
        both(one, other, at, ordinary(at))
        alike(one, other)
    for store in (one, other):
        del store.pods[0]
    both(one, other, 70, ordinary(70))
    alike(one, other)
    assert one.skipped("foreign") == 2


def test_another_layout_is_taken_in_as_well(native: ModuleType) -> None:
    one, other = told(), told()
    for at in (10, 20, 30):
        both(one, other, at, ordinary(at))
    fewer = IDS[1:]
    for at in (40, 50, 60, 70, 80):
        both(one, other, at, ordinary(at)[1:], fewer)
        alike(one, other)
    assert list(one.served() or ()) == ["b"]


def test_a_pod_that_another_node_has_now_is_not_taken_in_here(native: ModuleType) -> None:
    one, other = told(), told()
    for at in (10, 20, 30):
        both(one, other, at, ordinary(at))
    moved = pod("a", "b", uid="moved", node="n2")
    for store in (one, other):
        page = Page(node=None, containers={IDS[0]: reading(35, 1)})
        store.store.put(store.node("n2"), page, [moved], instant(35))
        del store.pods[0]
    for at in (40, 50):
        both(one, other, at, ordinary(at))
        alike(one, other)


each = st.sampled_from(["ordinary", "repeated", "fell", "too much", "restarted", "of tomorrow"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(each, min_size=len(IDS), max_size=len(IDS)), max_size=8))
def test_whatever_becomes_of_single_containers(native: ModuleType, pages: list[list[str]]) -> None:
    one, other = told(), told()
    states = [reading(0, 1, 7, start=-100) for _ in IDS]
    for turn, kinds in enumerate(pages, 1):
        at = turn * RESOLUTION
        for number, kind in enumerate(kinds):
            before = states[number]
            cpu = (before.cpu_ns or 0) / 1e9
            start = (before.start_ns or 0) / 1e9 - instant(0) / 1e9
            states[number] = {
                "ordinary": reading(at, cpu + 1, 7, start=start),
                "repeated": before,
                "fell": reading(at, cpu / 2, 7, start=start),
                "too much": reading(at, cpu + 6 * RESOLUTION, 7, start=start),
                "restarted": reading(at, 3, 7, start=at - 6),
                "of tomorrow": reading(at + 90, cpu + 1, 7, start=start),
            }[kind]
        both(one, other, at, states)
        alike(one, other)
