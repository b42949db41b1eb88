import json

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from autoscaler.api import yamltext

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
values = st.recursive(
    st.one_of(words, st.none(), st.booleans(), st.integers(-(2**53), 2**53)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@given(values)
@example({"a": [[1, {"b": []}], {}, "- x"], "": {"": None}})
def test_it_is_read_back_as_it_was(value: object) -> None:
    assert yaml.safe_load(yamltext.document(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "", "y", "No", "~", "null", "TRUE", "off", "<<", ".inf", "-.Inf", ".NaN", "1", "-0", "0x1F", "0b1", "0o7",
        "1_000", "1.", ".5", "1e3",
        "1E-3", "12345678901234567890123", "1:30", "2026-11-23", "2026-11-23T09:54:21Z", "2026-1-2 3:4:5.6",
    ],
)  # fmt: skip
def test_what_would_be_read_as_something_else_is_quoted(text: str) -> None:
    assert yamltext.scalar(text) == f'"{text}"'


@pytest.mark.parametrize(
    "text",
    [
        "web-0", "app.kubernetes.io/name", "12345Ki", "250002551n", "11.995s",
        "v1", "1.2.3", "a b", "a:b", "a#b", "-a", "Yes!", "_1", "é", "a'b",
    ],
)  # fmt: skip
def test_what_reads_as_a_text_stands_plain(text: str) -> None:
    assert yamltext.scalar(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a", "'- a'"),
        ("-", "'-'"),
        ("a: b", "'a: b'"),
        ("a:", "'a:'"),
        ("a #b", "'a #b'"),
        (" a", "' a'"),
        ("*a'", "'*a'''"),
        ("---", "'---'"),
        ('a\n"\\', '"a\\u000a\\"\\\\"'),
        ("\x85\u2028", '"\\u0085\\u2028"'),
        ("\U000e0001", '"\\U000e0001"'),
    ],
)
def test_what_would_break_the_block_is_quoted(text: str, expected: str) -> None:
    assert yamltext.scalar(text) == expected


def test_blocks() -> None:
    value = {"rows": [{"b": 1, "a": [[True], "x"]}], "none": [], "empty": {}, "m": {"k": None}}
    assert yamltext.document(value) == (
        "empty: {}\nm:\n  k: null\nnone: []\nrows:\n- a:\n  - - true\n  - x\n  b: 1\n"
    )  # fmt: skip


def test_keys_are_in_natural_order() -> None:
    keys = ["a10", "a9", "a09", "b", "B", "a/x", "a.y", "ab", "a", "1", "a100", "a010"]
    assert yamltext.ordered(dict.fromkeys(keys)) == [
        "1", "B", "a", "a.y", "a/x", "a9", "a09", "a10", "a010", "a100", "ab", "b",
    ]  # fmt: skip


def test_every_json_document_is_yaml_of_the_same_value() -> None:
    value = {"kind": "Status", "code": 404, "message": 'pods "x" not found', "details": {"causes": [{"field": "a.b"}]}}
    assert yaml.safe_load(yamltext.document(json.loads(json.dumps(value)))) == value
