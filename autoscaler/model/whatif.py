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

    `recorded`, of a candidate's track only, are the recorded sums over just the time for which it is known.
    """

    target: str
    summary: Summary
    end: float
    times: Sequence[float]
    replicas: Sequence[int | None]
    demand: Sequence[int | None]
    lower: Sequence[int | None]
    upper: Sequence[int | None]
    recorded: Summary | None = None


class Unanswerable(Struct, frozen=True):
    """So many evaluations of a target, the first of them at `time`, that cannot be replayed, and why."""

    target: str
    time: float
    evaluations: int
    reason: str


class Candidate(Struct, frozen=True, kw_only=True):
    """A run: `name` is one word for people ("recorded", a file's name), `policy` its text, "" for that of the record.

    `summary` is over all `tracks`, which are in the order of their targets' names; of `targets` of them something is
    known. `recorded`, None for the recorded run, is what to compare with: the recorded sums of just these targets, over
    just the time for which the candidate is known. `unanswerable` are evaluations of which the record cannot say what
    this policy would have decided: its tracks are unknown there. Of the recorded run they are those that came, or were,
    behind later ones or ahead of them: they were decided again and count in no sum.
    """

    name: str
    policy: str = ""
    summary: Summary
    targets: int = 0
    recorded: Summary | None = None
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


class Numbers(Struct, frozen=True, kw_only=True):
    """What the numbers of records say of a target, or of all (`target` ""); `audit verify` names each.

    `missing` records are nowhere, of one evaluation or more each; `not_kept` are those of which the record itself says
    so, for want of room in the spool. Records `out_of_order` came behind later ones: their own policy was replayed.
    `duplicates` were taken once: delivery is at least once.
    """

    target: str = ""
    missing: int = 0
    out_of_order: int = 0
    duplicates: int = 0
    not_kept: int = 0

    @property
    def whole(self) -> bool:
        """Nothing is lost that the record does not own up to, and all came in its order."""
        return not self.missing and not self.out_of_order


class PassedOver(Struct, frozen=True):
    """So many events that are of no target's record, and what they are; `broken`: one was to be a record."""

    events: int
    reason: str
    broken: bool = False


class Report(Struct, frozen=True, kw_only=True):
    """All of it. `source` is where the record was read from, `since` and `until` its first and last evaluation.

    `evaluations` = `identical` + `differing` + those of `unanswerable`, where the unchanged policy was replayed over
    the recorded inputs; `differences` are the first of the `differing`. Where a candidate differs from the record is
    seen from their tracks. What is not in the record is in `numbers`, summed, and in `numbered` for each target of
    which there is something to say, the worst first; `passed_over` was none of it.
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
    numbers: Numbers = Numbers()
    numbered: Sequence[Numbers] = ()
    passed_over: Sequence[PassedOver] = ()

    @property
    def sound(self) -> bool:
        """Something was replayed, all of it came to the recorded decision, and nothing is missing without a reason."""
        broken = any(each.broken for each in self.passed_over)
        return self.identical > 0 and not self.differing and self.numbers.whole and not broken
