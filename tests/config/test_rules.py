from __future__ import annotations

from collections.abc import Mapping

import pytest

from autoscaler.config import rules
from autoscaler.config.options import OPTIONS
from autoscaler.config.values import parse


def problems(given: Mapping[str, str]) -> list[str]:
    values = {name: parse(option, given.get(name, option.default)) for name, option in OPTIONS.items()}
    return rules.problems(values, {name: "flag" if name in given else "default" for name in OPTIONS})


SASL = {"audit-kafka-username-file": "/u", "audit-kafka-password-file": "/p"}
BROKEN = [
    ("a client certificate without key", {"kubelet-client-certificate": "/c"}, "needs --kubelet-client-key"),
    ("a key without certificate", {"tls-private-key-file": "/k"}, "--tls-private-key-file needs --tls-cert-file"),
    ("a CA that would not be used", {"kubelet-certificate-authority": "/ca", "kubelet-insecure-tls": "true"}, "contra"),
    ("a timeout over 0.9 resolutions", {"kubelet-request-timeout": "14s"}, "longer than 0.9 x --metric-resolution"),
    ("an interval over the period", {"evaluation-interval": "20s"}, "longer than --sync-period 15s"),
    ("a lease no longer than its deadline", {"leader-elect-lease-duration": "10s"}, "must be longer than --leader-el"),
    ("a deadline within one retry", {"leader-elect-retry-period": "12s"}, "--leader-elect-renew-deadline 10s must be"),
    ("a lease nowhere", {"leader-elect": "true"}, "needs --leader-elect-resource-namespace"),
    (
        "an issued certificate for nobody",
        {"tls-issue-secret-name": "s"},
        "--tls-issue-secret-name needs --tls-issue-service",
    ),
    ("a certificate too short to renew", {"tls-issue-lifetime": "5m"}, "at least 6 x --tls-issue-overlap (360s)"),
    (
        "an issued certificate beside a given one",
        {"tls-issue-secret-name": "s", "tls-cert-file": "/c", "tls-private-key-file": "/k"},
        "--tls-issue-secret-name and --tls-cert-file contradict each other",
    ),
    ("a selector that is none", {"node-selector": "a in b"}, "--node-selector: "),
    ("exceptions that are none", {"kubelet-insecure-tls-nodes": "a in b"}, "--kubelet-insecure-tls-nodes: "),
    (
        "exceptions where nobody is verified",
        {"kubelet-insecure-tls-nodes": "a", "kubelet-insecure-tls": "true"},
        "contradict each other",
    ),
    ("an account without namespace", {"kubelet-token-account": "scraper"}, "'scraper' is not NAMESPACE/NAME"),
    ("an account elsewhere", {"kubelet-token-account": "a/../b"}, "is not NAMESPACE/NAME"),
    ("a host name to bind to", {"bind-address": "localhost"}, "no IP address"),
    ("a broker without port", {"audit-kafka-bootstrap-servers": "kafka"}, "'kafka' is not host:port"),
    ("a broker with a URL", {"audit-kafka-bootstrap-servers": "http://kafka:9092"}, "is not host:port"),
    ("a port out of range", {"audit-kafka-bootstrap-servers": "kafka:99999"}, "is not host:port"),
    ("a topic with a blank", {"audit-topic": "a b"}, "no name of a topic"),
    ("a topic of dots", {"audit-topic": ".."}, "no name of a topic"),
    ("samples without a broker", {"usage-topic": "autoscaler.usage"}, "needs --audit-kafka-bootstrap-servers"),
    ("last decisions without a broker", {"audit-kafka-latest-topic": "l"}, "needs --audit-kafka-bootstrap-servers"),
    (
        "last decisions among all of them",
        {"audit-kafka-latest-topic": "a", "audit-topic": "a", "audit-kafka-bootstrap-servers": "kafka:9092"},
        "a topic of their own: it forgets all others",
    ),
    ("samples among decisions", {"usage-topic": "a", "audit-topic": "a"}, "a topic of their own"),
    ("a topic of samples with a blank", {"usage-topic": "a b"}, "--usage-topic: 'a b' is no name of a topic"),
    ("a CA without TLS", {"audit-kafka-ca-file": "/ca"}, "no effect under --audit-kafka-security-protocol=PLAINTEXT"),
    ("a password without SASL", {"audit-kafka-security-protocol": "SSL"} | SASL, "no effect"),
    ("SASL without password", {"audit-kafka-security-protocol": "SASL_SSL"}, "needs --audit-kafka-username-file"),
    ("a mechanism without SASL", {"audit-kafka-sasl-mechanism": "SCRAM-SHA-256"}, "no effect"),
    (
        "a password in clear",
        {"audit-kafka-security-protocol": "SASL_PLAINTEXT", "audit-kafka-sasl-mechanism": "PLAIN"} | SASL,
        "show the password",
    ),
]
SOUND = [
    ("the defaults", {}),
    (
        "an issued certificate",
        {"tls-issue-secret-name": "s", "tls-issue-service": "web", "tls-issue-namespace": "ours"},
    ),
    ("a short resolution with the default timeout", {"metric-resolution": "3s"}),
    ("the longest timeout", {"metric-resolution": "10s", "kubelet-request-timeout": "9s"}),
    ("a hot resolution that is no faster", {"metric-resolution": "5s", "hot-resolution": "5s"}),
    ("exceptions beside a CA", {"kubelet-insecure-tls-nodes": "a in (b,c)", "kubelet-certificate-authority": "/ca"}),
    ("brokers of all spellings", {"audit-kafka-bootstrap-servers": "kafka-0.kafka:9092,10.0.0.1:9092,[::1]:9092"}),
    ("samples kept", {"usage-topic": "autoscaler.usage", "audit-kafka-bootstrap-servers": "kafka:9092"}),
    ("SCRAM over TLS", {"audit-kafka-security-protocol": "SASL_SSL", "audit-kafka-ca-file": "/ca"} | SASL),
    ("IPv6", {"bind-address": "::"}),
    ("the default mechanism, said aloud", {"audit-kafka-sasl-mechanism": "SCRAM-SHA-512"}),
]


@pytest.mark.parametrize(("given", "told"), [pytest.param(*row[1:], id=row[0]) for row in BROKEN])
def test_what_does_not_go_together_is_told(given: Mapping[str, str], told: str) -> None:
    assert any(told in problem for problem in problems(given))


@pytest.mark.parametrize("given", [pytest.param(row[1], id=row[0]) for row in SOUND])
def test_what_goes_together_is_accepted(given: Mapping[str, str]) -> None:
    assert problems(given) == []


@pytest.mark.parametrize(
    ("resolution", "timeout", "origin", "used"),
    [
        pytest.param(15.0, 8.0, "default", 8.0, id="there is room"),
        pytest.param(3.0, 8.0, "default", 2.7, id="the default gives way"),
        pytest.param(3.0, 2.0, "flag", 2.0, id="a chosen one stands"),
    ],
)
def test_the_scrape_deadline_follows_a_short_resolution(
    resolution: float, timeout: float, origin: str, used: float
) -> None:
    assert rules.lowered_timeout(resolution, timeout, origin) == used
