"""The page of a replay in a real browser: it is painted, complains of nothing and asks nobody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autoscaler.report.page import page
from tests.e2e.browser import look
from tests.e2e.pixels import Colour, Image, decoded
from tests.e2e.requirements import need
from tests.report.samples import HOSTILE, small, troubled, weeks

BAND, RECORDED, CANDIDATE, SHORT = "#e9eef4", "#8c98a4", "#08306b", "#b3261e"
"""Of the light page: page.css."""


@pytest.fixture(scope="module")
def chromium() -> Path:
    return need("chromium")


def rgb(text: str) -> Colour:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def the_plot(image: Image) -> list[list[Colour]]:
    """The box within which a quarter of a row, and more, has the colour of a plot's ground."""
    ground = rgb(BAND)
    found = [index for index, row in enumerate(image.rows) if row.count(ground) > image.width // 4]
    assert found, "there is no plot"
    rows = image.rows[found[0] : found[-1] + 1]
    left = min(row.index(ground) for row in rows if ground in row)
    right = max(len(row) - row[::-1].index(ground) for row in rows if ground in row)
    return [row[left:right] for row in rows]


def columns_with(plot: list[list[Colour]], colour: str, within: int) -> float:
    """The share of columns of the plot in which something has about that colour."""
    wanted = rgb(colour)
    seen = {
        column
        for row in plot
        for column, found in enumerate(row)
        if max(abs(one - other) for one, other in zip(found, wanted, strict=True)) <= within
    }
    return len(seen) / len(plot[0])


def test_a_page_is_painted_and_asks_nobody(chromium: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page(troubled()))
    seen = look(chromium, file, 1200, 1600)
    assert (seen.console, seen.requests) == ([], [])
    assert "<script" not in seen.dom
    told = re.sub(r"<[^>]+>", "|", seen.dom)
    assert re.search(r"recorded\|+2 of 2\|+1\.00\|+3\|+3\.00\|", told)
    assert re.search(r"new\.yaml\|+2 of 2\|+0\.983\|+-1\.7 %\|+4\|+\+1\|+1\.00\|+-2\.0\|", told)
    assert seen.dom.count("<figure") == 2
    assert HOSTILE.split("<")[0] + "&lt;script&gt;" in seen.dom
    assert re.search(r"\|1,203 missing, 1 out of order, 4 came again, .*see \|autoscaler audit verify\|", told)
    plot = the_plot(decoded(seen.png, 1600))
    assert len(plot[0]) > 900
    assert len({colour for row in plot for colour in row}) > 12
    assert columns_with(plot, RECORDED, 8) > 0.5  # the candidate's line covers the middle of it, its edges are seen
    assert columns_with(plot, CANDIDATE, 70) > 0.9
    assert 0.15 < columns_with(plot, SHORT, 8) < 0.5  # three of ten minutes


def test_a_dark_page_is_painted_too(chromium: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page(small()))
    image = decoded(look(chromium, file, 1200, 400, "--blink-settings=preferredColorScheme=0").png, 400)
    assert image.rows[0][0] == rgb("#0e1217")
    assert max(max(colour) for row in image.rows for colour in row) > 220


def test_a_hundred_targets_of_a_week_open(chromium: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(page(weeks(100, 7, every=300)))
    assert file.stat().st_size < 8_000_000
    seen = look(chromium, file, 1200, 800)
    assert (seen.console, seen.requests) == ([], [])
    assert seen.dom.count("<figure") == 100
    assert len({colour for row in decoded(seen.png, 300).rows for colour in row}) > 12


def test_the_browser_would_tell_of_a_page_that_asks_or_complains(chromium: Path, tmp_path: Path) -> None:
    file = tmp_path / "bad.html"
    file.write_text(
        '<!doctype html><link rel="stylesheet" href="http://elsewhere.test/a.css"><script>console.error("no")</script>'
    )
    seen = look(chromium, file, 400, 300)
    assert seen.requests == ["http://elsewhere.test/a.css"]
    assert len(seen.console) == 1
    assert {colour for row in decoded(seen.png, 300).rows for colour in row} == {(255, 255, 255)}
