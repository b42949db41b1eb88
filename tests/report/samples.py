"""Reports as a replay makes them, of targets with a day and a night; the same for the same arguments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

from msgspec.structs import replace

from autoscaler.model.whatif import (
    Candidate,
    Difference,
    Numbers,
    PassedOver,
    Report,
    Summary,
    Track,
    Unanswerable,
    Worst,
)

MONDAY = 1_794_787_200.0
"""2026-11-16T00:00:00Z."""
DAY = 86_400.0
TOLERANCE = 1.1
HOSTILE = 'shop/Deployment/<script>alert("x")</script>\u202e\x1b[2J'


def track(target: str, times: Sequence[float], replicas: Sequence[int | None], **columns: object) -> Track:
    """With its sums; `demand` is 2 and the bounds 1 to 10 unless given."""
    count = len(times)
    end = columns.pop("end", times[-1] + 60)
    fields = {"demand": [2] * count, "lower": [1] * count, "upper": [10] * count} | columns
    made = Track(target=target, summary=Summary(pod_hours=0, changes=0, minutes_under_target=0), end=end,
                 times=times, replicas=replicas, **fields)  # fmt: skip
    return replace(made, summary=summed(made))


def summed(of: Track) -> Summary:
    """Of the columns, with a tolerance of 10 %."""
    hours = minutes = 0.0
    changes, worst, before = 0, None, None
    for time, until, there, wanted in zip(of.times, [*of.times[1:], of.end], of.replicas, of.demand, strict=True):
        if there is None:
            continue
        hours += there * (until - time) / 3600
        changes += before is not None and there != before
        before = there
        if wanted is not None and wanted > there * TOLERANCE:
            minutes += (until - time) / 60
            if worst is None or wanted - there > worst.demand - worst.replicas:
                worst = Worst(of.target, time, wanted, there)
    return Summary(pod_hours=hours, changes=changes, minutes_under_target=minutes, worst=worst)


def candidate(
    name: str, tracks: Sequence[Track], policy: str = "", *, recorded: Sequence[Track] | None = None
) -> Candidate:
    """With the sums of its tracks, each compared with that of `recorded` for the same target, if there is one."""
    if recorded is not None:
        known = {each.target: each.summary for each in recorded}
        tracks = [replace(each, recorded=known.get(each.target)) for each in tracks]
    return Candidate(
        name=name,
        policy=policy,
        summary=totalled([each.summary for each in tracks]),
        targets=sum(any(size is not None for size in each.replicas) for each in tracks),
        recorded=None if recorded is None else totalled([each.recorded for each in tracks if each.recorded]),
        tracks=tracks,
    )


def totalled(found: Sequence[Summary]) -> Summary:
    """Over several targets."""
    worsts = [each.worst for each in found if each.worst]
    return Summary(
        pod_hours=sum(each.pod_hours for each in found),
        changes=sum(each.changes for each in found),
        minutes_under_target=sum(each.minutes_under_target for each in found),
        worst=max(worsts, key=lambda worst: worst.demand - worst.replicas, default=None),
    )


def small(**changes: object) -> Report:
    """Two targets of ten minutes: one is short, and less so with the candidate; one has a hostile name."""
    times = [MONDAY + minute * 60 for minute in range(10)]
    demand = [2, 2, 6, 6, 6, 6, 3, 3, 2, 2]
    recorded = [
        track("shop/Deployment/web", times, [2, 2, 2, 4, 4, 6, 6, 6, 6, 2], demand=demand),
        track(HOSTILE, times, [2] * 10),
    ]
    other = [
        track("shop/Deployment/web", times, [2, 2, 4, 6, 6, 6, 6, 3, 2, 2], demand=demand),
        track(HOSTILE, times, [2] * 10),
    ]
    fields: dict[str, object] = {
        "source": "/var/lib/hpa-companion/spool",
        "since": MONDAY,
        "until": MONDAY + 600,
        "evaluations": 20,
        "identical": 20,
        "differing": 0,
        "recorded": candidate("recorded", recorded),
        "candidates": (
            candidate("new.yaml", other, "maxReplicas: 10\n# </pre><script>alert(1)</script>\n", recorded=recorded),
        ),
    }
    return Report(**(fields | changes))


def partial() -> Report:
    """The same, and the candidate is for the second target only."""
    report = small()
    (whole,) = report.candidates
    only = candidate("half", [each for each in whole.tracks if each.target == HOSTILE], recorded=report.recorded.tracks)
    return small(candidates=(only,))


def troubled() -> Report:
    """The same, and not all of it could be replayed, or was there."""
    return small(
        identical=17,
        differing=1,
        differences=(Difference("shop/Deployment/web", MONDAY + 60, 2, 3, "Stabilized: by another recommendation"),),
        unanswerable=(Unanswerable(HOSTILE, MONDAY + 120, 2, "the record was truncated: proposals"),),
        numbers=Numbers(missing=1203, out_of_order=1, duplicates=4, not_kept=2),
        numbered=(
            Numbers(target=HOSTILE, missing=1203, duplicates=3),
            Numbers(target="shop/Deployment/web", out_of_order=1, duplicates=1, not_kept=2),
        ),
        passed_over=(PassedOver(7, "events of other types, no records of ours"),),
    )


def weeks(targets: int, days: float, every: float = 15.0) -> Report:
    """Targets with a load of day and night and bursts, and a candidate that is faster and goes lower."""
    recorded, other = [], []
    for number in range(targets):
        chance = Random(number)
        name = f"shop-{number % 7}/Deployment/{chance.choice(('web', 'api', 'cart', 'search', 'mail'))}-{number}"
        size, most = chance.uniform(3, 40), 0
        bursts = [MONDAY + chance.uniform(0, days) * DAY for _ in range(max(1, int(days)))]
        times = [MONDAY + index * every for index in range(int(days * DAY / every))]
        demand: list[int | None] = []
        level = 0.0
        for time in times:
            level = 0.997 * level + chance.gauss(0, 0.006)
            burst = sum(2.5 * math.exp(-(time - at) / 1800) for at in bursts if 0 <= time - at < 9000)
            load = size * (0.35 + 0.45 * (1 - math.cos((time - MONDAY) / DAY * math.tau)) / 2 + level + 0.4 * burst)
            demand.append(max(1, math.ceil(load)))
            most = max(most, demand[-1] or 1)
        upper = max(4, round(most * 0.85))
        recorded.append(_followed(name, times, demand, 2, upper, lag=8, window=80))
        other.append(_followed(name, times, demand, 1, round(upper * 1.3), lag=2, window=20))
    return Report(
        source="kafka://kafka:9092/autoscaler.decisions",
        since=MONDAY,
        until=MONDAY + days * DAY,
        evaluations=targets * int(days * DAY / every),
        identical=targets * int(days * DAY / every),
        differing=0,
        recorded=candidate("recorded", recorded),
        candidates=(candidate("faster.yaml", other, "maxReplicas: 20\n", recorded=recorded),),
    )


def _followed(
    name: str, times: Sequence[float], demand: Sequence[int | None], lower: int, upper: int, *, lag: int, window: int
) -> Track:
    """Replicas that go up with the demand of `lag` steps before and down to the highest of the last `window`; a point
    where something changes.
    """
    columns: list[tuple[float, int, int | None]] = []
    current = lower
    for index, time in enumerate(times):
        wanted = demand[max(0, index - lag)] or lower
        if wanted > current:
            current = min(wanted, upper)
        elif index % 8 == 0:
            current = min(current, max(lower, *(each or 0 for each in demand[max(0, index - window) : index + 1])))
        if not columns or columns[-1][1:] != (current, demand[index]):
            columns.append((time, current, demand[index]))
    return track(
        name,
        [each[0] for each in columns],
        [each[1] for each in columns],
        demand=[each[2] for each in columns],
        lower=[lower] * len(columns),
        upper=[upper] * len(columns),
        end=times[-1] + (times[1] - times[0]),
    )
