from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.config.option import Kind, Option
from autoscaler.config.values import Value, parse, shown
from autoscaler.model.duration import seconds


def option(kind: Kind, choices: tuple[str, ...] = (), least: float | None = None, most: float | None = None) -> Option:
    return Option("x", kind, "", "x", "Help.", choices=choices, least=least, most=most)


GOOD: list[tuple[str, Kind, str, Value]] = [
    ("seconds", Kind.DURATION, "15s", 15.0),
    ("minutes and seconds", Kind.DURATION, "1m30s", 90.0),
    ("milliseconds", Kind.DURATION, "500ms", 0.5),
    ("a fraction of a second", Kind.DURATION, "1.5s", 1.5),
    ("zero needs no unit", Kind.DURATION, "0", 0.0),
    ("binary size", Kind.SIZE, "1Gi", 1 << 30),
    ("decimal size", Kind.SIZE, "500M", 500_000_000),
    ("plain bytes", Kind.SIZE, "4096", 4096),
    ("a whole number", Kind.INTEGER, "10250", 10250),
    ("a fraction", Kind.FRACTION, "0.1", 0.1),
    ("true", Kind.BOOLEAN, "true", True),
    ("false", Kind.BOOLEAN, "false", False),
    ("any text", Kind.TEXT, "a=b,c!=d", "a=b,c!=d"),
    ("a list", Kind.LIST, "a, b", ("a", "b")),
    ("an empty list", Kind.LIST, "", ()),
]
BAD: list[tuple[str, Kind, str, str]] = [
    ("a duration without unit", Kind.DURATION, "15", "write 15s for seconds"),
    ("a duration with junk behind", Kind.DURATION, "15sx", "no duration"),
    ("a duration with a hole", Kind.DURATION, "1m 30s", "no duration"),
    ("a negative duration", Kind.DURATION, "-1s", "no duration"),
    ("no duration at all", Kind.DURATION, "", "no duration"),
    ("digits of another script", Kind.DURATION, "٣s", "no duration"),
    ("a size with an unknown unit", Kind.SIZE, "1GiB", "no size"),
    ("a number with exponent", Kind.INTEGER, "1e3", "not a whole number"),
    ("a number with underscores", Kind.INTEGER, "1_000", "not a whole number"),
    ("a number of 40 digits", Kind.INTEGER, "9" * 40, "not a whole number"),
    ("not a number", Kind.FRACTION, "nan", "not a number"),
    ("a negative fraction", Kind.FRACTION, "-0.1", "not a number"),
    ("YAML's other truth", Kind.BOOLEAN, "yes", "neither true nor false"),
    ("capitals", Kind.BOOLEAN, "True", "neither true nor false"),
    ("an empty entry", Kind.LIST, "a,,b", "empty entry"),
    ("an entry twice", Kind.LIST, "a,b,a", "twice"),
    ("a control character", Kind.TEXT, "a\x1b[31m", "cannot be printed"),
    ("a line break", Kind.TEXT, "a\nb", "cannot be printed"),
    ("a megabyte", Kind.TEXT, "a" * (1 << 20), "characters long"),
]


@pytest.mark.parametrize(("kind", "text", "value"), [pytest.param(*row[1:], id=row[0]) for row in GOOD])
def test_text_becomes_a_value(kind: Kind, text: str, value: Value) -> None:
    assert parse(option(kind), text) == value


@pytest.mark.parametrize(("kind", "text", "why"), [pytest.param(*row[1:], id=row[0]) for row in BAD])
def test_a_fault_says_what_is_expected(kind: Kind, text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(option(kind), text)


def test_a_word_must_be_one_of_the_choices_and_the_nearest_is_told() -> None:
    with pytest.raises(ValueError, match=r"'jsn' is none of text, json; did you mean json\?"):
        parse(option(Kind.CHOICE, ("text", "json")), "jsn")
    with pytest.raises(ValueError, match=r"did you mean InternalIP\?"):
        parse(option(Kind.LIST, ("InternalIP", "Hostname")), "Hostname,InternalIp")


@pytest.mark.parametrize(
    ("text", "why"),
    [pytest.param("500ms", "too small: at least 1s", id="below"), pytest.param("2h", "at most 1h", id="above")],
)
def test_bounds_are_told_in_the_unit_of_the_option(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(option(Kind.DURATION, least=1, most=3600), text)


def test_bounds_belong_to_the_values_allowed() -> None:
    assert parse(option(Kind.DURATION, least=1, most=3600), "1s") == 1.0
    assert parse(option(Kind.DURATION, least=1, most=3600), "1h") == 3600.0


def test_a_path_may_begin_at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert parse(option(Kind.FILE), "~/ca.pem") == "/home/ann/ca.pem"


@given(st.integers(min_value=0, max_value=10**8))
def test_a_duration_shown_reads_back_the_same(milliseconds: int) -> None:
    value = milliseconds / 1000
    assert seconds(shown(option(Kind.DURATION), value)) == value


@given(st.integers(min_value=0, max_value=1 << 45))
def test_a_size_shown_reads_back_the_same(size: int) -> None:
    assert parse(option(Kind.SIZE), shown(option(Kind.SIZE), size)) == size


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        pytest.param(Kind.DURATION, 90.0, "1m30s", id="minutes"),
        pytest.param(Kind.DURATION, 0.0, "0s", id="zero"),
        pytest.param(Kind.DURATION, 2.7, "2.7s", id="fraction"),
        pytest.param(Kind.SIZE, 1536, "1536", id="no whole unit"),
        pytest.param(Kind.SIZE, 1 << 20, "1Mi", id="whole unit"),
        pytest.param(Kind.BOOLEAN, True, "true", id="truth"),
        pytest.param(Kind.LIST, ("a", "b"), "a,b", id="list"),
        pytest.param(Kind.FRACTION, 0.1, "0.1", id="a tenth"),
    ],
)
def test_a_value_is_shown_as_a_person_would_write_it(kind: Kind, value: Value, text: str) -> None:
    assert shown(option(kind), value) == text


@given(st.text(max_size=40), st.sampled_from(Kind))
def test_any_text_gives_a_value_or_a_value_error(text: str, kind: Kind) -> None:
    with suppress(ValueError):
        parse(option(kind), text)
