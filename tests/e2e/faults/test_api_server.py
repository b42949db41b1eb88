"""An API server that cuts us off, falls silent or is started anew costs no restart of ours."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.line import Line
from tests.e2e.release import Release
from tests.e2e.workloads import Namespace

SOON = 20.0
FOUND_WITHIN = 100.0
"""Seconds until a watch that carries nothing is given up (55), and connections beside it as requests find them dead."""
PATIENCE = 90.0


def relists(release: Release) -> float:
    return sum(value for name, value in release.series().items() if name.startswith("autoscaler_watch_relists_total"))


def test_s01_watches_that_broke_off_go_on_where_they_were(release: Release, line: Line, here: Namespace) -> None:
    before = relists(release)
    assert line.cut() >= 4, "nodes, pods, policies and the front proxy's trust are watched"
    here.ask_for("web", 2)
    eventually(SOON, lambda: here.replicas("web") == 2, "the policy's change was heard of")
    assert relists(release) == before, "nothing was missed, so nothing had to be listed"


@pytest.mark.timeout(240)
def test_s02_watches_that_fell_silent_are_found_and_opened_anew(
    release: Release, line: Line, make_namespace: Callable[[], Namespace]
) -> None:
    assert line.silence() >= 4
    new = make_namespace()  # a change of a policy that we know we hear of by the answer to a write of its status, too
    new.ask_for("web", 2)
    eventually(FOUND_WITHIN, lambda: new.replicas("web") == 2, "the policy was heard of")
    eventually(SOON, release.serving)


def test_s10_a_killed_api_server_is_found_again(cluster: Cluster, release: Release, here: Namespace) -> None:
    program, said = release.program, len(release.program.output())
    cluster.plane.stop_apiserver()
    try:
        eventually(SOON, lambda: "state=unreachable" in program.output()[said:], "the program has noticed")
    finally:
        cluster.plane.start_apiserver()
    eventually(PATIENCE, release.serving, "the Metrics API is served again")
    here.ask_for("web", 2)
    eventually(PATIENCE, lambda: here.replicas("web") == 2, "a policy's change is followed")
    eventually(PATIENCE, lambda: here.share("web", 300) and here.replicas("web") == 6, "so is load")
    assert program is release.program
    assert program.running()
