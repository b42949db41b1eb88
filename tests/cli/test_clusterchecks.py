from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from autoscaler.cli.clusterchecks import NEEDS, REVIEWS, examine
from autoscaler.cli.finding import Finding, State
from autoscaler.errors import ForbiddenError, KubeError, NotFoundError, UnreachableError
from autoscaler.model.metrics import Source


class Cluster:
    """An API server where all is well, but for what a test changes; `denied` are (verb, resource/subresource)."""

    def __init__(self, denied: Iterable[tuple[str, str]] = (), **bodies: Any) -> None:
        self.denied = set(denied)
        self.bodies: dict[str, Any] = {
            "/version": {"gitVersion": "v1.37.2"},
            "/apis/hpa-companion.dev/v1alpha1": {},
        } | {path.replace("__", "/"): body for path, body in bodies.items()}
        self.asked: list[dict[str, str]] = []

    async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes:
        found = self.bodies.get(path, NotFoundError(f"{path} not found", status=404))
        if isinstance(found, Exception):
            raise found
        return json.dumps(found).encode()

    async def post(self, path: str, body: bytes, params: Iterable[tuple[str, str]] = ()) -> bytes:
        assert path == REVIEWS
        found = self.bodies.get(REVIEWS)
        if isinstance(found, Exception):
            raise found
        attributes = json.loads(body)["spec"]["resourceAttributes"]
        self.asked.append(attributes)
        resource = "/".join(filter(None, (attributes["resource"], attributes["subresource"])))
        return json.dumps({"status": {"allowed": (attributes["verb"], resource) not in self.denied}}).encode()

    def with_body(self, path: str, body: Any) -> Cluster:
        self.bodies[path] = body
        return self


async def found(cluster: Cluster, check: str) -> Finding:
    return next(each for each in await examine(cluster) if each.check == check)


async def test_a_sound_cluster_has_nothing_to_do() -> None:
    findings = await examine(Cluster())
    assert {finding.state for finding in findings} == {State.OK}
    assert findings[0].detail == "Kubernetes v1.37.2"


async def test_an_api_server_that_does_not_answer_ends_the_questions() -> None:
    findings = await examine(Cluster().with_body("/version", UnreachableError("GET /version: no answer in time")))
    assert [finding.state for finding in findings] == [State.BAD]
    assert "no answer in time" in findings[0].detail


async def test_every_right_needed_is_asked_for_one_by_one() -> None:
    cluster = Cluster()
    await examine(cluster)
    assert len(cluster.asked) == 1 + sum(len(right.verbs) for rights in NEEDS.values() for right in rights)
    assert {"verb": "get", "group": "", "resource": "nodes", "subresource": "metrics", "namespace": "", "name": ""} in (
        cluster.asked
    )


async def test_the_summary_source_needs_another_right() -> None:
    cluster = Cluster(denied=[("get", "nodes/stats")])
    assert all(finding.state is State.OK for finding in await examine(cluster))
    assert any(finding.detail == "not allowed: get nodes/stats" for finding in await examine(cluster, Source.SUMMARY))


async def test_missing_rights_are_named_by_what_they_are_needed_for() -> None:
    cluster = Cluster(denied=[("update", "deployments/scale"), ("get", "nodes/metrics")])
    scale = await found(cluster, "may scale")
    assert (scale.state, scale.detail) == (State.BAD, "not allowed: update deployments/scale.apps")
    assert (await found(cluster, "may scrape kubelets")).detail == "not allowed: get nodes/metrics"
    assert (await found(cluster, "may serve metrics")).state is State.OK


async def test_reviews_that_cannot_be_had_are_doubtful() -> None:
    cluster = Cluster().with_body(REVIEWS, ForbiddenError("no reviews for you", status=403))
    assert (await found(cluster, "may scale")).state is State.WARN


async def test_without_reviews_no_other_credentials_are_asked_for() -> None:
    cluster = Cluster().with_body(REVIEWS, NotFoundError("no such path", status=404))
    told = await found(cluster, "may scale")
    assert (told.state, told.todo) == (State.WARN, "every real API server has reviews: see what answers there")


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        pytest.param(NotFoundError("not found", status=404), State.BAD, id="not installed"),
        pytest.param(UnreachableError("503", status=503), State.WARN, id="no answer"),
    ],
)
async def test_the_kind_must_be_known(answer: KubeError, state: State) -> None:
    cluster = Cluster().with_body("/apis/hpa-companion.dev/v1alpha1", answer)
    assert (await found(cluster, "HorizontalPodScaler")).state is state


async def test_where_kubelets_are_shown_the_token_of_another_account_we_must_be_given_that() -> None:
    told = {each.check: each for each in await examine(Cluster(), account="ours/scraper")}
    assert "may scrape kubelets" not in told, "that is not for our account to have"
    assert told["may get a token for kubelets"].state is State.OK
    refused = Cluster(denied=[("create", "serviceaccounts/token")])
    told = {each.check: each for each in await examine(refused, account="ours/scraper")}
    assert told["may get a token for kubelets"].detail == "not allowed: create serviceaccounts/token"
