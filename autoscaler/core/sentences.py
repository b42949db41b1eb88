"""One stage of a plan as a sentence, with the numbers that took part in it, in units a person reads."""

from __future__ import annotations

from collections.abc import Iterator

from autoscaler.core.figures import amount, counted, span
from autoscaler.model.instant import seconds_text
from autoscaler.model.plan import (
    Aged,
    Chosen,
    Contested,
    Counted,
    Final,
    Forced,
    Limited,
    Overridden,
    Paused,
    Proposal,
    Selected,
    Stabilized,
    Unnamed,
)
from autoscaler.model.policy import MetricSpec, MetricType

NAMES_SHOWN = 4

_PER_POD = (MetricType.RESOURCE, MetricType.CONTAINER_RESOURCE, MetricType.PODS)


def target(proposal: Proposal) -> str:
    """What the metric is to be: `60 % of requests`, `500m a pod`."""
    match proposal.target_type:
        case "Utilization":
            return f"{proposal.target} % of requests"
        case "AverageValue":
            return f"{amount(proposal, proposal.target)} a {_share(proposal)}"
        case _:
            return amount(proposal, proposal.target)


def metric_name(proposal: Proposal, spec: MetricSpec | None = None) -> str:
    """`cpu`, `cpu of container app`, `external metric jobs of queue=mail`: what tells it from the policy's others.

    `spec` is what was asked for, None where that is not known.
    """
    match proposal.type:
        case MetricType.RESOURCE:
            return proposal.name
        case MetricType.CONTAINER_RESOURCE:
            return f"{proposal.name} of container {proposal.container}"
    described = f" of {spec.described.kind} {spec.described.name}" if spec and spec.described else ""
    selector = f" of {spec.selector}" if spec and spec.selector else ""
    return f"{proposal.type.lower()} metric {proposal.name}{described}{selector}"


def measured(proposal: Proposal) -> Iterator[tuple[str, str]]:
    """How a metric came to its number, as (word, sentence); nothing for what did not happen."""
    if proposal.pods is not None:
        yield "pods", pods(proposal.pods)
    if proposal.usage is not None:
        yield "usage", _usage(proposal)
    if proposal.ratio is not None:
        yield "ratio", _ratio(proposal)
    if proposal.damped_ratio is not None:
        yield "filled", _filled(proposal)
    if proposal.replicas is None:
        yield "failed", f"{proposal.reason}: {proposal.message}"
    elif proposal.why:
        yield "so", proposal.why


def pods(found: Counted) -> str:
    """`3 ready, 1 unready (web-a), 2 without a sample (web-b, web-c)`."""
    more = found.unnamed or Unnamed()
    groups = (
        ("unready", found.unready, more.unready),
        ("without a sample", found.missing, more.missing),
        ("ignored, ending or ended", found.ignored, more.ignored),
    )
    told = [
        f"{len(names) + unnamed} {word} ({_names(names, unnamed)})"
        for word, names, unnamed in groups
        if names or unnamed
    ]
    return ", ".join([f"{found.ready} ready", *told])


def chosen(stage: Chosen, proposals: int) -> str:
    """Which metric won."""
    sentence = stage.metric or "no metric asks for any"
    if proposals - stage.failed > 1:
        sentence += ", which asks for the most"
    if stage.failed:
        sentence += f"; {stage.failed} of {proposals} failed, so never down"
    return sentence


def forced(stage: Forced) -> str:
    """Why no metric was asked."""
    if stage.current == 0 and stage.replicas == 0:
        return "somebody has scaled the target to 0: scaling is off until it is scaled up again"
    if stage.current > stage.max_replicas:
        return f"{stage.current} is above spec.maxReplicas, {stage.max_replicas}; no metric is asked"
    return f"{stage.current} is below spec.minReplicas, {stage.min_replicas}; no metric is asked"


def stabilized(stage: Stabilized, now: float) -> str:
    """Which earlier recommendation held the number."""
    if stage.by is None:
        return f"no recommendation of the window stands against it ({_windows(stage)})"
    up = stage.reason == "ScaleUpStabilized"
    window = (stage.up_window or 0.0) if up else stage.down_window
    way = "up" if up else "down"
    ago = span(max(0.0, now - stage.by.time))
    until = seconds_text(stage.by.time + window)[11:]  # a window is an hour at most: the time of day is enough
    return f"{stage.by.replicas}, recommended {ago} before, counts until {until} (scale-{way} window of {span(window)})"


