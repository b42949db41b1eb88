"""Where the serving certificate comes from, in three modes, and what each may do; no cluster needed."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.e2e.chart import EXISTING, PEM, container, objects, told
from tests.e2e.kubeapi import Object

SERVING = "try-hpa-companion-serving"
BY_CERT_MANAGER = "try-hpa-companion-serving-cert"
CERT_MANAGER: dict[str, Any] = {"tls": {"mode": "certManager"}}
VERSIONS = ("v1beta1", "v1")
MODES = [
    pytest.param({}, id="auto"),
    pytest.param(CERT_MANAGER, id="certManager"),
    pytest.param(EXISTING, id="existingSecret"),
]


def volume(values: dict[str, Any]) -> Object:
    pod = objects(values)["Deployment", "try-hpa-companion"]["spec"]["template"]["spec"]
    return next(each for each in pod["volumes"] if each["name"] == "tls")


@pytest.mark.parametrize("values", MODES)
def test_the_api_server_verifies_us_under_both_versions_in_every_mode(values: dict[str, Any]) -> None:
    made = objects(values)
    for version in VERSIONS:
        spec = made["APIService", f"{version}.metrics.k8s.io"]["spec"]
        assert (spec["group"], spec["version"]) == ("metrics.k8s.io", version)
        assert "insecureSkipTLSVerify" not in spec
        assert spec["service"] == {"name": "try-hpa-companion", "namespace": "metrics", "port": 443}


def test_what_is_taken_over_is_verified_whatever_it_was_before() -> None:
    made = objects({"apiService": {"takeover": True}})
    for version in VERSIONS:
        assert made["APIService", f"{version}.metrics.k8s.io"]["spec"]["insecureSkipTLSVerify"] is False


def test_what_we_issue_ourselves_takes_one_named_secret_and_two_named_registrations() -> None:
    made = objects()
    assert made["Role", SERVING]["rules"] == [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [SERVING], "verbs": ["get", "patch"]}
    ]
    assert "data" not in made["Secret", SERVING], "an upgrade leaves what is in it"
    assert all("caBundle" not in made["APIService", f"{version}.metrics.k8s.io"]["spec"] for version in VERSIONS)
    assert volume({})["emptyDir"]["medium"] == "Memory"
    wanted = {
        "--cert-dir=/etc/hpa-companion/tls",
        f"--tls-issue-secret-name={SERVING}",
        "--tls-issue-service=try-hpa-companion",
        "--tls-issue-namespace=metrics",
        "--tls-issue-lifetime=720h",
        "--tls-issue-overlap=2m",
    }
    assert wanted <= set(told(container({"tls": {"auto": {"lifetime": "720h", "overlap": "2m"}}})))


@pytest.mark.parametrize("values", MODES[1:])
def test_where_others_issue_we_write_nothing_and_read_no_secret(values: dict[str, Any]) -> None:
    made = objects(values)
    assert ("Role", SERVING) not in made
    assert ("Secret", SERVING) not in made
    rules = made["ClusterRole", "try-hpa-companion"]["rules"]
    [rule] = [rule for rule in rules if rule["resources"] == ["apiservices"]]
    assert rule["verbs"] == ["get"]
    assert not any("secrets" in rule["resources"] for rule in rules)
    assert not any(argument.startswith("--tls-issue") for argument in told(container(values)))
    assert "--tls-cert-file=/etc/hpa-companion/tls/tls.crt" in told(container(values))


def test_a_secret_that_is_there_is_mounted_and_its_ca_is_what_the_api_server_trusts() -> None:
    made = objects(EXISTING)
    assert volume(EXISTING)["secret"] == {"secretName": "serving"}
    for version in VERSIONS:
        bundle = made["APIService", f"{version}.metrics.k8s.io"]["spec"]["caBundle"]
        assert base64.b64decode(bundle).decode() == PEM


def test_cert_manager_signs_by_a_ca_of_its_own_and_injects_it() -> None:
    made = objects(CERT_MANAGER)
    assert volume(CERT_MANAGER)["secret"] == {"secretName": BY_CERT_MANAGER}
    certificate = made["Certificate", BY_CERT_MANAGER]["spec"]
    assert certificate["secretName"] == BY_CERT_MANAGER
    assert "try-hpa-companion.metrics.svc" in certificate["dnsNames"]
    assert made["Issuer", certificate["issuerRef"]["name"]]["spec"] == {"ca": {"secretName": f"{BY_CERT_MANAGER}-ca"}}
    authority = made["Certificate", f"{BY_CERT_MANAGER}-ca"]["spec"]
    assert authority["isCA"] is True
    assert made["Issuer", authority["issuerRef"]["name"]]["spec"] == {"selfSigned": {}}
    for version in VERSIONS:
        registered = made["APIService", f"{version}.metrics.k8s.io"]
        assert registered["metadata"]["annotations"] == {"cert-manager.io/inject-ca-from": f"metrics/{BY_CERT_MANAGER}"}
        assert "caBundle" not in registered["spec"]


def test_cert_manager_may_sign_by_an_issuer_that_is_there() -> None:
    made = objects(
        {"tls": {"mode": "certManager", "certManager": {"issuerRef": {"name": "house", "kind": "ClusterIssuer"}}}}
    )
    wanted = {"name": "house", "kind": "ClusterIssuer", "group": "cert-manager.io"}
    assert made["Certificate", BY_CERT_MANAGER]["spec"]["issuerRef"] == wanted
    assert not any(kind == "Issuer" for kind, _ in made)
