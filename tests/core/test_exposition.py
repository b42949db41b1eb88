import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from autoscaler.core.exposition import MAX_LINE, MAX_LINES, ExpositionDecoder, label_pairs
from autoscaler.errors import MalformedError
from autoscaler.model.metrics import ContainerId, Page, PodCounters, Sample

ASKED = 1_633_253_900 * 10**9
AT = 1_633_253_812_125 * 10**6
WEB = ContainerId("shop", "web-0", "main")
LABELS = 'container="main",namespace="shop",pod="web-0"'

WHOLE = """\
# HELP container_cpu_usage_seconds_total [STABLE] Cumulative cpu time consumed by the container in core-seconds
# TYPE container_cpu_usage_seconds_total counter
container_cpu_usage_seconds_total{container="main",namespace="shop",pod="web-0"} 4.710169 1633253812125
container_cpu_usage_seconds_total{container="side",namespace="shop",pod="web-0"} 0 1633253812126
container_memory_working_set_bytes{container="main",namespace="shop",pod="web-0"} 1.253376e+07 1633253812127
container_memory_working_set_bytes{container="side",namespace="shop",pod="web-0"} 0 1633253812126
container_start_time_seconds{container="main",namespace="shop",pod="web-0"} 1.633252712e+09
container_swap_usage_bytes{container="main",namespace="shop",pod="web-0"} 0 1633253812125
node_cpu_usage_seconds_total 357.35491 1633253809720
node_memory_working_set_bytes 1.616273408e+09 1633253809720
pod_cpu_usage_seconds_total{namespace="shop",pod="web-0"} 4.8 1633253812125
pod_cpu_usage_seconds_total{namespace="shop",pod="windows"} 1.5 1633253812125
pod_memory_working_set_bytes{namespace="shop",pod="windows"} 77 1633253812125
resource_scrape_error 0
scrape_error 0
"""


def decoded(text: str | bytes) -> Page:
    return ExpositionDecoder().page(text.encode() if isinstance(text, str) else text, ASKED)


def cpu_line(number: str, labels: str = LABELS) -> str:
    return f"container_cpu_usage_seconds_total{{{labels}}} {number}\n"


def test_a_whole_page() -> None:
    assert decoded(WHOLE) == Page(
        node=Sample(1_633_253_809_720 * 10**6, 357_354_910_000, 1_616_273_408),
        containers={
            WEB: Sample(AT, 4_710_169_000, 12_533_760, 1_633_252_712 * 10**9),
            ContainerId("shop", "web-0", "side"): Sample(AT + 10**6, 0, 0),
        },
        pods={("shop", "windows"): Sample(AT, 1_500_000_000, 77)},
        pod_cpu=PodCounters(
            (ContainerId("shop", "web-0", ""), ContainerId("shop", "windows", "")),
            b"4.8 1633253812125\n1.5 1633253812125",
            ASKED,
        ),
    )


def test_the_next_page_of_the_same_node_reads_the_same() -> None:
    decoder = ExpositionDecoder()
    first = decoder.page(WHOLE.encode(), ASKED)
    assert decoder.page(WHOLE.encode(), ASKED) == first
    assert decoder.page(WHOLE.replace("4.710169", "5.5").encode(), ASKED).containers[WEB].cpu_ns == 5_500_000_000


def test_a_page_read_by_its_layout_reads_the_same_as_line_by_line() -> None:
    """Every container has a start time, and there is no pod but theirs: the first page's layout serves for all."""
    start = 'container_start_time_seconds{container="side",namespace="shop",pod="web-0"} 1.6e+09\nnode_cpu'
    first = re.sub(r".*windows.*\n", "", WHOLE.replace("node_cpu", start, 1))
    decoder = ExpositionDecoder()
    for page in (first, first.replace("4.710169", "5.5").replace("357.35", "358.5"),
                 first.replace("4.710169", "1_0"), first.replace("4.710169 1633253812125", "6.25"),
                 first.replace("web-0", "web-1"), first):  # fmt: skip
        assert decoder.page(page.encode(), ASKED) == decoded(page)


def test_k33_without_times_the_time_of_the_request_counts() -> None:
    page = decoded(re.sub(" 16332538.*", "", WHOLE))
    assert {sample.at_ns for sample in page.containers.values()} == {ASKED}
    assert page.node == Sample(ASKED, 357_354_910_000, 1_616_273_408)


def test_a_container_is_as_old_as_its_cpu_line_else_its_memory_line() -> None:
    memory = f"container_memory_working_set_bytes{{{LABELS}}} 7 1633253812999\n"
    assert decoded(cpu_line("1 1633253812125") + memory).containers[WEB] == Sample(AT, 10**9, 7)
    assert decoded(memory).containers[WEB] == Sample(1_633_253_812_999 * 10**6, None, 7)


