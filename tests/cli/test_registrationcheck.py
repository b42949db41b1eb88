from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from autoscaler.cli.finding import State
from autoscaler.cli.registrationcheck import examine
from autoscaler.errors import ForbiddenError, KubeError, NotFoundError


def apiservice(
    *,
    name: str = "hpa-companion",
    available: str = "True",
    insecure: bool = False,
    why: str = "FailedDiscoveryCheck: no endpoints",
) -> dict[str, Any]:
    reason, _, message = why.partition(": ")
    return {
        "metadata": {"labels": {"app.kubernetes.io/name": name}},
        "spec": {"service": {"namespace": "hps", "name": name}, "insecureSkipTLSVerify": insecure},
        "status": {"conditions": [{"type": "Available", "status": available, "reason": reason, "message": message}]},
    }


class Registry:
    """An API server that says the same of both versions."""

    def __init__(self, body: Any) -> None:
        self._body = body

    async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes:
        assert path.startswith("/apis/apiregistration.k8s.io/v1/apiservices/v1")
        if isinstance(self._body, KubeError):
            raise self._body
        return json.dumps(self._body).encode()

    async def post(self, path: str, body: bytes, params: Iterable[tuple[str, str]] = ()) -> bytes:
        raise AssertionError("nothing is written")


@pytest.mark.parametrize(
    ("body", "state", "told"),
    [
        pytest.param(NotFoundError("not found", status=404), State.BAD, "not registered", id="absent"),
        pytest.param(ForbiddenError("no", status=403), State.WARN, "could not be read", id="forbidden"),
        pytest.param(
            apiservice(name="metrics-server"), State.BAD, "points at hps/metrics-server", id="somebody else's"
        ),
        pytest.param({"spec": {}}, State.BAD, "served by the API server itself", id="local"),
        pytest.param(apiservice(available="False"), State.BAD, "FailedDiscoveryCheck: no endpoints", id="unavailable"),
        pytest.param(apiservice() | {"status": {}}, State.BAD, "has not looked yet", id="just made"),
        pytest.param(apiservice(insecure=True), State.WARN, "not verified", id="unverified"),
        pytest.param(apiservice(), State.OK, "available", id="good"),
        pytest.param(
            apiservice() | {"metadata": {"labels": {"helm.sh/chart": "hpa-companion-0.1.0"}}},
            State.OK,
            "available",
            id="ours under another name",
        ),
        pytest.param([], State.WARN, "could not be read", id="no object"),
    ],
)
async def test_a33_the_registration_must_point_at_us_and_work(body: Any, state: State, told: str) -> None:
    first, finding = await examine(Registry(body))
    assert (first.check, finding.check) == ("APIService v1beta1.metrics.k8s.io", "APIService v1.metrics.k8s.io")
    assert finding.state is state
    assert told in finding.detail
    assert bool(finding.todo) == (state is not State.OK)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(NotFoundError("not found", status=404), id="absent"),
        pytest.param(apiservice(name="metrics-server"), id="somebody else's"),
    ],
)
async def test_an_observer_may_stand_beside_who_serves_metrics(body: Any) -> None:
    for finding in await examine(Registry(body), observing=True):
        assert finding.state is State.WARN
        assert finding.todo.startswith("right for an observer")


async def test_an_observer_that_is_registered_must_be_reached_too() -> None:
    for finding in await examine(Registry(apiservice(available="False")), observing=True):
        assert finding.state is State.BAD


async def test_what_is_to_be_typed_makes_no_second_release_and_forgets_no_value() -> None:
    [finding, _] = await examine(Registry(NotFoundError("not found", status=404)))
    assert finding.todo.endswith(" --namespace NAMESPACE --reset-then-reuse-values")


GET = "FailedDiscoveryCheck: failing or missing response from https://10.0.0.9:443/apis/metrics.k8s.io/v1: "


@pytest.mark.parametrize(
    ("why", "todo"),
    [
        pytest.param(GET + "Get: x509: certificate signed by unknown authority", "tls.caBundle", id="unknown CA"),
        pytest.param(GET + "Get: context deadline exceeded", "firewalls", id="no way there"),
        pytest.param(GET + "Get: dial tcp 10.0.0.9:443: connect: connection refused", "logs deploy/", id="no listener"),
        pytest.param(GET + "bad status from https://10.0.0.9:443/apis: 403", "the front proxy", id="not believed"),
        pytest.param(GET + "bad status from https://10.0.0.9:443/apis: 500", "logs deploy/", id="our own fault"),
        pytest.param("ServiceNotFound: service/x is not present", "have the Service again", id="no Service"),
        pytest.param("MissingEndpoints: endpoints have no addresses", "no pod of ours is ready", id="no pod"),
        pytest.param("Novel: something", "get endpointslices,pods", id="what nobody foresaw"),
    ],
)
async def test_each_reason_of_the_aggregator_has_its_own_remedy(why: str, todo: str) -> None:
    finding = (await examine(Registry(apiservice(available="False", why=why))))[0]
    assert (finding.state, finding.detail) == (State.BAD, f"hps/hpa-companion is not available: {why}")
    assert todo in finding.todo
    assert "{" not in finding.todo
