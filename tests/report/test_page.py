from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from autoscaler.model.whatif import Numbers, Report, Unanswerable
from autoscaler.report.markup import VOID
from autoscaler.report.page import PLOTTED, POLICY, page
from tests.report.samples import HOSTILE, MONDAY, candidate, partial, small, track, troubled, weeks


class Seen(HTMLParser):
    """Every element with its attributes, and what was left open or closed twice."""

    def __init__(self, of: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(of)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


LOADING = {
    "script",
    "link",
    "img",
    "image",
    "iframe",
    "object",
    "embed",
    "base",
    "form",
    "use",
    "foreignobject",
    "video",
    "audio",
}
REPORTS = [
    pytest.param(small(), id="a candidate"),
    pytest.param(troubled(), id="with trouble"),
    pytest.param(small(candidates=()), id="only replayed"),
    pytest.param(small(candidates=small().candidates * 3), id="three candidates"),
    pytest.param(small(candidates=(candidate("empty", []),)), id="a candidate without targets"),
    pytest.param(
        small(recorded=candidate("recorded", []), candidates=(), evaluations=0, until=MONDAY), id="nothing at all"
    ),
    pytest.param(partial(), id="a candidate for some"),
    pytest.param(weeks(2, 0.2), id="some hours"),
]


@pytest.mark.parametrize("report", REPORTS)
def test_nothing_is_loaded_or_run(report: Report) -> None:
    seen = Seen(page(report))
    policies = [each["content"] for each in seen.all("meta") if each.get("http-equiv") == "Content-Security-Policy"]
    assert policies == [POLICY]
    names = {tag for tag, _ in seen.elements}
    assert not names & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "image",
        "use",
        "foreignobject",
    }
    for _, attributes in seen.elements:
        assert not {name for name in attributes if name.startswith("on") or name in {"src", "style", "srcset"}}
        assert (attributes.get("href") or "#").startswith("#")
    assert not re.search(r"url\(|@import", page(report))


@pytest.mark.parametrize("report", REPORTS)
def test_every_link_leads_somewhere_and_every_id_is_one(report: Report) -> None:
    seen = Seen(page(report))
    ids = [attributes["id"] for _, attributes in seen.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {each["href"] for each in seen.all("a")} <= {f"#{each}" for each in ids}
    for svg in seen.all("svg"):
        assert set((svg.get("aria-labelledby") or "").split()) <= set(ids)


def test_a_hostile_name_is_text() -> None:
    made = page(troubled())
    assert "<script" not in made
    assert "\x1b" not in made
    assert "\u202e" not in made
    assert made.count("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;") > 3
    assert "# &lt;/pre&gt;&lt;script&gt;" in made


def test_the_worst_moment_of_each_run_leads_to_its_plot() -> None:
    made = page(small())
    assert made.count('href="#t0-1"') == 2
    assert '<figure id="t0-1">' in made or re.search(r'<figure[^>]* id="t0-1"', made)


def test_it_says_whether_the_replay_is_to_be_believed() -> None:
    assert "<strong>✓ </strong>20 evaluations" in page(small())
    told = page(troubled())
    assert "<strong>! </strong>18 evaluations" in told
    assert "<li>7 passed over: events of other types, no records of ours</li>" in told
    assert "<li>1,203 missing, 1 out of order" in told
    assert "see <code>autoscaler audit verify</code></li>" in told
    assert "<summary>What is missing, out of order or twice, by target</summary>" in told
    assert page(small(numbers=Numbers(missing=1))).count("<strong>! </strong>") == 1
    assert "Stabilized: by another recommendation" in told
    assert "the record was truncated: proposals" in told


def test_it_says_what_is_not_known_of_a_candidate() -> None:
    lost = (
        Unanswerable(HOSTILE, MONDAY, 1200, "there was another metric"),
        Unanswerable("a/D/b", MONDAY, 34, "too old"),
    )
    made = page(small(candidates=(replace(small().candidates[0], unanswerable=lost),)))
    assert "What new.yaml would have done is not known for 1,234 evaluations, which its sums leave out" in made
    assert "another metric" in made


def test_it_says_what_a_run_of_some_targets_is_compared_with() -> None:
    assert "half tells of 1 of 2 targets: it is compared with what was recorded of just these" in page(partial())


def test_it_says_what_counts_in_no_sum_of_the_recorded_run() -> None:
    run = replace(small().recorded, unanswerable=(Unanswerable("a/D/b", MONDAY, 34, "late"),))
    assert "<summary>What was recorded counts in no sum for 34 evaluations" in page(small(recorded=run))


def test_it_says_how_much_time_a_column_is() -> None:
    assert "960 columns of 0.625 s each" in page(small())


def test_not_more_plots_than_open_quickly() -> None:
    tracks = [track(f"a/D/{index}", [MONDAY], [1]) for index in range(PLOTTED + 1)]
    made = page(small(recorded=candidate("recorded", tracks), candidates=()))
    assert made.count("<figure") == PLOTTED
    assert f"Plotted are the {PLOTTED} targets" in made
    assert f"a/D/{PLOTTED - 1}" in made
    assert HOSTILE not in made
