from __future__ import annotations

import pytest

from autoscaler.core.pagelayout import LARGEST, LONGEST_NUMBER, WHOLE, Layout, layout_of

CPU, MEMORY, NODE = b"container_cpu_usage_seconds_total", b"container_memory_working_set_bytes", b"node_cpu"
PAGE = b"""\
# HELP container_cpu_usage_seconds_total [STABLE] Of the container
container_cpu_usage_seconds_total{pod="a"} 1.5 17
container_cpu_usage_seconds_total{pod="b"} 2 18
container_swap_usage_bytes{pod="a"} 0 17
container_memory_working_set_bytes{pod="a"} 7 17
container_memory_working_set_bytes{pod="b"} 8 18
node_cpu 3 19
"""
FAMILIES = {CPU: {0: b"1.5 17", 1: b"2 18"}, MEMORY: {0: b"7 17", 1: b"8 18"}}
BARE = {NODE: b"3 19"}


@pytest.fixture
def layout() -> Layout:
    made = layout_of(PAGE, FAMILIES, BARE)
    assert made is not None
    return made


def test_a_page_of_the_same_layout_gives_its_own_numbers(layout: Layout) -> None:
    page = (
        PAGE.replace(b"1.5 17", b"10.25 117").replace(b" 8 18", b" 1e+06 118").replace(b"node_cpu 3", b"node_cpu 33.5")
    )
    assert layout.read(page) == (
        {CPU: {0: b"10.25 117", 1: b"2 18"}, MEMORY: {0: b"7 17", 1: b"1e+06 118"}},
        {NODE: b"33.5 19"},
    )


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(PAGE.replace(b'pod="b"', b'pod="c"'), id="another container"),
        pytest.param(PAGE.replace(b'container_cpu_usage_seconds_total{pod="b"} 2 18\n', b""), id="a container less"),
        pytest.param(PAGE.replace(b"node_cpu", b"node_memory"), id="another node series"),
        pytest.param(PAGE.replace(b"[STABLE]", b"[ALPHA]"), id="another comment"),
        pytest.param(PAGE.replace(b"1.5 17", b"1.5 17\nspam{} 7"), id="a line more"),
        pytest.param(PAGE.replace(b"1.5", b"1" * LONGEST_NUMBER), id="a number without end"),
        pytest.param(PAGE + b"#" * LARGEST, id="a very long page"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_any_other_page_is_left_to_whoever_reads_line_by_line(layout: Layout, page: bytes) -> None:
    assert layout.read(page) is None


def test_series_nobody_asks_for_are_passed_over() -> None:
    made = layout_of(PAGE, FAMILIES, BARE, ignored={1})
    assert made is not None
    assert made.read(PAGE) == ({CPU: {0: b"1.5 17"}, MEMORY: {0: b"7 17"}}, BARE)


def test_one_family_may_be_read_whole_beside_what_is_asked_for() -> None:
    made = layout_of(PAGE, FAMILIES, BARE, ignored={1}, whole=CPU)
    assert made is not None
    read = made.read(PAGE.replace(b"2 18", b"3 19"))
    assert read == ({CPU: {0: b"1.5 17"}, MEMORY: {0: b"7 17"}, WHOLE: {0: b"1.5 17", 1: b"3 19"}}, BARE)


def test_slots_keep_their_lines_when_families_stand_in_turn() -> None:
    page = b"x{a} 1\ny{a} 2\nx{b} 3\ny{b} 4\n"
    made = layout_of(page, {b"x": {5: b"1", 9: b"3"}, b"y": {5: b"2", 9: b"4"}}, {})
    assert made is not None
    assert made.read(page.replace(b" 3", b" 33")) == ({b"x": {5: b"1", 9: b"33"}, b"y": {5: b"2", 9: b"4"}}, {})


@pytest.mark.parametrize(
    ("page", "families", "bare"),
    [
        pytest.param(PAGE, {CPU: {0: b"1.5 17"}}, BARE, id="a line that was not taken"),
        pytest.param(PAGE, {**FAMILIES, CPU: {0: b"2 18", 1: b"1.5 17"}}, BARE, id="another order"),
        pytest.param(PAGE, FAMILIES, {NODE: b"4 19"}, id="another number"),
        pytest.param(b"x{a}\t1\n", {b"x": {0: b"1"}}, {}, id="no space before the number"),
        pytest.param(b"x{a} 1\nx{b}", {b"x": {0: b"1", 1: b""}}, {}, id="an end in the middle"),
        pytest.param(PAGE + b"#" * LARGEST, FAMILIES, BARE, id="a very long page"),
    ],
)
def test_there_is_no_layout_where_it_would_read_something_else(page: bytes, families: dict, bare: dict) -> None:  # type: ignore[type-arg]
    assert layout_of(page, families, bare) is None
