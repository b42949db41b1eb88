"""kube-controller-manager's sums a second time, straight from its source, to hold ours against.

It shares no line with `autoscaler.core`, keeps a history of its own, and is itself held to the evaluations that
kube-controller-manager made (tests/faults/test_upstream.py). Left out: what never comes up in a seeded run, such as a
target outside its bounds, at 0, or without a selector.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from autoscaler.core.requests import Failure

LARGEST = 2**63 - 1


class FailedError(Exception):
    """The metric has no answer."""


class Size(NamedTuple):
    replicas: int
    at: float


class Event:
    def __init__(self, change, at):
        self.change, self.at, self.outdated = change, at, False


class Upstream:
    """One controller's view of one policy; times in seconds since 1970, amounts in milli-units."""

    def __init__(self, policy, settings):
        self.policy, self.settings = policy, settings
        self.sizes: list[Size] | None = None
        self.ups: list[Event] = []
        self.downs: list[Event] = []

    def desired(self, given):
        """The size after this pass; `given` is what was gathered for it, its pods already those of the selector."""
        current, policy, now = given.scale.replicas, self.policy, given.now
        if self.sizes is None:
            self.sizes = [Size(current, now - 1e-6)]
        proposals, failed = [], 0
        for spec in policy.metrics:
            try:
                proposals.append(self.proposed(given, spec))
            except FailedError:
                failed += 1
        best = 0
        for each in proposals:
            if best == 0 or each > best:
                best = each
        if not proposals or (failed and best < current):
            return current
        wanted = max(0, best)
        if policy.behavior is None:
            return self.legacy(current, wanted, now)
        return self.by_rules(current, wanted, now)

    def written(self, before, after, now):
        """That size was written."""
        rules = self.policy.behavior
        if rules is None or before == after:
            return
        events, side = (self.ups, rules.up) if after > before else (self.downs, rules.down)
        longest = max(each.period for each in side.policies)
        for each in events:
            each.outdated = each.outdated or each.at < now - longest
        slots = [index for index, each in enumerate(events) if each.outdated]
        new = Event(abs(after - before), now)
        if slots:
            events[slots[-1]] = new
        else:
            events.append(new)

    # One metric

    def proposed(self, given, spec):
        if spec.type in ("Resource", "ContainerResource"):
            samples = {each.pod: each for each in self.young(given, given.pod_metrics or ())}
            amounts = {name: amount(each, spec) for name, each in samples.items()}
            amounts = {name: each for name, each in amounts.items() if each is not None}
            return self.per_pod(given, spec, amounts, samples if spec.name == "cpu" else None)
        answer = given.values.get(spec)
        if answer is None or isinstance(answer, Failure):
            raise FailedError
        values = self.young(given, answer)
        if not values or (spec.type == "Object" and len(values) != 1):
            raise FailedError
        if spec.type == "Pods":
            return self.per_pod(given, spec, {each.object: each.value for each in values}, None)
        return self.single(given, spec, [each.value for each in values])

    def young(self, given, answers):
        """All of them, unless the policy wants none of a certain age."""
        most = self.policy.deviations.max_sample_age
        return [each for each in answers if most is None or each.at >= given.now - most]

    def inside(self, ratio):
        rules, usual = self.policy.behavior, self.settings.tolerance
        down = usual if rules is None or rules.down.tolerance is None else rules.down.tolerance
        up = usual if rules is None or rules.up.tolerance is None else rules.up.tolerance
        return 1.0 - down <= ratio <= 1.0 + up

    def per_pod(self, given, spec, amounts, samples):
        """Of a metric per pod (`GetResourceReplicas`, `calcPlainMetricReplicas`)."""
        if not given.pods:
            raise FailedError
        groups = self.grouped(given, amounts, samples)
        out = groups["ignored"] + groups["unready"]
        amounts = {name: each for name, each in amounts.items() if name not in out}
        if not amounts:
            raise FailedError
        requests = None if spec.utilization is None else {pod.name: request(pod, spec) for pod in given.pods}
        target = spec.average_value if requests is None else spec.utilization

        def ratio(found):
            if requests is None:
                return quotient(wrap(sum(found.values())), len(found)) / target
            return percentage(found, requests) / target

        first, current = ratio(amounts), given.scale.replicas
        lifted = bool(groups["unready"]) and first > 1.0
        if not lifted and not groups["missing"]:
            return current if self.inside(first) else ceiling(first * float(len(groups["ready"])))
        filled = amounts | {name: assumed(first, target, name, requests) for name in groups["missing"] if first != 1.0}
        if lifted:
            filled |= dict.fromkeys(groups["unready"], 0)
        second = ratio(filled)
        if self.inside(second) or min(first, second) < 1.0 < max(first, second):
            return current
        found = ceiling(second * float(len(filled)))
        wrong_way = (second < 1.0 and found > current) or (second > 1.0 and found < current)
        return current if wrong_way else found

    def grouped(self, given, amounts, samples):
        """`groupPods`; `samples` only where start-up counts."""
        groups = {"ready": [], "ignored": [], "unready": [], "missing": []}
        for pod in given.pods:
            if pod.deleted or pod.phase == "Failed":
                group = "ignored"
            elif pod.phase == "Pending":
                group = "unready"
            elif pod.name not in amounts:
                group = "missing"
            elif samples is not None and self.starting(pod, samples[pod.name], given.now):
                group = "unready"
            else:
                group = "ready"
            groups[group].append(pod.name)
        return groups

    def starting(self, pod, sample, now):
        """`groupPods`, of `cpu`."""
        if pod.ready is None or pod.started is None:
            return True
        if pod.started + self.settings.cpu_initialization > now:
            return pod.ready.status == "False" or sample.at < pod.ready.since + sample.window
        return pod.ready.status == "False" and pod.started + self.settings.initial_readiness_delay > pod.ready.since

    def single(self, given, spec, values):
        """Object and External."""
        current, observed = given.scale.replicas, given.scale.observed
        by_average = spec.target_type == "AverageValue" if spec.type == "Object" else spec.average_value is not None
        total = 0
        for each in values:
            total += each
            if spec.type == "External" and (total > LARGEST or (by_average and total < 0)):
                total = LARGEST
                break
            total = wrap(total)
        if by_average:
            ratio = divided(float(total), float(spec.average_value) * float(observed))
            return observed if self.inside(ratio) else ceiling(total / spec.average_value)
        ratio = total / spec.value
        if self.inside(ratio):
            return current
        if not given.pods:
            raise FailedError
        working = [each for each in given.pods if each.phase == "Running" and each.ready]
        return ceiling(ratio * float(sum(each.ready.status == "True" for each in working)))

    # From the wanted size to the permitted one

    def legacy(self, current, wanted, now):
        since = now - self.settings.downscale_stabilization
        recent = [each.replicas for each in self.sizes if each.at >= since]
        self.sizes.append(Size(wanted, now))
        most = min(int(max(2.0 * current, 4.0)), self.policy.max_replicas)
        return max(self.policy.min_replicas, min(max([wanted, *recent]), most))

    def by_rules(self, current, wanted, now):
        rules, least, most = self.policy.behavior, self.policy.min_replicas, self.policy.max_replicas
        down = self.settings.downscale_stabilization if rules.down.stabilization is None else rules.down.stabilization
        lower = min([wanted, *(each.replicas for each in self.sizes if each.at > now - (rules.up.stabilization or 0))])
        upper = max([wanted, *(each.replicas for each in self.sizes if each.at > now - down)])
        self.sizes.append(Size(wanted, now))
        steady = min(max(current, lower), upper)
        if steady > current:
            steps = [grown(self.start(current, each.period, now), each) for each in rules.up.policies]
            limit = {"Disabled": current, "Min": min(steps), "Max": max(steps)}[rules.up.select]
            return min(steady, max(limit, current), most)
        if steady < current:
            steps = [shrunk(self.start(current, each.period, now), each) for each in rules.down.policies]
            limit = {"Disabled": current, "Min": max(steps), "Max": min(steps)}[rules.down.select]
            return max(steady, min(limit, current), least)
        return min(max(steady, least), most)

    def start(self, current, period, now):
        added, removed = (
            sum(each.change for each in events if each.at > now - period) for events in (self.ups, self.downs)
        )
        return current - added + removed


