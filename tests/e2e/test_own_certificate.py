"""The certificate we issue ourselves: trusted by the real aggregator at once, and renewed without anybody noticing."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.asking import asking, meanwhile
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import Api, Credentials
from tests.e2e.network import SERVICE_PORT
from tests.e2e.processes import free_port
from tests.e2e.release import NAME, VERSIONS, Release

LIFETIME, OVERLAP = 24, 3
"""Seconds: a renewal begins after 16 and is over 3 later."""
RENEWALS = 2
SOON = 60.0
SECRET = f"{NAME}-serving"


@pytest.fixture
def issuing(release: Release) -> Iterator[Release]:
    """The release in mode auto, and afterwards as it was."""
    before = release.values
    release.stop()
    auto = {"lifetime": f"{LIFETIME}s", "overlap": f"{OVERLAP}s"}
    release.values = {**before, "tls": {"mode": "auto", "auto": auto}}
    release.helm("upgrade")
    yield release
    release.stop()
    release.values = before
    release.helm("upgrade")
    release.serve()


def bundle(cluster: Cluster, version: str) -> str:
    spec = cluster.admin.get(f"/apis/apiregistration.k8s.io/v1/apiservices/{version}.metrics.k8s.io")["spec"]
    return base64.b64decode(spec.get("caBundle", "")).decode()


def shown(address: str, port: int) -> str:
    """The certificate of a new connection, whoever signed it; "" when nobody listens."""
    try:
        return ssl.get_server_certificate((address, port))
    except OSError:
        return ""


@contextmanager
def shaking_hands(cluster: Cluster, release: Release, folder: Path) -> Iterator[tuple[list[str], set[str]]]:
    """New connections all the while, verified by what the API server trusts at that moment: failures, certificates."""
    failures: list[str] = []
    seen: set[str] = set()
    file = folder / "bundle.pem"

    def shake() -> None:
        file.write_text(bundle(cluster, VERSIONS[0]))
        direct = Api(
            f"https://{release.address}:{SERVICE_PORT}", Credentials(file), verified_name=release.verified_name
        )
        try:
            direct.raw("GET", "/livez")
            seen.add(shown(release.address, SERVICE_PORT))
        except OSError as exc:
            failures.append(str(exc))

    with meanwhile(shake):
        yield failures, seen


@pytest.mark.timeout(240)
def test_a26_our_own_certificate_is_renewed_with_its_ca_under_load_without_a_failed_handshake(
    cluster: Cluster, issuing: Release, tmp_path: Path
) -> None:
    def ours() -> str:
        return shown(issuing.address, SERVICE_PORT)

    issuing.start()
    eventually(SOON, issuing.available, "the API server verifies us by a CA that we told it")
    eventually(SOON, issuing.serving, "every node has a usage")
    port = free_port()
    follower = issuing.start_another(port, f"--cert-dir={tmp_path / 'another'}")
    try:
        eventually(SOON, lambda: shown("127.0.0.1", port) == ours(), "both show the same")
        with asking(cluster.admin) as codes, shaking_hands(cluster, issuing, tmp_path) as (failures, seen):
            eventually((RENEWALS + 1) * LIFETIME, lambda: len(seen) > RENEWALS, "it was renewed twice")
        assert failures == []
        assert set(codes) == {200}
        assert len(codes) > 100
        eventually(OVERLAP, lambda: shown("127.0.0.1", port) == ours(), "both still do")
        follower.must_run()
    finally:
        follower.kill()
    assert all(issuing.registered(version)["status"] == "True" for version in VERSIONS)
    assert bundle(cluster, VERSIONS[0]) == bundle(cluster, VERSIONS[1])
    secret = cluster.admin.get(f"/api/v1/namespaces/{issuing.namespace}/secrets/{SECRET}")
    issuing.helm("upgrade")
    again = cluster.admin.get(f"/api/v1/namespaces/{issuing.namespace}/secrets/{SECRET}")
    assert again["data"].keys() >= secret["data"].keys() - {"previous-ca.crt"}, "an upgrade empties nothing"
    assert issuing.available()
    assert _key(secret) not in issuing.program.output()


def _key(secret: dict[str, dict[str, str]]) -> str:
    """A line of the private key, as it would be seen in a log."""
    return base64.b64decode(secret["data"]["tls.key"]).decode().splitlines()[1]


def test_the_account_may_not_read_another_secret_nor_write_more_of_a_registration(
    cluster: Cluster, issuing: Release
) -> None:
    rights = {
        "get secrets/" + SECRET: "yes",
        "patch secrets/" + SECRET: "yes",
        "get secrets/serving-certificate": "no",
        "list secrets": "no",
        "create secrets": "no",
        "patch apiservices/v1.metrics.k8s.io": "yes",
        "patch apiservices/v1.apps": "no",
        "update apiservices/v1.metrics.k8s.io": "no",
    }
    assert {asked: _may(cluster, issuing, asked) for asked in rights} == rights


def _may(cluster: Cluster, release: Release, asked: str) -> str:
    review = {
        "spec": {
            "user": f"system:serviceaccount:{release.namespace}:{NAME}",
            "resourceAttributes": _attributes(asked, release.namespace),
        }
    }
    status = cluster.admin.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)["status"]
    return "yes" if status["allowed"] else "no"


def _attributes(asked: str, namespace: str) -> dict[str, str]:
    verb, what = asked.split()
    resource, _, name = what.partition("/")
    found = {"verb": verb, "resource": resource, "name": name}
    if resource == "apiservices":
        return {**found, "group": "apiregistration.k8s.io"}
    return {**found, "namespace": namespace}
