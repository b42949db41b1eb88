"""What options must be together; every rule gives sentences, none stops at the first.

Exclusive pairs and limits of the kubelet flags are metrics-server's.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

from autoscaler.config.options import OPTIONS
from autoscaler.config.values import Value
from autoscaler.core import selectors
from autoscaler.errors import MalformedError

Values = Mapping[str, Value]
Rule = Callable[[Values, Mapping[str, str]], Iterator[str]]

SHARE_OF_RESOLUTION = 0.9
"""How much of the resolution a scrape may take (metrics-server's own factor)."""

LIFETIME_OVERLAPS = 6
"""At least so many overlaps of two CAs are in the lifetime of a certificate."""

_ACCOUNT = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-.a-z0-9]*[a-z0-9])?", re.ASCII)
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}", re.ASCII)
_BROKER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})", re.ASCII)
_BOTH_OR_NONE = (
    ("kubelet-client-certificate", "kubelet-client-key"),
    ("tls-cert-file", "tls-private-key-file"),
    ("audit-kafka-cert-file", "audit-kafka-key-file"),
)
_NEVER_TOGETHER = (
    ("kubelet-certificate-authority", "kubelet-insecure-tls"),
    ("kubelet-insecure-tls-nodes", "kubelet-insecure-tls"),
    ("tls-issue-secret-name", "tls-cert-file"),
)
_SELECTORS = ("node-selector", "kubelet-insecure-tls-nodes")
_SSL_ONLY = ("audit-kafka-ca-file", "audit-kafka-cert-file", "audit-kafka-key-file")
_SASL_ONLY = ("audit-kafka-username-file", "audit-kafka-password-file")


def problems(values: Values, origins: Mapping[str, str]) -> list[str]:
    """Everything that is wrong with these values taken together."""
    return [sentence for rule in _RULES for sentence in rule(values, origins)]


def lowered_timeout(resolution: float, timeout: float, origin: str) -> float:
    """The scrape deadline to use: the default gives way to a short resolution, a chosen one never does."""
    longest = round(SHARE_OF_RESOLUTION * resolution, 9)
    return min(timeout, longest) if origin == "default" else timeout


def _pairs(values: Values, _: Mapping[str, str]) -> Iterator[str]:
    for one, other in _BOTH_OR_NONE:
        if bool(values[one]) != bool(values[other]):
            given, absent = (one, other) if values[one] else (other, one)
            yield f"--{given} needs --{absent}"
    for one, other in _NEVER_TOGETHER:
        if values[one] and values[other]:
            yield f"--{one} and --{other} contradict each other: remove one"


def _timeout(values: Values, origins: Mapping[str, str]) -> Iterator[str]:
    resolution, timeout = values["metric-resolution"], values["kubelet-request-timeout"]
    chosen = origins["kubelet-request-timeout"] != "default"
    if chosen and isinstance(resolution, float) and isinstance(timeout, float):
        longest = round(SHARE_OF_RESOLUTION * resolution, 9)
        if timeout > longest:
            yield (
                f"--kubelet-request-timeout {timeout:g}s is longer than 0.9 x --metric-resolution ({longest:g}s): "
                "lower it or leave it out"
            )


def _intervals(values: Values, _: Mapping[str, str]) -> Iterator[str]:
    every, least = values["sync-period"], values["evaluation-interval"]
    if isinstance(every, float) and isinstance(least, float) and least > every:
        yield f"--evaluation-interval {least:g}s is longer than --sync-period {every:g}s: lower the first"


def _lease(values: Values, _: Mapping[str, str]) -> Iterator[str]:
    """client-go's rules, and a place for the Lease."""
    names = ("leader-elect-lease-duration", "leader-elect-renew-deadline", "leader-elect-retry-period")
    for longer, shorter in pairwise(names):
        one, other = values[longer], values[shorter]
        if isinstance(one, float) and isinstance(other, float) and one <= other:
            yield f"--{longer} {one:g}s must be longer than --{shorter} {other:g}s"
    if values["leader-elect"]:
        for name in ("leader-elect-resource-namespace", "leader-elect-resource-name"):
            if not values[name]:
                yield f"--leader-elect needs --{name}"


