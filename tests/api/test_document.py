import pytest

from autoscaler.api import document


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"b": 1, "a": []}, b'{"b":1,"a":[]}', id="fields keep their order"),
        pytest.param("a<b>&c", b'"a\\u003cb\\u003e\\u0026c"', id="HTML characters are escaped as Go does"),
        pytest.param("x\u2028y\u2029", b'"x\\u2028y\\u2029"', id="line separators are escaped"),
        pytest.param('say "é\x1b"', '"say \\"é\\u001b\\""'.encode(), id="quotes and control characters"),
        pytest.param(None, b"null", id="null"),
    ],
)
def test_a_fragment_is_written_as_go_writes_it(value: object, expected: bytes) -> None:
    assert document.fragment(value) == expected
    assert document.compact(value) == expected + b"\n"


def test_keys_of_a_map_are_sorted() -> None:
    assert document.sorted_fragment({"b": "2", "a/x": "1"}) == b'{"a/x":"1","b":"2"}'


def test_indented_means_two_spaces_and_no_line_end() -> None:
    assert document.indented(b'{"a":{},"b":[],"c":["<"]}\n') == (
        b'{\n  "a": {},\n  "b": [],\n  "c": [\n    "\\u003c"\n  ]\n}'
    )


def test_an_item_is_indented_for_its_place_in_a_list() -> None:
    assert document.indented_item(b'{"a":1}') == b'    {\n      "a": 1\n    }'
