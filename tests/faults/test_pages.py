"""Both decoders of kubelet pages against the parsers everybody else uses, on pages that went wrong at random places."""

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from autoscaler.core import compiled
from autoscaler.core.exposition import ExpositionDecoder
from autoscaler.core.summary import summary_page
from autoscaler.errors import MalformedError
from autoscaler.model.metrics import ContainerId, Page, Sample, SampleBlock

pytestmark = pytest.mark.fuzz

ASKED = 1_633_253_900 * 10**9
ANCHOR = b"node_cpu_usage_seconds_total 1 1633253812125\n"
"""One good line makes every page a page."""

FAMILIES = {
    "container_cpu_usage_seconds_total": ("cpu_ns", 1e9),
    "container_memory_working_set_bytes": ("memory", 1),
    "container_start_time_seconds": ("start_ns", 1e9),
    "pod_cpu_usage_seconds_total": ("cpu_ns", 1e9),
    "pod_memory_working_set_bytes": ("memory", 1),
}
LABELS = (
    'container="main",namespace="shop",pod="web-0"',
    'pod="we\\nb",namespace="sh\\\\op",container="ma\\"in"',
    ' init_container = "x", pod = "p" ,\tcontainer="c",namespace="n",',
    'id="} 1 {",container="a",namespace="b",pod="c"',
    'id="pod=\\"evil\\",container=\\"evil\\"",container="a",namespace="b",pod="c"',
    'namespace="shop",pod="windows"',
    "",
)
NUMBERS = ("4.710169", "0", "1.253376e+07", "+5", "NaN", "-1", "+Inf", "1_000", "0x1p3", "1e308", "")
TIMES = (" 1633253812125", "  12", "", " -62135596800000", " 1.5", "\t7")
DAMAGE = st.sampled_from([*'{}",=\\ \t#_.+-e0x17anI\r\x0b\x85', "\u0661", "pod=", 'container="', "\n", '"} '])

edits = st.lists(st.tuples(st.integers(0, 200), st.sampled_from(["insert", "delete", "replace"]), DAMAGE), max_size=4)


@st.composite
def lines(draw: st.DrawFn) -> str:
    """A line of a kubelet, whole or damaged."""
    name, labels = draw(st.sampled_from(sorted(FAMILIES))), draw(st.sampled_from(LABELS))
    number, time = draw(st.sampled_from(NUMBERS)), draw(st.sampled_from(TIMES))
    line = f"{name}{{{labels}}} {number}{time}"
    for seed, how, what in draw(edits):
        place = seed % (len(line) + 1)
        line = line[:place] + ("" if how == "delete" else what) + line[place + (how != "insert") :]
    return line


def page(text: str | bytes, decoder: ExpositionDecoder | None = None) -> Page:
    body = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return (decoder or ExpositionDecoder()).page(ANCHOR + body, ASKED)


def told(found: Page) -> dict[tuple[str, str, str], Sample]:
    return {(cid.namespace, cid.pod, cid.container): sample for cid, sample in found.containers.items()} | {
        (*key, ""): sample for key, sample in found.pods.items()
    }


def numbers(found: Page) -> dict[tuple[str, str, str], Sample]:
    """Without the series that have none."""
    nothing = (None, None, None)
    return {owner: each for owner, each in told(found).items() if (each.cpu_ns, each.memory, each.start_ns) != nothing}


@given(lines())
def test_k17_a_number_is_only_ever_given_to_whom_prometheus_client_gives_it(line: str) -> None:
    """We may refuse more than it does, and never read anything else."""
    for part in line.split("\n"):
        agrees_with_prometheus_client(part)


def agrees_with_prometheus_client(line: str) -> None:
    for owner, sample in numbers(page(line)).items():
        values = {field: getattr(sample, field) for field in ("cpu_ns", "memory", "start_ns")}
        (theirs,) = [each for family in text_string_to_metric_families(line + "\n") for each in family.samples]
        field, scale = FAMILIES[theirs.name]
        assert owner == tuple(theirs.labels.get(label, "") for label in ("namespace", "pod", "container"))
        assert values == {"cpu_ns": None, "memory": None, "start_ns": None} | {field: math.trunc(theirs.value * scale)}
        if field != "start_ns":
            at = ASKED if theirs.timestamp is None else round(theirs.timestamp * 1000) * 10**6
            assert sample.at_ns == at


@given(st.lists(lines(), max_size=8))
def test_k17_a_bad_line_changes_nothing_of_its_neighbours(noise: list[str]) -> None:
    mine = 'container="only",namespace="here",pod="once"'
    good = f"container_cpu_usage_seconds_total{{{mine}}} 2 1633253812125\n"
    found = page("\n".join(noise) + "\n" + good)
    assert found.containers[ContainerId("here", "once", "only")].cpu_ns == 2 * 10**9
    assert found.node is not None


