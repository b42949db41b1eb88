"""The strand of one target, of records that are given, with or without a candidate."""

from autoscaler.audit import codec
from autoscaler.core.basis import spec_of
from autoscaler.core.strand import Strand
from bench import week

KEY = "shop/Deployment/web"


def strand(decisions, *specs, since=float("-inf"), until=float("inf"), ready_after=week.READY_AFTER):
    """All of them taken, through the wire."""
    found = Strand(KEY, specs, ready_after=ready_after, since=since, until=until)
    for seq, each in enumerate(decisions, 1):
        found.take(1, seq, codec.decode(codec.encode(each)))
    found.end()
    return found


def wild(after):
    """A load that jumps every few minutes, and at times is gone."""
    return (int(after / 170) * 7919) % 13 * 1000


def turns(*records):
    """(epoch, seq, decision) each, with a candidate."""
    found = Strand(KEY, [spec_of(week.policy())], ready_after=week.READY_AFTER, since=float("-inf"), until=float("inf"))
    for epoch, seq, each in records:
        found.take(epoch, seq, each)
    found.end()
    return found


def led(records):
    """What a candidate, the recorded policy, came to."""
    found = turns(*records)
    return found, found.trials[0].trace.track(300) == found.recorded.track(300)
