"""The certificate that replicas share, from the Secret to the file the server shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from msgspec.structs import replace

from autoscaler.app.serving import SharedCertificate, api_settings, shared_certificate
from autoscaler.config.load import load
from autoscaler.config.settings import ServingSettings
from autoscaler.control.elector import Alone
from autoscaler.kube.client import KubeClient
from autoscaler.telemetry import Health, Telemetry
from tests.clock import FakeClock
from tests.kube.apiserver import ApiServer, ok, serving

SECRET = "/api/v1/namespaces/ours/secrets/web-serving"
EMPTY = ok({"metadata": {"resourceVersion": "1"}})


@pytest.fixture
def settings(tmp_path: Path) -> ServingSettings:
    flags = {"cert-dir": str(tmp_path), "tls-issue-secret-name": "web-serving", "tls-issue-service": "web"}
    return load(flags | {"tls-issue-namespace": "ours"}, {}).serving


def shared(settings: ServingSettings, client: KubeClient, health: Health) -> SharedCertificate:
    made = shared_certificate(
        settings, client, gate=Alone(Telemetry().control), health=health, clock=FakeClock(1_900_000_000.0)
    )
    assert made is not None
    return made


async def test_a_replica_is_not_ready_until_it_shows_what_was_issued(settings: ServingSettings) -> None:
    async with serving() as (server, client):
        health = Health()
        made = shared(settings, client, health)
        assert [each.ok for each in health.ready()] == [False]
        file = Path(made.settings.tls_cert_file)
        provisional = x509.load_pem_x509_certificate(file.read_bytes())
        assert provisional.issuer == provisional.subject
        server.on(SECRET, EMPTY)
        server.on(SECRET, EMPTY, method="PATCH")
        await made.issuing.look()
        assert [each.ok for each in health.ready()] == [False], "it was not stored as far as anybody can see"
        server.on(SECRET, ok(_stored(server)))
        await made.issuing.look()
        assert [each.ok for each in health.ready()] == [True]
        shown = x509.load_pem_x509_certificate(file.read_bytes())
        names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == ["web.ours.svc", "web.ours", "web.ours.svc.cluster.local"]
        again = Health()
        shared(settings, client, again)
        assert [each.ok for each in again.ready()] == [True], "a restart finds it"


def _stored(server: ApiServer) -> object:
    """The Secret as it was written last."""
    written = next(each for each in reversed(server.asked) if each.method == "PATCH")
    return {"metadata": {"resourceVersion": "2"}, "data": {k: v for k, v in written.document["data"].items() if v}}


async def test_why_there_is_none_is_told_by_the_probe(settings: ServingSettings) -> None:
    async with serving() as (_, client):
        health = Health()
        made = shared(settings, client, health)
        await made.issuing.look()
        [verdict] = health.ready()
        assert "404" in verdict.detail or "not found" in verdict.detail.lower()


def test_without_a_secret_nothing_is_shared(settings: ServingSettings) -> None:
    given = replace(settings, issue_secret="", tls_cert_file="/c", tls_private_key_file="/k")
    assert api_settings(given).tls_cert_file == "/c"
    assert shared_certificate(given, None, gate=Alone(Telemetry().control), health=Health(), clock=FakeClock()) is None  # type: ignore[arg-type]  # it is not asked