@given(st.lists(st.lists(lines(), max_size=6), min_size=2, max_size=4))
def test_k17_what_a_decoder_remembers_of_earlier_pages_changes_no_later_one(pages: list[list[str]]) -> None:
    decoder = ExpositionDecoder()
    for each in pages:
        text = "\n".join(each)
        mine, fresh = page(text, decoder), page(text)
        assert (mine.node, numbers(mine)) == (fresh.node, numbers(fresh))
        assert sum(mine.skipped.values()) == sum(fresh.skipped.values())


ORDINARY = "".join(
    f'{name}{{container="{each}",namespace="shop",pod="web-0"}} {number}\n'
    for name, number in (
        ("container_cpu_usage_seconds_total", "4.75 1633253812125"),
        ("container_memory_working_set_bytes", "1.25e+07 1633253812125"),
        ("container_start_time_seconds", "1.633252712e+09"),
    )
    for each in ("main", "side")
) + (
    "node_memory_working_set_bytes 1.6e+09 1633253812125\n"
    'pod_cpu_usage_seconds_total{namespace="shop",pod="web-0"} 4.8 1633253812125\n'
)
anywhere = st.lists(
    st.tuples(st.integers(0, len(ORDINARY)), st.sampled_from(["insert", "delete", "replace"]), DAMAGE), max_size=3
)


@given(st.lists(anywhere, min_size=1, max_size=4))
def test_k17_a_page_that_looks_like_the_one_before_is_read_as_if_there_had_been_none(pages: list[Any]) -> None:
    """Pages that differ in their numbers alone are read in one go where it is compiled, by the first one's layout."""
    decoder = ExpositionDecoder()
    page(ORDINARY, decoder)
    assert isinstance(page(ORDINARY, decoder).containers, dict if compiled.native is None else SampleBlock)
    for changes in pages:
        text = ORDINARY
        for place, how, what in changes:
            text = text[:place] + ("" if how == "delete" else what) + text[place + (how != "insert") :]
        mine, fresh = page(text, decoder), page(text)
        assert (mine.node, numbers(mine)) == (fresh.node, numbers(fresh))


@given(st.binary(max_size=400), st.sampled_from(sorted(FAMILIES)))
def test_k15_bytes_without_sense_are_a_page_without_them_or_none(noise: bytes, name: str) -> None:
    assert page(noise).node is not None
    page(name.encode() + b"{" + noise + b"} 1")
    with suppress(MalformedError):
        ExpositionDecoder().page(noise, ASKED)


scalars = st.none() | st.booleans() | st.integers(-1, 2**64) | st.floats() | st.text(max_size=5)
junk = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner))
names = st.sampled_from(["web", "api", "", "wéb"])
times = st.sampled_from(["2026-11-23T09:54:21Z", "0001-01-01T00:00:00Z", "2026-11-23T09:54:21.5+01:00", "now", ""])
amounts = st.integers(-1, 2**64)


def entry(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object with some of these fields, each of them sometimes junk; sometimes junk itself."""
    optional = {name: value | junk for name, value in fields.items()}
    return st.fixed_dictionaries({}, optional=optional) | st.fixed_dictionaries(fields) | junk


stats = {
    "startTime": times,
    "cpu": entry(time=times, usageCoreNanoSeconds=amounts),
    "memory": entry(time=times, workingSetBytes=amounts),
}
containers = entry(name=names, **stats)
pods = entry(podRef=entry(name=names, namespace=names, uid=names), containers=st.lists(containers, max_size=3), **stats)
summaries = entry(node=entry(**stats), pods=st.lists(pods, max_size=3))


def dig(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def known(document: Any, owner: tuple[str, str, str]) -> list[tuple[Any, Any]]:
    """CPU and memory of every entry of a document that is about `owner`."""
    return [
        (dig(of, "cpu", "usageCoreNanoSeconds"), dig(of, "memory", "workingSetBytes"))
        for pod in document["pods"] or ()
        if (dig(pod, "podRef", "namespace"), dig(pod, "podRef", "name")) == owner[:2]
        for of in ([each for each in pod["containers"] if dig(each, "name") == owner[2]] if owner[2] else [pod])
    ]


@given(summaries)
def test_k15_a_summary_says_of_nobody_what_the_document_does_not(document: Any) -> None:
    try:
        found = summary_page(json.dumps(document).encode(), ASKED)
    except MalformedError:
        return
    for owner, sample in told(found).items():
        assert any(
            sample.cpu_ns in {cpu, None} and sample.memory in {memory, None} for cpu, memory in known(document, owner)
        )


@given(summaries, st.integers(0), st.binary(max_size=3))
def test_k15_a_damaged_summary_is_refused_or_read(document: Any, place: int, damage: bytes) -> None:
    body = json.dumps(document).encode()
    cut = place % (len(body) + 1)
    for damaged in (body[:cut], body[:cut] + damage + body[cut:], body[:cut] + damage + body[cut + len(damage) :]):
        with suppress(MalformedError):
            summary_page(damaged, ASKED)