def test_a_kubelet_without_stats_says_so() -> None:
    assert decoded("resource_scrape_error 1\n") == Page(node=None, containers={}, failed=True)
    assert decoded("scrape_error 1\n").failed
    assert not decoded("resource_scrape_error 0\n").failed


NO_PAGE = {
    "nothing": b"",
    "blank lines": b"\n\n \r\n",
    "comments only": b"# HELP x y\n# EOF\n",
    "HTML": b"<!DOCTYPE html>\n<html><body>Login</body></html>\n",
    "JSON": b'{"node": {}, "pods": []}',
    "binary": bytes(range(256)),
    "metrics of somebody else": b'go_goroutines 7\nhttp_requests_total{code="200"} 1\n',
}


@pytest.mark.parametrize("body", NO_PAGE.values(), ids=NO_PAGE)
def test_k15_what_no_kubelet_sends_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        decoded(body)


SPELLINGS = {
    "another order": 'pod="web-0",container="main",namespace="shop"',
    "a trailing comma": LABELS + ",",
    "blanks and tabs": ' container = "main" ,\tnamespace\t=\t"shop", pod="web-0" ',
    "decoys before": 'init_container="x",subpod="y",' + LABELS,
    "decoys in values": 'id="pod=\\"evil\\",container=\\"evil\\"",' + LABELS,
    "braces in values": 'id="} 1 {",' + LABELS,
    "another label": 'image="registry/x:1",' + LABELS,
}


@pytest.mark.parametrize("labels", SPELLINGS.values(), ids=SPELLINGS)
def test_k17_a_label_text_means_what_the_grammar_says(labels: str) -> None:
    page = decoded(cpu_line("2 1633253812125", labels) + f"container_start_time_seconds{{{LABELS}}} 5\n")
    assert page.containers == {WEB: Sample(AT, 2 * 10**9, None, 5 * 10**9)}
    assert page.skipped == {}


