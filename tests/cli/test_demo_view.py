from __future__ import annotations

import io

import pytest
from rich.console import Console

from autoscaler.cli.demo_scene import Moment
from autoscaler.cli.demo_view import TerminalView, bar, newest, sparkline
from tests.cli.demo_decisions import CPU, decision, scene


def picture(width: int = 120, height: int = 40, **console: object) -> str:
    out = io.StringIO()
    view = TerminalView(Console(file=out, width=width, height=height, **console))  # type: ignore[arg-type]  # keywords
    with view:
        view.show(Moment(30, 90, "The load rises."), scene())
    return out.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("The load rises.", id="the story"),
        pytest.param("30 s, 60 s to go, Ctrl-C ends it", id="how far it is"),
        pytest.param("1.00 of 4", id="usage of a node"),
        pytest.param("7.5 s  silent, its last numbers grow old", id="a node that ages"),
        pytest.param("no numbers: connect: refused\ufffd[2J", id="a node that is gone, its text made harmless"),
        pytest.param("first samples", id="a node that begins"),
        pytest.param("cpu 58 %  60 % of requests", id="usage and target"),
        pytest.param("shop/web 2 -> 6: cpu 338 % (target 60 % of requests) asks for 12", id="a decision"),
    ],
)
def test_the_picture_shows(text: str) -> None:
    assert text in picture()


def test_colours_are_for_terminals_and_not_when_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[32m" in picture(force_terminal=True, color_system="standard")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in picture(force_terminal=True, color_system="standard")


def test_a_small_terminal_gets_less_and_no_line_too_long() -> None:
    lines = picture(width=80, height=24).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 24
    assert not any("Wanted" in line for line in lines)


def test_every_decision_is_remembered_once() -> None:
    rows, view = scene(), TerminalView(Console(file=io.StringIO(), width=120, height=40))
    for second in range(3):
        view.show(Moment(second, 90, "x"), rows)
    console = Console(file=io.StringIO(), width=120, height=40)
    with console.capture() as captured:
        console.print(view.frame(Moment(3, 90, "x"), rows))
    assert captured.get().count("2 -> 6") == 1


def test_the_newest_decisions_are_kept_when_room_is_short() -> None:
    lines = [(float(number), decision(number, number + 1, (CPU,))) for number in range(1, 9)]
    assert [at for at, _ in newest(lines, 120, 3)] == [6.0, 7.0, 8.0]
    assert [at for at, _ in newest(lines, 60, 4)] == [7.0, 8.0]
    assert [at for at, _ in newest(lines, 60, 0)] == [8.0]
    assert newest([], 60, 5) == []


@pytest.mark.parametrize(
    ("values", "text"),
    [([], ""), ([0, 0], "▁▁"), ([2, 4, 8, 16], "▁▂▄█"), ([3], "█")],
)
def test_sparkline(values: list[int], text: str) -> None:
    assert sparkline(values) == text


@pytest.mark.parametrize(("value", "filled"), [(0, 0), (2, 7), (4, 14), (9, 14)])
def test_bar(value: float, filled: int) -> None:
    assert bar(value, 4).plain.count("█") == filled
    assert len(bar(value, 4)) == 14
