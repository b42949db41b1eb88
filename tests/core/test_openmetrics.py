"""OpenMetrics beside the parser of prometheus_client (K33)."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from autoscaler.core.exposition import ExpositionDecoder
from autoscaler.core.openmetrics import is_openmetrics, plain
from autoscaler.model.metrics import ContainerId, Sample

ASKED = 1_800_000_011 * 10**9
FAMILY = "container_cpu_usage_seconds_total"
HEAD = f"# TYPE {FAMILY.removesuffix('_total')} counter\n"
HOSTILE = 'a # {x=\\"y\\"} 1 2'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"a 1\n# EOF\n", True),
        (b"a 1\n# EOF", True),
        (b"a 1\n# EOF of something\n", False),
        (b"a 1\n", False),
        (b"", False),
        (b'a{b="# EOF"} 1\n', False),
    ],
)
def test_k33_a_page_says_at_its_end_that_it_is_openmetrics(body: bytes, expected: bool) -> None:
    assert is_openmetrics(body) is expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(b"a 1", b"a 1", id="no time"),
        pytest.param(b"a 1 1800000010", b"a 1 1800000010000", id="whole seconds"),
        pytest.param(b"a 1 1800000010.5", b"a 1 1800000010500", id="half a second"),
        pytest.param(b"a 1 1800000010.123456", b"a 1 1800000010123", id="microseconds"),
        pytest.param(b'a{b="c"} 1 # {t="x"} 0.5 1800000010', b'a{b="c"} 1', id="an exemplar with a time"),
        pytest.param(b'a{b="c # {"} 1 7 # {t="}"} 0.5', b'a{b="c # {"} 1 7000', id="braces in labels"),
        pytest.param(b"a 1 -5", b"a 1 -5?", id="before 1970"),
        pytest.param(b"a 1 1800000010000000", b"a 1 1800000010000000?", id="a time that is none"),
        pytest.param(b"a 1 # exemplar", b"a 1 # exemplar?", id="a broken exemplar"),
        pytest.param(b"# HELP a b", b"# HELP a b", id="a comment"),
        pytest.param(b"", b"", id="nothing"),
    ],
)
def test_k33_a_line_in_the_other_format(line: bytes, expected: bytes) -> None:
    assert plain([line]) == [expected]


times = st.none() | st.integers(1, 9 * 10**12).map(lambda ms: f"{ms // 1000}.{ms % 1000:03}")
exemplars = st.sampled_from(["", ' # {trace_id="x",pod="other"} 0.67', " # {} 1 1800000010.25", ' # {a="} 3 # {"} 2'])
labels = st.sampled_from(["main", HOSTILE, "we\\nb", "}", "é"])


@pytest.mark.fuzz
@given(st.floats(0, 1e6), times, exemplars, labels)
def test_k33_numbers_times_and_exemplars_are_read_as_prometheus_client_reads_them(
    value: float, at: str | None, exemplar: str, container: str
) -> None:
    series = f'{FAMILY}{{container="{container}",namespace="shop",pod="web"}}'
    page = f"{HEAD}{series} {value!r}{f' {at}' if at else ''}{exemplar}\n# EOF\n"
    [theirs] = [each for family in text_string_to_metric_families(page) for each in family.samples]
    owner = ContainerId("shop", "web", theirs.labels["container"])
    at_ns = ASKED if at is None else int(at.replace(".", "")) * 10**6
    read = ExpositionDecoder().page(page.encode(), ASKED)
    assert read.containers == {owner: Sample(at_ns, math.trunc(theirs.value * 1e9))}
    assert read.skipped == {}


def test_k33_pages_of_both_formats_may_take_turns() -> None:
    decoder = ExpositionDecoder()
    for ending, at in (("", "1800000010000"), ("# EOF\n", "1800000010.000")) * 2:
        line = f'{FAMILY}{{container="a",namespace="shop",pod="web"}} 2 {at}\n'
        page = decoder.page((line + ending).encode(), ASKED)
        assert [sample.at_ns for sample in page.containers.values()] == [1_800_000_010 * 10**9]


@pytest.mark.parametrize("piece", [b'a{b="', b'a{b="c",', b"a 1 # {", b'a{"" "" ', b'x{a="\\'])
def test_k33_no_line_takes_long_to_read(piece: bytes) -> None:
    begun = time.process_time()
    plain([piece * 800] * 20)
    assert time.process_time() - begun < 0.5
