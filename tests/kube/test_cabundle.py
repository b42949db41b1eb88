import base64

import pytest

from autoscaler.errors import ConflictError, ForbiddenError
from autoscaler.kube.cabundle import CaBundles
from autoscaler.kube.registration import APISERVICES, VERSIONS
from tests.kube.apiserver import Answer, ok, refusal, serving

PEM = "-----BEGIN CERTIFICATE-----\n"
PATHS = [f"{APISERVICES}/{version}.metrics.k8s.io" for version in VERSIONS]


def registered(bundle: str = "", service: str = "web") -> Answer:
    spec = {"service": {"namespace": "ours", "name": service, "port": 443}}
    if bundle:
        spec |= {"caBundle": base64.b64encode(bundle.encode()).decode()}  # type: ignore[dict-item]  # a JSON object
    return ok({"metadata": {"name": "v", "resourceVersion": "7"}, "spec": spec})


async def test_both_are_told_and_then_left_alone() -> None:
    async with serving() as (server, client):
        bundles = CaBundles(client, "ours", "web")
        for path in PATHS:
            server.on(path, registered(), registered(PEM))
            server.on(path, registered(PEM), method="PATCH")
        assert await bundles.keep(PEM) is False
        sent = [each.document for each in server.asked if each.method == "PATCH"]
        bundle = base64.b64encode(PEM.encode()).decode()
        assert sent == [{"metadata": {"resourceVersion": "7"}, "spec": {"caBundle": bundle}}] * 2
        assert await bundles.keep(PEM) is True
        assert len([each for each in server.asked if each.method == "PATCH"]) == 2


@pytest.mark.parametrize(
    "there",
    [
        pytest.param(registered("another's", service="metrics-server"), id="another's"),
        pytest.param(ok({"metadata": {"name": "v"}, "spec": {}}), id="the API server's own"),
        pytest.param(refusal(404, "not found"), id="none"),
    ],
)
async def test_a33_a_registration_that_is_not_ours_is_never_written(there: Answer) -> None:
    async with serving() as (server, client):
        for path in PATHS:
            server.on(path, there)
        assert await CaBundles(client, "ours", "web").keep(PEM) is True
        assert {each.method for each in server.asked} == {"GET"}


@pytest.mark.parametrize(("code", "error"), [(409, ConflictError), (403, ForbiddenError)])
async def test_a_refused_write_is_an_error(code: int, error: type[Exception]) -> None:
    async with serving() as (server, client):
        server.on(PATHS[0], registered())
        server.on(PATHS[0], refusal(code, "no"), method="PATCH")
        with pytest.raises(error):
            await CaBundles(client, "ours", "web").keep(PEM)
