import io

import pytest

from autoscaler.cli.progress import LOOKED, Progress


class Ticking:
    """Every look at it is 0.15 s later."""

    def __init__(self):
        self._passed = 0.0

    def monotonic(self):
        self._passed += 0.15
        return self._passed


class Terminal(io.StringIO):
    def isatty(self):
        return True


def stepped(stream, times):
    with Progress("records", Ticking(), stream) as progress:
        for _ in range(times):
            progress.step()
    return stream.getvalue()


def test_a_file_is_not_bothered():
    assert stepped(io.StringIO(), 10 * LOOKED) == ""


def test_a_terminal_is_drawn_on_now_and_then_and_wiped():
    told = stepped(Terminal(), 4 * LOOKED)
    assert 1 <= told.count("records") <= 4
    assert told.endswith("\r\x1b[K")


def test_what_is_short_is_not_drawn_at_all():
    assert stepped(Terminal(), 3) == ""


@pytest.mark.parametrize(
    ("share", "line"),
    [
        pytest.param(None, "512 records, 256/s", id="nobody knows how many there are"),
        pytest.param(0.5, f"[{'#' * 15}{'.' * 15}]  50%  512 records, 256/s", id="half"),
    ],
)
def test_the_line(share, line):
    progress = Progress("records", Ticking(), io.StringIO())
    for _ in range(2 * LOOKED):
        progress.step()
    if share is not None:
        progress.reached(share)
    assert progress.line(0.15 + 2) == line
