from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from autoscaler.cli.clusterchecks import REVIEWS, RIGHTS, answers, examine
from autoscaler.cli.finding import Finding, State
from autoscaler.cli.needs import Need, needed
from autoscaler.config.load import load
from autoscaler.errors import ForbiddenError, KubeError, NotFoundError, UnreachableError

NEEDED = needed(load({}, {}))


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


async def told_of(cluster: Cluster, needs: Sequence[Need] = NEEDED) -> list[Finding]:
    return [await answers(cluster), *[finding async for finding in examine(cluster, needs)]]


async def found(cluster: Cluster, check: str) -> Finding:
    return next(each for each in await told_of(cluster) if each.check == check)


async def test_a_sound_cluster_has_nothing_to_do() -> None:
    findings = await told_of(Cluster())
    assert {finding.state for finding in findings} == {State.OK}
    assert findings[0].detail == "Kubernetes v1.37.2"


@pytest.mark.parametrize(
    ("answer", "todo"),
    [
        pytest.param(UnreachableError("GET /version: no answer in time"), "the network between", id="no answer"),
        pytest.param(UnreachableError("GET /version: cannot trust a:6443: self-signed"), "the CA of", id="a wrong CA"),
        pytest.param(
            UnreachableError("GET /version: x", status=503), "kubectl get --raw '/readyz", id="it is not well"
        ),
        pytest.param(ForbiddenError("GET /version: Unauthorized", status=401), "renew the kubeconfig's", id="expired"),
        pytest.param(KubeError("GET /version: HTTP 302", status=302), "it is no API server", id="sent elsewhere"),
        pytest.param([1], "it is no API server", id="no version"),
    ],
)
async def test_an_api_server_that_is_of_no_use_is_told_with_what_helps(answer: object, todo: str) -> None:
    finding = await answers(Cluster().with_body("/version", answer))
    assert finding.state is State.BAD
    assert todo in finding.todo
    assert not isinstance(answer, KubeError) or str(answer) in finding.detail


async def test_credentials_that_are_refused_later_are_no_mere_doubt() -> None:
    cluster = Cluster().with_body(REVIEWS, ForbiddenError("Unauthorized", status=401))
    told = await found(cluster, RIGHTS)
    assert (told.state, told.todo.partition(":")[0]) == (State.BAD, "these credentials are refused")


@pytest.mark.parametrize("status", [0, 504])
async def test_a_review_that_could_not_be_had_is_not_blamed_on_rights_nor_on_the_way(status: int) -> None:
    cluster = Cluster().with_body(REVIEWS, UnreachableError("no answer", status=status))
    told = await found(cluster, "may scale")
    assert (told.state, told.todo.partition(":")[0]) == (State.WARN, "see what it says of itself")


async def test_every_right_needed_is_asked_for_one_by_one() -> None:
    cluster = Cluster().with_body("/apis/keda.sh/v1alpha1", {})
    await told_of(cluster)
    assert len(cluster.asked) == sum(len(right.verbs) for need in NEEDED for right in need.rights)
    assert {"verb": "get", "group": "", "resource": "nodes", "subresource": "metrics", "namespace": "", "name": ""} in (
        cluster.asked
    )


async def test_where_there_is_no_keda_nobody_needs_to_see_what_it_scales() -> None:
    told = [finding.check for finding in await told_of(Cluster())]
    assert "may see what KEDA scales" not in told


async def test_an_observer_may_lack_the_rights_to_scale() -> None:
    cluster = Cluster(denied=[("update", "deployments/scale")])
    needs = needed(load({"observe-hpas": "true"}, {}))
    scale = next(each for each in await told_of(cluster, needs) if each.check == "may scale")
    assert (scale.state, scale.detail) == (State.WARN, "not allowed: update deployments/scale.apps")
    assert scale.todo.startswith("right for an observer")


async def test_missing_rights_are_named_by_what_they_are_needed_for() -> None:
    cluster = Cluster(denied=[("update", "deployments/scale"), ("get", "nodes/metrics")])
    scale = await found(cluster, "may scale")
    assert (scale.state, scale.detail) == (State.BAD, "not allowed: update deployments/scale.apps")
    assert (await found(cluster, "may scrape kubelets")).detail == "not allowed: get nodes/metrics"
    assert (await found(cluster, "may serve metrics")).state is State.OK


@pytest.mark.parametrize(
    ("answer", "todo"),
    [
        pytest.param(
            ForbiddenError("no reviews for you", status=403),
            "ask again with credentials that may create reviews",
            id="not for these credentials",
        ),
        pytest.param(
            NotFoundError("no such path", status=404),
            "every real API server has reviews: see what answers there",
            id="for nobody, so no other credentials are asked for",
        ),
    ],
)
async def test_reviews_that_cannot_be_had_are_one_doubt_and_not_one_for_each_right(
    answer: KubeError, todo: str
) -> None:
    told = await told_of(Cluster().with_body(REVIEWS, answer))
    assert [finding.check for finding in told] == ["API server", RIGHTS, "HorizontalPodScaler"]
    assert (told[1].state, told[1].todo) == (State.WARN, todo)


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
