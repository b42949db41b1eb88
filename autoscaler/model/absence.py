"""Why a pod or a node has no number, in words for a program and for a person."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from autoscaler.model.instant import seconds_text


class Lack(StrEnum):
    """What is missing; `Status.details.causes[].reason` of the Metrics API."""

    NOT_RUNNING = "PodNotRunning"
    NOT_BOUND = "PodNotBound"
    NOT_SCRAPED = "NotScrapedYet"
    FAILING = "ScrapeFailing"
    NO_SERIES = "NoSeries"
    NO_RATE = "NoRate"
    TOO_OLD = "SampleTooOld"
    FOREIGN = "ReportedByAnotherNode"


class Absence(Struct, frozen=True):
    """One cause; `since` in seconds since 1970, None when nobody knows; `container` is the one it is about, if any."""

    lack: Lack
    text: str
    since: float | None = None
    container: str = ""

    def __str__(self) -> str:
        return self.text if self.since is None else f"{self.text} (since {seconds_text(self.since)})"
