"""The oracle of the seeded runs is one: it gives what kube-controller-manager gave, without a line of ours."""

from __future__ import annotations

import json

from msgspec.structs import replace

from autoscaler.core.selectors import parse
from autoscaler.errors import MalformedError
from autoscaler.kube import bundle
from tests.conformance.test_bundles import lines
from tests.faults.upstream import Event, Size, Upstream


def seen_by_it(given):
    """The evaluation with the selector applied, if a seeded run could be there; None: that is for tests/conformance."""
    policy, scale = given.policy, given.scale
    if scale is None or not scale.selector or given.rivals or policy.target.api_version.count("/") > 1:
        return None
    if scale.replicas == 0 or not policy.min_replicas <= scale.replicas <= policy.max_replicas:
        return None
    if any(pod.pod_requests for pod in given.pods):
        return None
    try:
        matches = parse(scale.selector).matches
    except MalformedError:
        return None
    return replace(given, pods=[pod for pod in given.pods if matches(pod.labels)])


def test_it_decides_as_kube_controller_manager_did():
    found, asked, read = {}, 0, lines()
    for line in read:
        told, given = json.loads(line), seen_by_it(bundle.read(line).evaluation)
        if given is None:
            continue
        oracle, history = Upstream(given.policy, given.settings), given.history
        if history.recommendations is not None:
            oracle.sizes = [Size(each.replicas, each.time) for each in history.recommendations]
        oracle.ups = [Event(each.change, each.time) for each in history.scale_ups]
        oracle.downs = [Event(each.change, each.time) for each in history.scale_downs]
        got, wanted, current = oracle.desired(given), told["expect"]["write"], given.scale.replicas
        asked += 1
        if got != (current if wanted is None else wanted):
            found[told["id"]] = (current, got, wanted)
    assert found == {}
    assert asked > len(read) / 2
