"""All that the chart lets anybody do equals the lists in tests/e2e/rbac, rule by rule; no cluster needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.chart import ChartRefusedError, container, objects, render, told
from tests.e2e.kubeapi import Object

GOLDEN = Path(__file__).with_name("rbac")
READING = {"get", "list", "watch"}
KAFKA = {"audit": {"kafka": {"bootstrapServers": ["k:9092"]}}}
OBSERVE: dict[str, Any] = {"mode": "observe"}
STATEFUL = {"rbac": {"targets": [{"group": "apps", "resource": "statefulsets"}]}}


def granted(values: dict[str, Any]) -> list[str]:
    """A line for each rule and each binding."""
    return sorted(line for (kind, name), each in objects(values).items() for line in _lines(kind, name, each))


def _lines(kind: str, name: str, each: Object) -> Iterator[str]:
    place = f"{kind} {each['metadata'].get('namespace', '')}/{name}:".replace(" /", " ")
    for rule in each.get("rules", []) if kind in {"Role", "ClusterRole"} else []:
        what = rule.get("nonResourceURLs") or [
            f"{resource}.{group}".removesuffix(".") for group in rule["apiGroups"] for resource in rule["resources"]
        ]
        names = f" named {','.join(rule['resourceNames'])}" if "resourceNames" in rule else ""
        yield f"{place} {','.join(rule['verbs'])} {','.join(what)}{names}"
    if kind.endswith("Binding"):
        to = ",".join(f"{subject['namespace']}/{subject['name']}" for subject in each["subjects"])
        yield f"{place} {each['roleRef']['kind']} {each['roleRef']['name']} to {to}"


@pytest.mark.parametrize(
    ("values", "golden"),
    [
        pytest.param({}, "default", id="without a value"),
        pytest.param(KAFKA, "default", id="Kafka takes no right"),
        pytest.param(OBSERVE, "observe", id="observing"),
        pytest.param(STATEFUL, "statefulsets", id="another kind of target"),
        pytest.param({"tls": {"mode": "certManager"}}, "cert-manager", id="others issue"),
        pytest.param({"kubelet": {"ownAccount": False}}, "one-account", id="one account for everything"),
        pytest.param({"kubelet": {"source": "summary"}}, "summary", id="the larger page of kubelets"),
        pytest.param({"apiService": {"create": False}}, "beside", id="beside whoever is registered"),
        pytest.param({"rbac": {"create": False}}, "none", id="roles of somebody else"),
    ],
)
def test_what_is_granted_is_what_is_listed(values: dict[str, Any], golden: str) -> None:
    assert granted(values) == (GOLDEN / f"{golden}.txt").read_text().splitlines()


def rules(values: dict[str, Any]) -> list[Object]:
    return [
        rule for (kind, _), each in objects(values).items() if kind in {"Role", "ClusterRole"} for rule in each["rules"]
    ]


@pytest.mark.parametrize("values", [{}, KAFKA, OBSERVE, STATEFUL])
def test_no_secret_is_read_but_by_name_no_kubelet_is_commanded_nothing_is_everything(values: dict[str, Any]) -> None:
    for rule in rules(values):
        resources = rule.get("resources", [])
        assert "nodes/proxy" not in resources
        assert "secrets" not in resources or rule["resourceNames"] == ["try-hpa-companion-serving"]
        assert "*" not in rule["verbs"]
        everything = "*" in resources
        assert not everything or set(rule["apiGroups"]) < {"custom.metrics.k8s.io", "external.metrics.k8s.io"}


@pytest.mark.parametrize("more", [{}, KAFKA, STATEFUL, {"tls": {"mode": "certManager"}}])
def test_an_observer_may_write_nothing(more: dict[str, Any]) -> None:
    """The built-in system:auth-delegator lets it ask who a caller is: that stores nothing."""
    assert {verb for rule in rules(OBSERVE | more) for verb in rule["verbs"]} <= READING
    assert {verb for rule in rules(more) for verb in rule["verbs"]} > READING, "this test can fail"


def test_an_observer_is_started_as_one() -> None:
    arguments = told(container(OBSERVE))
    assert "--observe-hpas" in arguments
    assert "--leader-elect" not in arguments
    assert "--cert-dir=/etc/hpa-companion/tls" in arguments
    assert not any(argument.startswith(("--tls-issue", "--tls-cert-file")) for argument in arguments)
    assert objects(OBSERVE)["Deployment", "try-hpa-companion"]["spec"]["strategy"] == {"type": "Recreate"}


def test_what_nobody_can_verify_is_not_registered() -> None:
    assert not any(kind in {"APIService", "Secret"} for kind, _ in objects(OBSERVE))
    verified = objects(OBSERVE | {"tls": {"mode": "certManager"}})
    assert ("APIService", "v1beta1.metrics.k8s.io") in verified


@pytest.mark.parametrize(
    ("more", "why"),
    [
        pytest.param({"replicas": 2}, "mode observe has one pod", id="two of them"),
        pytest.param(
            {"monitoring": {"serviceMonitor": {"enabled": True}}}, "Prometheus cannot verify", id="monitored blindly"
        ),
    ],
)
def test_what_an_observer_cannot_have_is_refused(more: dict[str, Any], why: str) -> None:
    with pytest.raises(ChartRefusedError, match=why):
        render(OBSERVE | more)


def test_what_kubelets_are_shown_is_of_an_account_that_may_only_scrape() -> None:
    assert "--kubelet-token-account=metrics/try-hpa-companion-scraper" in told(container())
    assert objects()["ServiceAccount", "try-hpa-companion-scraper"]["automountServiceAccountToken"] is False
    mine = [line for line in granted({}) if line.endswith(" to metrics/try-hpa-companion-scraper")]
    assert mine == [
        "ClusterRoleBinding try-hpa-companion-scraper: ClusterRole try-hpa-companion-scraper to "
        "metrics/try-hpa-companion-scraper"
    ]
    assert [line for line in granted({}) if "nodes/metrics" in line] == [
        "ClusterRole try-hpa-companion-scraper: get nodes/metrics"
    ]
    assert not any(each.startswith("--kubelet-token-account") for each in told(container(OBSERVE)))
