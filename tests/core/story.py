"""How a target goes on after a record, told by the planner itself: what an outlook is held against."""

from msgspec.structs import replace

from autoscaler.core.future import MOMENT
from autoscaler.core.recollection import planned
from autoscaler.core.sentences import metric_name
from autoscaler.model.instant import micro_text, parse_instant
from autoscaler.model.plan import Proposal


class Story:
    """A record that goes on with the usages it is told, planned from the record alone."""

    def __init__(self, found):
        self.first, self.now = found, parse_instant(found.time)
        self.history = planned(found).history

    def number(self, at, usages=None):
        """At that time, and at a few before it."""
        for part in (0.3, 0.9):
            self.history = self._planned(self.now + MOMENT + part * (at - self.now - MOMENT), usages).history
        return self._planned(at, usages).desired

    def _planned(self, at, usages):
        own, basis = self.first.basis.spec.deviations.sync_period, self.first.basis
        over = at >= self.now + (basis.settings.sync_period if own is None else own)
        basis = replace(basis, history=self.history, period_start=None if over else basis.period_start)
        told = iter(usages or [each.usage for each in self.first.stages if isinstance(each, Proposal)])
        stages = tuple(
            replace(each, usage=next(told)) if isinstance(each, Proposal) else each for each in self.first.stages
        )
        return planned(replace(self.first, time=micro_text(at), basis=basis, stages=stages))


def usages_with(found, needs, nearer=0):
    """Of each metric, those in need at their level, or that much nearer to what they were."""
    proposals = [each for each in found.stages if isinstance(each, Proposal)]
    wanted = {need.metric: need.step.usage for need in needs}
    names = [metric_name(each, spec) for each, spec in zip(proposals, found.basis.spec.metrics, strict=True)]
    told = [(wanted.get(name), each.usage) for name, each in zip(names, proposals, strict=True)]
    return [own if new is None else new + (nearer if new < own else -nearer) for new, own in told]
