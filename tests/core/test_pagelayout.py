from __future__ import annotations

from types import ModuleType

import pytest

from autoscaler.core.exposition import ExpositionDecoder
from autoscaler.core.pagelayout import Layout, layout_of
from autoscaler.model.metrics import ContainerId, Page, PodCounters, Sample, SampleBlock
from tests.compiled import native

__all__ = ["native"]

ASKED = 99
A, B = ContainerId("shop", "web", "a"), ContainerId("shop", "web", "b")
POD = ContainerId("shop", "web", "")
LABELS = {b'container="a",namespace="shop",pod="web"': A, b'container="b",namespace="shop",pod="web"': B,
          b'namespace="shop",pod="web"': POD}  # fmt: skip
PAGE = b"""\
# HELP container_cpu_usage_seconds_total [STABLE] Of the container
container_cpu_usage_seconds_total{container="a",namespace="shop",pod="web"} 1.5 17
container_cpu_usage_seconds_total{container="b",namespace="shop",pod="web"} 2 18
container_swap_usage_bytes{container="a",namespace="shop",pod="web"} 0 17
container_memory_working_set_bytes{container="b",namespace="shop",pod="web"} 8 18
container_memory_working_set_bytes{container="a",namespace="shop",pod="web"} 7 17
container_start_time_seconds{container="a",namespace="shop",pod="web"} 1e-02
container_start_time_seconds{container="b",namespace="shop",pod="web"} 0
node_cpu_usage_seconds_total 3 19
node_memory_working_set_bytes 9 20
pod_cpu_usage_seconds_total{namespace="shop",pod="web"} 3.5 17
pod_memory_working_set_bytes{namespace="shop",pod="web"} 15 17
resource_scrape_error 0
"""


def by_line(page: bytes) -> Page:
    return ExpositionDecoder().page(page, ASKED)


@pytest.fixture
def layout(native: ModuleType) -> Layout:
    made = layout_of(PAGE, by_line(PAGE), LABELS)
    assert made is not None
    return made


def test_a_page_of_the_same_layout_gives_its_own_numbers(layout: Layout) -> None:
    page = PAGE.replace(b"1.5 17", b"10.25 117").replace(b" 8 18", b" 1e+06 118").replace(b"_total 3 1", b"_total 4 11")
    page = page.replace(b"3.5 17", b"11.5 NaN")
    found = layout.read(page, ASKED)
    assert found == Page(
        node=Sample(119_000_000, 4 * 10**9, 9),
        containers={A: Sample(117_000_000, 10_250_000_000, 7, 10_000_000), B: Sample(18_000_000, 2 * 10**9, 10**6)},
        pod_cpu=PodCounters((POD,), b"11.5 NaN", ASKED),
    )
    assert found == by_line(page)


def test_the_samples_are_a_mapping_for_whoever_wants_one(layout: Layout) -> None:
    found = layout.read(PAGE, ASKED)
    assert found is not None
    assert isinstance(found.containers, SampleBlock)
    assert found.containers.ids == (A, B)
    assert len(found.containers) == 2
    assert dict(found.containers) == {A: found.containers.sample(0), B: found.containers.sample(1)}


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(PAGE.replace(b'container="b"', b'container="c"'), id="another container"),
        pytest.param(PAGE.replace(b'start_time_seconds{container="b"', b'x{container="b"'), id="another family"),
        pytest.param(PAGE.replace(b"node_cpu", b"node_gpu"), id="another node series"),
        pytest.param(PAGE.replace(b"[STABLE]", b"[ALPHA]"), id="another comment"),
        pytest.param(PAGE.replace(b"1.5 17", b"1.5 17\nspam{} 7"), id="a line more"),
        pytest.param(PAGE.replace(b"} 8 18\n", b"} 8 18\n# x\n"), id="a comment more"),
        pytest.param(PAGE.replace(b"} 8 18\n", b"}\n"), id="a number less"),
        pytest.param(PAGE.replace(b"1.5 17", b"-1 17"), id="a number that no kubelet writes"),
        pytest.param(PAGE.replace(b"1.5 17", b"1" * 65), id="a number without end"),
        pytest.param(PAGE.replace(b"error 0", b"error 1"), id="a page that says it failed"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_any_other_page_is_left_to_whoever_reads_line_by_line(layout: Layout, page: bytes) -> None:
    assert layout.read(page, ASKED) is None


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(PAGE.replace(b"1.5 17", b"NaN 17"), id="a number that counts as malformed"),
        pytest.param(PAGE.replace(b"1.5 17", b"1.5"), id="no time"),
        pytest.param(PAGE + PAGE.splitlines(keepends=True)[1], id="a line twice"),
        pytest.param(
            PAGE.replace(b'{container="a",namespace="shop",pod="web"} 7 17', b"{} 7 17"), id="no memory of one"
        ),
        pytest.param(PAGE + b'pod_memory_working_set_bytes{namespace="shop",pod="x"} 5 17\n', id="a pod by itself"),
        pytest.param(PAGE.replace(b"error 0", b"error 1"), id="a page that says it failed"),
    ],
)
def test_what_would_not_be_read_alike_has_no_layout(native: ModuleType, page: bytes) -> None:
    named = LABELS | {b'namespace="shop",pod="x"': ContainerId("shop", "x", "")}
    assert layout_of(page, by_line(page), named) is None


@pytest.mark.parametrize(
    "line", [b"scrape_error{} 0", b" scrape_error 0", b"scrape_error\t 0", b'scrape_error {a="b"} 0']
)
def test_a_page_that_says_in_another_way_that_it_failed_is_believed(native: ModuleType, line: bytes) -> None:
    decoder = ExpositionDecoder()
    assert not decoder.page(PAGE + line, ASKED).failed
    assert decoder.page(PAGE + line.replace(b"0", b"1"), ASKED).failed


def test_a_number_that_moved_to_another_line_is_not_that_of_the_first(native: ModuleType) -> None:
    """Between the numbers stands the same, and there are as many."""
    decoder, before = ExpositionDecoder(), PAGE.replace(b"} 1.5 17", b"} 1.5 17\nspam{} ")
    moved = PAGE.replace(b"} 1.5 17", b"} \nspam{} 1.5 17")
    assert decoder.page(before, ASKED) == by_line(before)
    assert decoder.page(moved, ASKED) == by_line(moved)


def test_a_page_without_the_node_has_one(native: ModuleType) -> None:
    page = b"".join(line for line in PAGE.splitlines(keepends=True) if not line.startswith((b"node", b"pod", b"res")))
    made = layout_of(page, by_line(page), LABELS)
    assert made is not None
    found = made.read(page, ASKED)
    assert found is not None
    assert (found.node, found.pod_cpu, len(found.containers)) == (None, None, 2)
