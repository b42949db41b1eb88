"""Whom we believe, on the real ConfigMap and beside the real aggregator."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.e2e.asking import NODES, asking
from tests.e2e.cluster import Cluster
from tests.e2e.conftest import TOPIC, USAGE_TOPIC
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import Api, Credentials
from tests.e2e.pki import FRONT_PROXY
from tests.e2e.release import VERSIONS, Release

CONFIG = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
CA = "requestheader-client-ca-file"
MASTER = {"X-Remote-User": "somebody", "X-Remote-Group": "system:masters"}
SOON = 5.0
"""A05: seconds from the change of the ConfigMap to its effect."""


@pytest.fixture
def trusted(cluster: Cluster) -> Iterator[str]:
    """The CA the cluster names; the ConfigMap is as it was afterwards."""
    before: str = cluster.admin.get(CONFIG)["data"][CA]
    yield before
    cluster.admin.patch(CONFIG, {"data": {CA: before}})


def posing(release: Release, folder: Path, authority: Authority) -> Api:
    """Straight to the program as a front proxy with a certificate of `authority`."""
    certificate, key = authority.issue(FRONT_PROXY, server=False, client=True).write(folder)
    direct = release.direct()
    return Api(
        direct.server, Credentials(direct.credentials.authority, certificate, key), verified_name=release.verified_name
    )


def believed(api: Api) -> bool:
    """Whether it lists nodes as a master; a refused handshake is a no."""
    try:
        return api.raw("GET", NODES, headers=MASTER)[0] == 200
    except OSError:
        return False


def test_a02_a_certificate_of_the_cluster_is_no_front_proxys(cluster: Cluster, release: Release) -> None:
    """The admin's own certificate comes from the cluster's client CA: it is refused, whatever headers it sends."""
    admin, direct = cluster.admin.credentials, release.direct()
    credentials = Credentials(direct.credentials.authority, admin.certificate, admin.key)
    assert not believed(Api(direct.server, credentials, verified_name=release.verified_name))
    assert release.direct().raw("GET", NODES, headers=MASTER)[0] == 403


def test_a05_a_ca_that_joins_is_believed_within_seconds_and_one_that_leaves_is_not(
    cluster: Cluster, release: Release, trusted: str, tmp_path: Path
) -> None:
    authority = Authority("rotated")
    stranger = posing(release, tmp_path, authority)
    assert not believed(stranger)
    cluster.admin.patch(CONFIG, {"data": {CA: trusted + authority.pem.decode()}})
    eventually(SOON, lambda: believed(stranger), "the new CA is believed")
    assert cluster.admin.raw("GET", NODES)[0] == 200, "the aggregator's is believed still"
    cluster.admin.patch(CONFIG, {"data": {CA: trusted}})
    eventually(SOON, lambda: not believed(stranger), "the CA that left is not believed")
    assert cluster.admin.raw("GET", NODES)[0] == 200
    assert all(release.registered(version)["status"] == "True" for version in VERSIONS)


def test_a06_a_broken_configmap_leaves_the_last_good_trust_and_is_told(
    cluster: Cluster, release: Release, trusted: str
) -> None:
    cluster.admin.patch(CONFIG, {"data": {CA: "no certificate"}})
    eventually(
        SOON, lambda: release.series()["autoscaler_front_proxy_trust_good"] == 0.0, "the series says that it is broken"
    )
    assert cluster.admin.raw("GET", NODES)[0] == 200
    assert release.direct().raw("GET", "/readyz")[0] == 200
    told = doctor(cluster)["front proxy"]
    assert (told["state"], bool(told["todo"])) == ("bad", True)
    cluster.admin.patch(CONFIG, {"data": {CA: trusted}})
    told = doctor(cluster)["front proxy"]
    assert told["state"] == "ok"
    assert "user by X-Remote-User, " in told["detail"]
    assert f"from {FRONT_PROXY} of its CA" in told["detail"]
    eventually(SOON, lambda: release.series()["autoscaler_front_proxy_trust_good"] == 1.0, "it heals")


def test_a13_the_aggregator_keeps_us_available_while_lists_are_refused(cluster: Cluster, release: Release) -> None:
    for _ in range(300):
        assert cluster.admin.raw("GET", NODES)[0] in (200, 429)
    assert all(release.registered(version)["status"] == "True" for version in VERSIONS)


def test_a26_ca_and_certificate_rotate_through_the_aggregator_without_a_failed_request(
    cluster: Cluster, release: Release, tmp_path: Path
) -> None:
    """The order of a good rotation: trust both, change the certificate, trust the new one alone; and back."""
    new = Authority("next-serving")
    path = new.write(tmp_path)
    by_new = Api(release.direct().server, Credentials(path), verified_name=release.verified_name)
    with asking(cluster.admin) as codes:
        try:
            release.trust(release.serving_ca + new.pem)
            eventually(10, lambda: len(codes) > 20, "requests are under way")
            release.serve_with(new)
            eventually(10, lambda: answers(by_new), "the new certificate is served")
            release.trust(new.pem)
            seen = len(codes)
            eventually(10, lambda: len(codes) > seen + 50, "requests go on")
        finally:
            release.trust(release.serving_ca + new.pem)
            release.serve_with()
            eventually(10, lambda: not answers(by_new), "the old authority is served again")
            release.trust(release.serving_ca)
    assert set(codes) == {200}
    assert all(release.registered(version)["status"] == "True" for version in VERSIONS)


def answers(api: Api) -> bool:
    """Whether a handshake with these credentials succeeds."""
    try:
        return api.raw("GET", "/livez")[0] == 200
    except OSError:
        return False


def test_a33_the_doctor_tells_of_a_registration_that_points_elsewhere(cluster: Cluster, release: Release) -> None:
    path = "/apis/apiregistration.k8s.io/v1/apiservices/v1.metrics.k8s.io"
    ours = cluster.admin.get(path)
    cluster.admin.patch(path, {"spec": {"service": {"name": "another", "namespace": "kube-system", "port": 443}}})
    try:
        found = eventually(15, lambda: _not_ok(doctor(cluster)["APIService v1.metrics.k8s.io"]), "the doctor tells")
        assert "kube-system/another" in found["detail"]
        assert found["todo"]
        assert cluster.admin.get(path)["spec"]["service"]["name"] == "another", "nobody of ours writes it back"
    finally:
        cluster.admin.patch(path, {"spec": {"service": ours["spec"]["service"]}})
    eventually(30, release.available, "the API is available again")


def test_the_doctor_in_a_pod_of_ours_has_nothing_to_mend_by_the_rights_that_the_chart_gives(release: Release) -> None:
    done = release.examined()
    assert done.returncode == 0, done.stdout + done.stderr
    states = {each["check"]: each["state"] for each in json.loads(done.stdout)}
    wanted = {"API server", "may scale", "may elect a leader", "front proxy", "clock", "Lease", "kubelets", "Kafka"}
    wanted |= {f"APIService {version}.metrics.k8s.io" for version in VERSIONS}
    if "audit" in release.values:
        wanted |= {f"Kafka topic {topic}" for topic in (TOPIC, USAGE_TOPIC)}
    assert {check: states.get(check) for check in wanted} == dict.fromkeys(wanted, "ok")


def _not_ok(finding: dict[str, str]) -> dict[str, str]:
    return {} if finding["state"] == "ok" else finding


def doctor(cluster: Cluster) -> dict[str, dict[str, str]]:
    """The doctor's findings by what was looked at."""
    kubeconfig = cluster.plane.kubeconfig("admin")
    command = [sys.executable, "-m", "autoscaler", "doctor", f"--kubeconfig={kubeconfig}", "--output=json"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert told.stdout, told.stderr
    return {each["check"]: each for each in json.loads(told.stdout)}
