"""What a replay of the record found: the run as it was recorded, and beside it what each candidate would have done.

All times are seconds since 1970 (UTC), targets are `namespace/kind/name`. The words are those of the JSON report, so a
new field is welcome at any time and a changed meaning is not.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct


class Worst(Struct, frozen=True):
    """The moment that was short of the most replicas (the first of several); both numbers as in `Track`."""

    target: str
    time: float
    demand: int
    replicas: int


class Summary(Struct, frozen=True, kw_only=True):
    """Sums over one target, or over all.

    `pod_hours` is the integral of replicas over time, in hours. `changes` counts how often replicas became another
    number. `minutes_under_target` are the minutes, summed over targets, with fewer replicas than the demand needs
    beyond its tolerance. `worst` is None when there was no such minute.
    """

    pod_hours: float
    changes: int
    minutes_under_target: float
    worst: Worst | None = None


class Track(Struct, frozen=True, kw_only=True):
    """One target through time, in columns of the same length.

    `times` increase strictly; what stands at a time holds until the next one, the last until `end`: a point is needed
    only where a column changes. `replicas` is the target's size. `demand` is how many replicas the recorded load would
    need to be at its target exactly, whatever policies, windows and bounds say. `lower` and `upper` are the bounds that
    held (min and max replicas). None: not known, as in a gap of the record.
    """

    target: str
    summary: Summary
    end: float
    times: Sequence[float]
    replicas: Sequence[int | None]
    demand: Sequence[int | None]
    lower: Sequence[int | None]
    upper: Sequence[int | None]


class Unanswerable(Struct, frozen=True):
    """So many evaluations of a target, the first of them at `time`, that cannot be replayed, and why."""

    target: str
    time: float
    evaluations: int
    reason: str


class Candidate(Struct, frozen=True, kw_only=True):
    """A run: `name` is one word for people ("recorded", a file's name), `policy` its text, "" for that of the record.

    `summary` is over all `tracks`, which are in the order of their targets' names. `unanswerable` are evaluations of
    which the record cannot say what this policy would have decided: its tracks are unknown there.
    """

    name: str
    policy: str = ""
    summary: Summary
    tracks: Sequence[Track] = ()
    unanswerable: Sequence[Unanswerable] = ()


class Difference(Struct, frozen=True):
    """An evaluation that was replayed as it was recorded and came to another number; `reason` says at which step.

    None: that side came to no number.
    """

    target: str
    time: float
    recorded: int | None
    replayed: int | None
    reason: str


class Report(Struct, frozen=True, kw_only=True):
    """All of it. `source` is where the record was read from, `since` and `until` its first and last evaluation.

    `evaluations` = `identical` + `differing` + those of `unanswerable`, where the unchanged policy was replayed over
    the recorded inputs; `differences` are the first of the `differing`. Where a candidate differs from the record is
    seen from their tracks.
    """

    source: str
    since: float
    until: float
    evaluations: int
    identical: int
    differing: int
    recorded: Candidate
    candidates: Sequence[Candidate] = ()
    differences: Sequence[Difference] = ()
    unanswerable: Sequence[Unanswerable] = ()
