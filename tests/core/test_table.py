from __future__ import annotations

import pytest

from autoscaler.core.table import aligned, plain


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert aligned([("NAME", "CPU"), ("a", "1000m"), ("long-name", "5m")], right={1}) == [
        "NAME          CPU",
        "a           1000m",
        "long-name      5m",
    ]


def test_nothing_gives_nothing() -> None:
    assert aligned([]) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("shop/web", "shop/web", id="a plain name"),
        pytest.param("\x1b[2Jgone", "\\x1b[2Jgone", id="A31: an escape sequence"),
        pytest.param("a\nOK forged", "a\\nOK forged", id="a second line"),
        pytest.param("größe", "größe", id="letters of any script"),
    ],
)
def test_a_name_cannot_move_the_cursor(text: str, shown: str) -> None:
    assert plain(text) == shown