def _issuing(values: Values, _: Mapping[str, str]) -> Iterator[str]:
    """A place for the certificate, and time for every step of a renewal."""
    lifetime, overlap = values["tls-issue-lifetime"], values["tls-issue-overlap"]
    if isinstance(lifetime, float) and isinstance(overlap, float) and lifetime < LIFETIME_OVERLAPS * overlap:
        yield (
            f"--tls-issue-lifetime {lifetime:g}s must be at least {LIFETIME_OVERLAPS} x --tls-issue-overlap "
            f"({LIFETIME_OVERLAPS * overlap:g}s): a renewal has a third of it"
        )
    if values["tls-issue-secret-name"]:
        for name in ("tls-issue-service", "tls-issue-namespace"):
            if not values[name]:
                yield f"--tls-issue-secret-name needs --{name}"


def _selectors(values: Values, _: Mapping[str, str]) -> Iterator[str]:
    for name in _SELECTORS:
        try:
            selectors.parse(str(values[name]))
        except MalformedError as exc:
            yield f"--{name}: {exc}"


def _account(values: Values, _: Mapping[str, str]) -> Iterator[str]:
    account = str(values["kubelet-token-account"])
    if account and _ACCOUNT.fullmatch(account) is None:
        yield f"--kubelet-token-account: {account!r} is not NAMESPACE/NAME of a ServiceAccount"


def _address(values: Values, _: Mapping[str, str]) -> Iterator[str]:
    try:
        ipaddress.ip_address(str(values["bind-address"]))
    except ValueError:
        yield f"--bind-address: {values['bind-address']!r} is no IP address such as 0.0.0.0 or ::"


def _brokers(values: Values, _: Mapping[str, str]) -> Iterator[str]:
    servers = values["audit-kafka-bootstrap-servers"]
    for server in servers if isinstance(servers, tuple) else ():
        found = _BROKER.fullmatch(server)
        if found is None or not 0 < int(found[2]) < 1 << 16:
            yield f"--audit-kafka-bootstrap-servers: {server!r} is not host:port"
    names = ("audit-topic", "usage-topic", "audit-kafka-latest-topic")
    audit, usage, latest = (str(values[name]) for name in names)
    for name, topic in zip(names, (audit, usage, latest), strict=True):
        if (topic or name == "audit-topic") and (_TOPIC.fullmatch(topic) is None or topic in {".", ".."}):
            yield f"--{name}: {topic!r} is no name of a topic (letters, digits, '.', '_', '-'; at most 249)"
    for name in names[1:]:
        if values[name] and not servers:
            yield f"--{name} needs --audit-kafka-bootstrap-servers"
    if latest and latest in (audit, usage):
        yield "--audit-kafka-latest-topic: the last decisions need a topic of their own: it forgets all others"
    if usage == audit:
        yield "--usage-topic: samples need a topic of their own, not that of --audit-topic"


def _kafka_security(values: Values, _: Mapping[str, str]) -> Iterator[str]:
    """An option that would silently do nothing leaves somebody believing in a protection that is not there."""
    protocol = str(values["audit-kafka-security-protocol"])
    if not protocol.endswith("SSL"):
        for name in _SSL_ONLY:
            if values[name]:
                yield f"--{name} has no effect under --audit-kafka-security-protocol={protocol}: use SSL or SASL_SSL"
    sasl = protocol.startswith("SASL_")
    for name in _SASL_ONLY:
        if sasl and not values[name]:
            yield f"--audit-kafka-security-protocol={protocol} needs --{name}"
        if values[name] and not sasl:
            yield f"--{name} has no effect under --audit-kafka-security-protocol={protocol}: use SASL_SSL"
    if not sasl and values["audit-kafka-sasl-mechanism"] != OPTIONS["audit-kafka-sasl-mechanism"].default:
        yield (
            f"--audit-kafka-sasl-mechanism has no effect under --audit-kafka-security-protocol={protocol}: use SASL_SSL"
        )
    if protocol == "SASL_PLAINTEXT" and values["audit-kafka-sasl-mechanism"] == "PLAIN":
        yield "SASL mechanism PLAIN without TLS would show the password to the network: use SASL_SSL"


_RULES: tuple[Rule, ...] = (
    _pairs,
    _timeout,
    _intervals,
    _lease,
    _issuing,
    _selectors,
    _account,
    _address,
    _brokers,
    _kafka_security,
)