def assumed(ratio, target, pod, requests):
    """What a missing pod is taken to use: nothing on the way up, enough on the way down."""
    if ratio > 1.0:
        return 0
    return target if requests is None else quotient(requests[pod] * max(100, target), 100)


def grown(start, rule):
    return math.ceil(start * (1 + rule.value / 100)) if rule.type == "Percent" else start + rule.value


def shrunk(start, rule):
    return math.trunc(start * (1 - rule.value / 100)) if rule.type == "Percent" else start - rule.value


def amount(sample, spec):
    """What one pod uses; None when the container, or one of all, has no such number."""
    containers = [each for name, each in sample.containers if not spec.container or name == spec.container]
    if not containers or any(spec.name not in each for each in containers):
        return None
    return wrap(sum(each[spec.name] for each in containers))


def request(pod, spec):
    """`calculateRequests`, without requests of whole pods."""
    containers = [*pod.containers, *(each for each in pod.init_containers if each.sidecar)]
    asked = [each for each in containers if not spec.container or each.name == spec.container]
    if not asked or any(spec.name not in each.requests for each in asked):
        raise FailedError
    return sum(each.requests[spec.name] for each in asked)


def percentage(amounts, requests):
    """An integer: the part below one percent is lost here."""
    known = [name for name in amounts if name in requests]
    asked = sum(requests[name] for name in known)
    if not asked:
        raise FailedError
    return quotient(wrap(sum(amounts[name] for name in known) * 100), asked)


def quotient(number, by):
    """Toward zero, as Go divides integers."""
    return number // by if number >= 0 else -(-number // by)


def divided(number, by):
    if by:
        return number / by
    return math.nan if not number else math.copysign(math.inf, number)


def ceiling(number):
    """Within 32 bits; beyond it saturates, which is where we differ on purpose (docs/hpa-differences.md)."""
    return max(-(2**31), min(2**31 - 1, number if math.isinf(number) else math.ceil(number)))


def wrap(number):
    """As a sum of int64."""
    return (number + 2**63) % 2**64 - 2**63
