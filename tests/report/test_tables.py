from __future__ import annotations

from xml.etree import ElementTree

from autoscaler.model.whatif import Difference, Unanswerable
from autoscaler.report import tables, words
from autoscaler.report.markup import Markup
from autoscaler.report.steps import Window
from tests.report.samples import HOSTILE, MONDAY, candidate, partial, small, track

HOUR = 3600


def rows(table: Markup) -> list[list[str]]:
    return [["".join(cell.itertext()) for cell in row] for row in ElementTree.fromstring(table).iter("tr")]


def test_runs_stand_beside_the_recorded_one() -> None:
    report = small()
    table = tables.runs(report, ["#t0-1", ""])
    head, recorded, other = rows(table)
    assert head == ["run", "targets", "pod-hours", "changes", "minutes under target", "worst moment (UTC)"]
    assert recorded[:5] == ["recorded", "2 of 2", "1.00", "3", "3.00"]
    assert other[:8] == ["new.yaml", "2 of 2", "0.983", "-1.7 %", "4", "+1", "1.00", "-2.0"]
    assert other[8] == "Mon 16 Nov 2026 00:02:00: shop/Deployment/web, 4 of 6 needed"
    assert [link.get("href") for link in ElementTree.fromstring(table).iter("a")] == ["#t0-1"]


def test_a_run_of_some_targets_is_compared_with_the_record_of_these() -> None:
    table = tables.runs(partial(), ["", ""])
    _, recorded, other = rows(table)
    assert recorded[:5] == ["recorded", "2 of 2", "1.00", "3", "3.00"]
    assert other[:8] == ["half", "1 of 2", "0.333", "= 0.333", "0", "= 0", "0", "= 0"]
    assert "compared with what was recorded of just these" in table
    assert "summed over all targets" not in table


def test_every_target_is_there_with_a_link_where_it_is_plotted() -> None:
    standing = words.Standing(small(candidates=(candidate("x", [track("new/D/n", [MONDAY], [1])]),)))
    table = tables.targets(standing, standing.ranked(), {"shop/Deployment/web": "t0"})
    found = {row[0]: row[1:] for row in rows(table)[2:]}
    assert found["shop/Deployment/web"] == ["0.667", "3", "3.00", "not in this run"]
    assert found["new/D/n"] == ["not in this run", "0.0167", "0", "1.00"]
    assert len(found) == 3
    assert [link.get("href") for link in ElementTree.fromstring(table).iter("a")] == ["#t0"]


def test_every_row_is_as_wide_as_the_others() -> None:
    standing = words.Standing(small())
    for table in (tables.runs(small(), ["", ""]), tables.targets(standing, standing.ranked(), {})):
        widths = {
            sum(int(cell.get("colspan", "1")) for cell in row) for row in ElementTree.fromstring(table).iter("tr")
        }
        assert len(widths) == 1


def test_the_numbers_of_a_plot_have_lowest_and_highest() -> None:
    times = [MONDAY + hour * HOUR for hour in range(24)]
    recorded = track("a/D/b", times, [2, 5, *[None] * 22], end=MONDAY + 24 * HOUR)
    told = rows(tables.numbers(recorded, None, Window(MONDAY, MONDAY + 24 * HOUR, 960)))
    assert told[0] == ["from (UTC)", "recorded", "demand", "min", "max"]
    assert told[1] == ["Mon 16 Nov 2026 00:00:00", "2", "2", "1", "10"]
    assert told[2][1] == "5"
    assert told[3][1] == "not known"
    assert len(told) == 25
    both = rows(tables.numbers(recorded, track("a/D/b", times, [7] * 24), Window(MONDAY, MONDAY + 7 * 24 * HOUR, 960)))
    assert both[1][:3] == ["Mon 16 Nov 2026 00:00:00", "2 to 5", "7"]


def test_what_went_wrong_is_listed_up_to_a_limit() -> None:
    found = [Difference(HOSTILE, MONDAY, 2, None, "Chosen")] * 300
    told = rows(tables.differences(found, 4000))
    assert len(told) == 1 + tables.LISTED
    assert told[1][2:] == ["2", "none", "Chosen"]
    table = tables.unanswerable([Unanswerable("a/D/b", MONDAY, 1234, "truncated")] * 201)
    assert "By target, the first 200 of 201 rows" in table
    assert rows(table)[1][1:] == ["1,234", "Mon 16 Nov 2026 00:00:00", "truncated"]