def limited(stage: Limited) -> str:
    """Which rate limit or bound decided."""
    rule = f"{stage.policy}, from {stage.start}" if stage.policy else f"at most doubled from {stage.start}, or to 4"
    match stage.reason:
        case "ScaleUpLimit":
            return f"not above {stage.limit} for now: {rule}"
        case "ScaleDownLimit":
            return f"not below {stage.limit} for now: {rule}"
        case "TooManyReplicas":
            return f"spec.maxReplicas is {stage.max_replicas}"
        case "TooFewReplicas":
            return f"spec.minReplicas is {stage.min_replicas}"
    return f"within {stage.min_replicas} to {stage.max_replicas}"


def paused(stage: Paused) -> str:
    """Who held it, and until when."""
    return f"{stage.wanted} is wanted; {stage.by} holds it until {stage.until}: {stage.why}"


def contested(stage: Contested) -> str:
    """With whom the target is shared."""
    if stage.claims:
        return f"{stage.wanted} is wanted; scaled by {', '.join(stage.claims)} too, so nobody of ours writes"
    return f"{stage.wanted} is wanted; who else scales it is unknown: {stage.unseen}"


def overridden(stage: Overridden) -> str:
    """Which periods are the policy's own."""
    told = (
        ("CPU initialization period", stage.cpu_initialization),
        ("initial readiness delay", stage.initial_readiness_delay),
        ("sync period", stage.sync_period),
        ("usage window", stage.usage_window),
    )
    return "The policy's own: " + ", ".join(f"{name} {span(value)}" for name, value in told if value is not None) + "."


def selected(stage: Selected) -> str:
    """Which pods did not count, and why."""
    told = [
        f"{len(names)} {why} ({_names(names, 0)})"
        for names, why in ((stage.foreign, "of another owner"), (stage.surge, "beyond the wanted number"))
        if names
    ]
    told += [f"{stage.unnamed} whose names were left out"] if stage.unnamed else []
    told += [f"a size of {stage.observed} during the rollout"] if stage.observed is not None else []
    return f"Not counted: {', '.join(told)}; counted: {counted(stage.counted)}."


def aged(stage: Aged) -> str:
    """Whose samples were too old."""
    pods = len(stage.pods) + stage.unnamed
    told = [f"samples of {counted(pods)} ({_names(stage.pods, stage.unnamed)})"] if pods else []
    told += [counted(stage.values, "custom or external value")] if stage.values else []
    return f"Too old to count, at more than {span(stage.max_age)}: {', '.join(told)}."


def final(stage: Final, before: int | None) -> str:
    """What it comes down to; `before` is the number of the stage above."""
    if before is not None and stage.replicas > before and stage.current == 0:
        return f"lifted from {before} to spec.minReplicas, for the target wakes from 0"
    if stage.replicas == stage.current:
        return "as many as there are"
    return f"{abs(stage.replicas - stage.current)} {'more' if stage.replicas > stage.current else 'fewer'} than now"


def _share(proposal: Proposal) -> str:
    return "pod" if proposal.type in _PER_POD else "replica"


def _usage(proposal: Proposal) -> str:
    total = amount(proposal, proposal.usage or 0)
    average = "" if proposal.average is None else f"{amount(proposal, proposal.average)} a {_share(proposal)}"
    if proposal.requests is not None:
        requested = amount(proposal, proposal.requests)
        return f"{total} of {requested} requested by {counted(proposal.samples)}: {proposal.current} %, {average}"
    if proposal.samples:
        return f"{total} in {counted(proposal.samples)}: {average}"
    return f"{total} in total" + (f", {average}" if proposal.target_type == "AverageValue" else "")


def _ratio(proposal: Proposal) -> str:
    low, high = 1 - proposal.tolerance_down, 1 + proposal.tolerance_up
    ratio = proposal.ratio or 0.0
    where = "inside" if low <= ratio <= high else "outside"
    return f"{ratio:.4g} of the target, {where} the tolerance of {low:.4g} to {high:.4g}"


def _filled(proposal: Proposal) -> str:
    ratio = f"{proposal.damped_ratio:.4g}"
    if (proposal.ratio or 0.0) > 1:
        return f"{ratio} if the unready pods and those without a sample use nothing"
    if (proposal.ratio or 0.0) < 1:
        assumed = (
            "the target" if proposal.target_type != "Utilization" else f"{max(100, proposal.target)} % of their request"
        )
        return f"{ratio} if the pods without a sample use {assumed}"
    return f"{ratio}: nothing is assumed of the pods without a sample, for the others are on target"


def _windows(stage: Stabilized) -> str:
    down = f"down {span(stage.down_window)}"
    return f"up {span(stage.up_window)}, {down}" if stage.up_window else down


def _names(names: tuple[str, ...], unnamed: int) -> str:
    hidden = len(names[NAMES_SHOWN:]) + unnamed
    shown = ", ".join(names[:NAMES_SHOWN])
    if not hidden:
        return shown
    return f"{shown} and {hidden} more" if shown else "names left out of the record"
