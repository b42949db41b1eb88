"""The forms a report is told in: `text`, `json`, `html`."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from autoscaler.model.whatif import Report
from autoscaler.report import page, text

FORMS = ("text", "json", "html")


def told(report: Report, form: str, *, colour: bool = False) -> Iterator[str]:
    """The report in one of `FORMS`, in pieces; `colour` is for text on a terminal."""
    if form == "json":
        yield msgspec.json.encode(report).decode() + "\n"
    elif form == "html":
        yield page.page(report)
    else:
        for line in text.lines(report, colour=colour):
            yield line + "\n"
