"""A figure is held to its goal, alone or as a ratio; the table has a line for each."""

from __future__ import annotations

import pytest

from bench.figure import Figure, amount, table


@pytest.mark.parametrize(
    ("figure", "missed"),
    [
        pytest.param(Figure(what="x", ours=200, unit="ms"), False, id="no goal cannot be missed"),
        pytest.param(Figure(what="x", ours=150, unit="ms", goal=150), False, id="as much as the goal is met"),
        pytest.param(Figure(what="x", ours=151, unit="ms", goal=150), True, id="more than the goal is missed"),
        pytest.param(
            Figure(what="x", ours=2, unit="ms", theirs=10, goal=0.25), False, id="a goal beside others is a ratio"
        ),
        pytest.param(Figure(what="x", ours=3, unit="ms", theirs=10, goal=0.25), True, id="and missed as a ratio"),
        pytest.param(
            Figure(what="x", ours=0, unit="s", theirs=0, goal=0.25), True, id="beside nothing no ratio is met"
        ),
    ],
)
def test_goals(figure: Figure, missed: bool) -> None:
    assert figure.missed is missed


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.01234, "s", "0.0123 s"), (12.345, "ms", "12.3 ms"), (3.0, "scrapes", "3 scrapes"), (43210.4, "B", "43,210 B")],
)
def test_three_digits_count(value: float, unit: str, text: str) -> None:
    assert amount(value, unit) == text


FOUND = [
    ("lists", Figure(what="all pods", ours=84, unit="ms", theirs=420, beside="metrics-server", goal=0.3)),
    ("startup", Figure(what="--help", ours=200, unit="ms", goal=150)),
]


def test_the_table_of_a_terminal_is_aligned() -> None:
    heads, first, second = table(FOUND).splitlines()
    assert first.split("  ")[0] == "lists"
    assert first.index("84 ms") == second.index("200 ms") == heads.index("ours")
    assert first.endswith("metrics-server 420 ms  0.20   <= 0.3 x   met")
    assert second.endswith("<= 150 ms  missed")


def test_the_table_of_a_document_is_markdown() -> None:
    lines = table(FOUND, markdown=True).splitlines()
    assert lines[1] == "|---" * 7 + "|"
    assert lines[2] == "| lists | all pods | 84 ms | metrics-server 420 ms | 0.20 | <= 0.3 x | met |"