LINES = {
    "carriage returns": cpu_line("2 1633253812125\r"),
    "more blanks": cpu_line("  2   1633253812125 "),
    "tabs": cpu_line("2\t1633253812125").replace("} ", "}\t"),
    "a blank before the brace": cpu_line("2 1633253812125").replace("{", " {"),
    "blanks before the name": "\t " + cpu_line("2 1633253812125"),
    "no blank behind the brace": cpu_line("2 1633253812125").replace("} ", "}"),
    "no line end": cpu_line("2 1633253812125").rstrip(),
    "an exponent": cpu_line("20e-1 1633253812125"),
    "a plus": cpu_line("+2 1633253812125"),
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_k17_a_line_may_be_spelled_in_many_ways(line: str) -> None:
    assert decoded(line) == Page(node=None, containers={WEB: Sample(AT, 2 * 10**9)})


def test_values_are_unescaped() -> None:
    assert label_pairs(rb'a="\"\\\n\\n",b="{}"') == {"a": '"\\\n\\n', "b": "{}"}


BAD_LINES = {
    "no labels": ("container_cpu_usage_seconds_total 1\n", "labels"),
    "empty braces": (cpu_line("1", ""), "labels"),
    "no pod": (cpu_line("1", 'container="main",namespace="shop"'), "labels"),
    "an empty namespace": (cpu_line("1", 'container="main",namespace="",pod="p"'), "labels"),
    "no container": (cpu_line("1", 'namespace="shop",pod="p"'), "labels"),
    "a pod series with a container": (f"pod_cpu_usage_seconds_total{{{LABELS}}} 1\n", "labels"),
    "a label twice": (cpu_line("1", LABELS + ',pod="other"'), "syntax"),
    "an open quote": (cpu_line("1", 'container="main'), "syntax"),
    "an unknown escape": (cpu_line("1", 'id="\\x",' + LABELS), "syntax"),
    "no comma": (cpu_line("1", LABELS.replace(",", " ")), "syntax"),
    "no quotes": (cpu_line("1", "container=main"), "syntax"),
    "an open brace": ("container_cpu_usage_seconds_total{" + LABELS + " 1\n", "syntax"),
    "junk": ("!?!\n", "syntax"),
    "a name and nothing else": ("node_cpu_usage_seconds_total\n", "syntax"),
}


@pytest.mark.parametrize(("line", "reason"), BAD_LINES.values(), ids=BAD_LINES)
def test_k16_a_bad_line_costs_itself_and_is_counted(line: str, reason: str) -> None:
    good = decoded(WHOLE)
    page = decoded(line + WHOLE)
    assert (page.containers, page.pods, page.node) == (good.containers, good.pods, good.node)
    assert page.skipped == {reason: 1}


def test_k17_invalid_utf8_costs_the_sample() -> None:
    page = decoded(cpu_line("1").encode().replace(b"main", b"ma\xffin") + WHOLE.encode())
    assert page.skipped == {"syntax": 1}
    assert len(page.containers) == 2


NUMBERS = [
    "NaN", "nan", "Inf", "+Inf", "-Inf", "infinity", "-1", "-1e-9", "1e308", "1e10", "1_000", "0x1p3", "0x10", "",
    "\uff11\uff12", "1,5", "one", "1 2 3", "1 -5", "1 -62135596800000", "1 1_0", "1 1.5", "1 now", "1 1e12",
    "4.\r5", "1 5\r6", "1\x0b5",
    "1 9999999999999999",
]  # fmt: skip


@pytest.mark.parametrize("number", NUMBERS)
def test_k18_a_bad_number_costs_the_value_and_is_counted(number: str) -> None:
    page = decoded(cpu_line(number) + f"container_memory_working_set_bytes{{{LABELS}}} 7 1633253812125\n")
    assert page.containers == {WEB: Sample(AT, None, 7)}
    assert page.skipped == {"number": 1}


def test_k34_the_first_of_two_equal_series_counts() -> None:
    page = decoded(cpu_line("1 1633253812125") + cpu_line("2 1633253812125") + cpu_line("3 1", LABELS + ","))
    assert page == Page(node=None, containers={WEB: Sample(AT, 10**9)}, skipped={"repeated": 2})


def test_k34_a_long_line_is_left_out() -> None:
    page = decoded(cpu_line("1", f'id="{"x" * MAX_LINE}",' + LABELS) + "# " + "x" * MAX_LINE + "\n" + WHOLE)
    assert page.skipped == {"long": 2}
    assert len(page.containers) == 2


def test_k34_lines_beyond_the_limit_are_left_out() -> None:
    flood = "".join(cpu_line("1", f'container="c",namespace="n",pod="p{i}"') for i in range(MAX_LINES + 5))
    page = decoded(flood)
    assert len(page.containers) == MAX_LINES
    assert page.skipped == {"limit": 6}


def test_k34_containers_that_are_gone_are_forgotten() -> None:
    decoder = ExpositionDecoder()
    for generation in range(50):
        lines = [cpu_line("1", f'container="c",namespace="n",pod="{generation}-{i}"') for i in range(40)]
        assert len(decoder.page("".join(lines).encode(), ASKED).containers) == 40
        assert len(decoder._ids) <= 2 * 40 + 64


texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"),
    min_size=1,
    max_size=8,
)
numbers = st.floats(0, 2**33, allow_nan=False) | st.integers(0, 2**33)


def escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


@given(st.lists(st.tuples(texts, texts, texts, numbers, st.integers(0, 10**13)), min_size=1), st.randoms())
def test_k17_it_reads_what_prometheus_client_reads(rows: list[tuple[str, str, str, float, int]], order) -> None:  # type: ignore[no-untyped-def]  # hypothesis does not name the type
    lines = []
    for container, namespace, pod, value, at in rows:
        labels = [f'container="{escaped(container)}"', f'namespace="{escaped(namespace)}"', f'pod="{escaped(pod)}"']
        order.shuffle(labels)
        lines.append(cpu_line(f"{value} {at}", ",".join(labels)))
    text = "".join(lines)
    theirs: dict[ContainerId, tuple[int, int]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            cid = ContainerId(sample.labels["namespace"], sample.labels["pod"], sample.labels["container"])
            theirs.setdefault(cid, (math.trunc(sample.value * 1e9), round(sample.timestamp * 1000) * 10**6))
    ours = {cid: (sample.cpu_ns, sample.at_ns) for cid, sample in decoded(text).containers.items()}
    assert ours == theirs


@given(st.binary())
def test_random_bytes_do_no_harm(noise: bytes) -> None:
    page = decoded(noise + b"\n" + WHOLE.encode())
    assert page.containers[WEB].start_ns == 1_633_252_712 * 10**9


def test_labels_learned_from_containers_are_none_for_pods_and_the_other_way_round() -> None:
    decoder = ExpositionDecoder()
    decoder.page(("!?!\n" + WHOLE).encode(), ASKED)  # with a fault a page has no layout: its labels are remembered
    swapped = f"pod_cpu_usage_seconds_total{{{LABELS}}} 1\n" + cpu_line("1", 'namespace="shop",pod="windows"')
    page = decoder.page(("node_cpu_usage_seconds_total 1\n" + swapped).encode(), ASKED)
    assert (page.containers, page.pods, page.skipped) == ({}, {}, {"labels": 2})
