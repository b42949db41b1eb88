from __future__ import annotations

import re
from xml.etree import ElementTree

from autoscaler.report.plot import COLUMNS, LEFT, Plot, plot
from autoscaler.report.steps import Window
from tests.report.samples import HOSTILE, track

WINDOW = Window(since=0, until=9600, columns=COLUMNS)  # ten seconds a column


def paths(drawn: Plot) -> dict[str, str]:
    """The path of every class."""
    root = ElementTree.fromstring(drawn.svg)
    return {each.get("class", ""): each.get("d", "") for each in root.iter("path")}


def heights(path: str) -> set[float]:
    return {float(number) for number in re.findall(r"V([\d.]+)|M\d+ ([\d.]+)", path) for number in number if number}


def test_a_step_is_drawn_where_it_is() -> None:
    drawn = paths(plot("p", track("a/D/b", [0, 100], [1, 2], end=9600), None, WINDOW, ""))
    assert re.fullmatch(rf"M{LEFT} [\d.]+H{LEFT + 10}V[\d.]+H{LEFT + COLUMNS}", drawn["recorded"])
    assert "candidate" not in drawn
    assert "more" not in drawn


def test_a_peak_of_one_evaluation_is_seen() -> None:
    calm = paths(plot("p", track("a/D/b", [0], [1], end=9600), None, WINDOW, ""))
    peak = paths(plot("p", track("a/D/b", [0, 101, 102], [1, 9, 1], end=9600), None, WINDOW, ""))
    assert len(heights(calm["recorded"])) == 1
    assert max(heights(peak["recorded"])) - min(heights(peak["recorded"])) > 100


def test_a_gap_of_the_record_is_a_gap_of_the_line() -> None:
    drawn = paths(plot("p", track("a/D/b", [0, 100, 300], [1, None, 1], end=9600), None, WINDOW, ""))
    assert drawn["recorded"].count("M") == 2
    assert f"M{LEFT + 30} " in drawn["recorded"]


def test_what_is_short_and_what_differs_is_marked() -> None:
    recorded = track("a/D/b", [0, 100, 200], [2, 2, 2], demand=[2, 4, 2], end=9600)
    candidate = track("a/D/b", [0, 100, 200], [2, 4, 1], demand=[2, 4, 2], end=9600)
    drawn = paths(plot("p", recorded, candidate, WINDOW, ""))
    assert drawn["short"].startswith(f"M{LEFT + 20} ")  # the lane of the candidate comes last
    assert drawn["more"].startswith(f"M{LEFT + 10} ")
    assert drawn["more"].count("M") == 1
    assert drawn["fewer"].startswith(f"M{LEFT + 20} ")


def test_the_worst_moments_stand_where_they_were() -> None:
    recorded = track("a/D/b", [0, 4800], [2, 2], demand=[2, 6], end=9600)
    svg = plot("p", recorded, track("a/D/b", [0], [6], demand=[6], end=9600), WINDOW, "").svg
    marks = [each for each in ElementTree.fromstring(svg).iter("g") if "worst" in each.get("class", "")]
    assert [mark.findtext("title") for mark in marks] == ["worst moment, recorded: 2 of 6 replicas needed"]
    assert f"M{LEFT + COLUMNS // 2} " in ElementTree.tostring(marks[0]).decode()


def test_a_demand_beyond_all_measure_leaves_the_plot_and_is_told() -> None:
    far = plot("p", track("a/D/b", [0, 5000], [5, 5], demand=[5, 4000], end=9600), None, WINDOW, "")
    near = plot("p", track("a/D/b", [0, 5000], [5, 5], demand=[5, 14], end=9600), None, WINDOW, "")
    assert (far.highest, near.highest) == (4000, None)
    labels = [each.text for each in ElementTree.fromstring(far.svg).iter("text")]
    assert labels[:4] == ["0", "5", "10", "15"]


def test_it_says_what_it_is_to_who_cannot_see_it() -> None:
    root = ElementTree.fromstring(plot("p", track(HOSTILE, [0], [1], end=10), None, WINDOW, "one <line>").svg)
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "pt pd"
    assert root.findtext("desc") == "one <line>"
    assert "script" not in {each.tag for each in root.iter()}
