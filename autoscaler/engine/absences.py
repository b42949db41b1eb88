"""Why there is no number for a node or a pod, and since when; the most telling cause first.

A failing scrape explains everything that is older than it; a sample another node reported comes last, since it hints at
a kubelet that has not noticed the pod's move.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from autoscaler.core.rates import EXPLAINED, NANO
from autoscaler.engine.nodeseries import NodeSeries
from autoscaler.engine.podseries import PodSeries
from autoscaler.engine.series import Row, gap_of, usage_of
from autoscaler.model.absence import Absence, Lack
from autoscaler.model.objects import Node, Pod

NAMED = 3
"""Nodes that are named as reporters of a pod that is not theirs."""


class Moment(NamedTuple):
    """When it is asked, how old a sample may be, and when we began to look (seconds since 1970)."""

    now_ns: int
    bound_ns: int
    begun: float


def of_node(node: Node, series: NodeSeries | None, moment: Moment) -> tuple[Absence, ...]:
    """Causes for a node, none when it can be served."""
    known = max(moment.begun, node.created or 0.0)
    if series is None:
        return (Absence(Lack.NOT_SCRAPED, f"node {node.name} was not scraped yet", known),)
    row = series.own()
    if usage_of(row, moment.now_ns, moment.bound_ns):
        return ()
    told = f"the kubelet of node {node.name} sends no series for the node itself"
    return (*_failing(series), _lacking(row, moment.bound_ns, told, known, current=row.seen == series.page_ns))


def of_pod(pod: Pod, series: PodSeries | None, home: NodeSeries | None, moment: Moment) -> tuple[Absence, ...]:
    """Causes for a running pod, none when it can be served; `home` is what is known of the node it is bound to."""
    if not pod.node:
        return (Absence(Lack.NOT_BOUND, "the pod is not bound to a node yet", pod.created),)
    now_ns, bound_ns = moment.now_ns, moment.bound_ns
    known = max(moment.begun, pod.started or pod.created or 0.0)
    failing = _failing(home) if home else ()
    if series is None or series.pod.uid != pod.uid:
        if home is None or not home.page_ns:
            return (*failing, Absence(Lack.NOT_SCRAPED, f"its node {pod.node} was not scraped yet", known))
        return (*failing, Absence(Lack.NOT_SCRAPED, f"no page of node {pod.node} has come in with it yet", known))
    if series.usage(now_ns, bound_ns):
        return ()
    causes = [_of_container(series, name, row, bound_ns, known) for name, row in series.blocking(now_ns, bound_ns)]
    return (*failing, *(causes or (_silent(series, known),)))


def of_foreign(pod: Pod, reporters: Sequence[NodeSeries]) -> tuple[Absence, ...]:
    """The cause that other nodes report samples of a pod that is bound to `pod.node`."""
    if not reporters:
        return ()
    names = sorted(each.name for each in reporters)
    told = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    text = f"node {told} reports samples of it, but it is bound to {pod.node or 'none'}"
    return (Absence(Lack.FOREIGN, text, min(each.page_ns for each in reporters) / NANO),)


def _failing(series: NodeSeries) -> tuple[Absence, ...]:
    if not series.failure:
        return ()
    return (Absence(Lack.FAILING, f"scraping node {series.name} fails: {series.failure}", series.failing_since),)


def _of_container(series: PodSeries, name: str, row: Row, bound_ns: int, known: float) -> Absence:
    told = f"the kubelet of node {series.node.name} sends no series for container {name}"
    found = _lacking(row, bound_ns, told, known, current=True)
    text = found.text if found.text is told else f"container {name}: {found.text}"
    return Absence(found.lack, text, found.since, name)


def _silent(series: PodSeries, known: float) -> Absence:
    """No container holds the pod back: there were lines and there are none any more, or there never were."""
    seen = max((series.row(index).seen for index in range(len(series.names))), default=0)
    text = f"the kubelet of node {series.node.name} sends no series for it"
    return Absence(Lack.NO_SERIES, text, seen / NANO if seen else known)


def _lacking(row: Row, bound_ns: int, unseen: str, known: float, *, current: bool) -> Absence:
    """What a row lacks; `current`: the newest page had a line of it, or it should have had."""
    if not row.seen or not current:
        return Absence(Lack.NO_SERIES, unseen, row.seen / NANO if row.seen else known)
    gap = gap_of(row)
    if gap is None:
        return Absence(Lack.TOO_OLD, f"its last sample is older than {bound_ns / NANO:g} s", row.at / NANO)
    return Absence(Lack.NO_RATE, EXPLAINED[gap], (row.received or row.seen) / NANO)
