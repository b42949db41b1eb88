"""Being let in by a real broker: passwords and certificates that change under a running forwarder, and bad ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from autoscaler.audit.delivery import Delivery
from autoscaler.clock import SystemClock
from tests.certificates import Authority
from tests.e2e.kafka import rights
from tests.e2e.kafka.broker import Broker
from tests.e2e.kafka.courier import Courier, courier
from tests.e2e.kafka.listeners import PLAIN_PASSWORD, PLAIN_USER, SCRAM_USER

pytestmark = [pytest.mark.timeout(300)]

FIRST, SECOND, WRONG = "canary-first", "canary-second", "canary-wrong"


class Secret:
    """A Secret as a kubelet mounts it: files are links into a folder, which is swapped as a whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._versions = 0

    def put(self, **files: bytes | str) -> None:
        """Replace all of it at once."""
        self._versions += 1
        version = self._folder / f"..{self._versions}"
        version.mkdir(parents=True)
        for name, content in files.items():
            (version / name).write_bytes(content if isinstance(content, bytes) else content.encode())
            if not (self._folder / name).is_symlink():
                (self._folder / name).symlink_to(f"..data/{name}")
        link = self._folder / "..fresh"
        link.symlink_to(version.name)
        link.rename(self._folder / "..data")

    def path(self, name: str) -> str:
        return str(self._folder / name)


@pytest.fixture
def secret(tmp_path: Path) -> Secret:
    return Secret(tmp_path / "secret")


def by_password(broker: Broker, secret: Secret, **changes: object) -> Mapping[str, object]:
    return {
        "security_protocol": "SASL_SSL",
        "ca_file": str(broker.listeners.ca),
        "username_file": secret.path("user"),
        "password_file": secret.path("password"),
        **changes,
    }


def by_certificate(broker: Broker, secret: Secret) -> Mapping[str, object]:
    return {
        "security_protocol": "SSL",
        "ca_file": str(broker.listeners.ca),
        "cert_file": secret.path("crt"),
        "key_file": secret.path("key"),
    }


def certificate(authority: Authority, *, age: float = 0.0) -> Mapping[str, bytes]:
    """Of a client; valid for a day from `age` days ago."""
    issued = authority.issue(
        "us", server=False, client=True, not_before=datetime.now(UTC) - timedelta(days=age), days=1
    )
    return {"crt": issued.certificate, "key": issued.key}


class Channel:
    """A forwarder, as the condition sees it."""

    alarm = ""

    def __init__(self, working: Courier) -> None:
        self._working = working

    @property
    def problem(self) -> str:
        return self._working.forwarder.problem


def condition(working: Courier) -> str:
    """What a policy's status says while a record waits."""
    told = Delivery(working.outbox, Channel(working), SystemClock()).condition()
    return f"{told.type}={told.status}: {told.message}"


async def test_q07_a_rotated_password_is_taken_up_and_a_wrong_one_is_told_without_it(
    broker: Broker, topic: str, secret: Secret, tmp_path: Path
) -> None:
    await rights.set_password(broker.bootstrap, SCRAM_USER, FIRST)
    secret.put(user=SCRAM_USER, password=FIRST)
    access = by_password(broker, secret)
    with capture_logs() as logs:
        async with courier(tmp_path / "spool", lambda: broker.sasl, topic, access=access) as working:
            await working.record(1, 10)
            await working.delivered()
            await rights.set_password(broker.bootstrap, SCRAM_USER, SECOND)
            secret.put(user=SCRAM_USER, password=WRONG)
            await working.record(11, 20)
            await working.until(lambda: "--audit-kafka-password-file" in working.forwarder.problem)
            told = condition(working)
            assert told.startswith("AuditDelivered=False: records wait in the spool")
            assert "the broker refuses our user name or password" in told
            secret.put(user=SCRAM_USER, password=SECOND)
            await working.delivered()
            assert working.forwarder.problem == ""
    everything = f"{logs} {told}"
    assert "refuses our user name or password" in everything
    assert "canary" not in everything
    assert len(await broker.messages(topic)) == 100


async def test_q07_plain_inside_tls(broker: Broker, topic: str, secret: Secret, tmp_path: Path) -> None:
    secret.put(user=PLAIN_USER, password=PLAIN_PASSWORD + "\n")
    access = by_password(broker, secret, sasl_mechanism="PLAIN")
    async with courier(tmp_path / "spool", lambda: broker.sasl, topic, access=access) as working:
        await working.record(1, 2)
        await working.delivered()
    assert len(await broker.messages(topic)) == 10


async def test_q07_a_rotated_client_certificate_is_taken_up_and_an_expired_one_is_told(
    broker: Broker, topic: str, secret: Secret, tmp_path: Path
) -> None:
    secret.put(**certificate(broker.listeners.authority))
    access = by_certificate(broker, secret)
    async with courier(tmp_path / "spool", lambda: broker.mutual, topic, access=access) as working:
        await working.record(1, 10)
        await working.delivered()
        for bad in (certificate(broker.listeners.authority, age=3), certificate(Authority("strangers"))):
            secret.put(**bad)
            await working.record(11, 20)
            await working.until(lambda: "--audit-kafka-cert-file" in working.forwarder.problem)
            secret.put(**certificate(broker.listeners.authority))
            await working.delivered()


@pytest.mark.parametrize(
    ("port", "changes", "told"),
    [
        pytest.param(
            "sasl", {"ca_file": "strangers-ca.crt"}, "name its CA with --audit-kafka-ca-file", id="unknown CA"
        ),
        pytest.param("sasl", {"host": "localhost"}, "is for another name than the one dialled", id="another name"),
        pytest.param("plain", {}, "--audit-kafka-security-protocol", id="TLS to a port without"),
        pytest.param("sasl", {"security_protocol": "PLAINTEXT"}, "--audit-kafka-security-protocol", id="none to TLS"),
        pytest.param("tls", {"security_protocol": "SSL"}, "--audit-kafka-cert-file", id="no client certificate"),
        pytest.param("sasl", {"sasl_mechanism": "SCRAM-SHA-256"}, "--audit-kafka-sasl-mechanism", id="mechanism"),
    ],
)
async def test_q08_who_cannot_be_verified_gets_nothing_and_the_reason_is_told(
    broker: Broker, topic: str, secret: Secret, tmp_path: Path, port: str, changes: dict[str, str], told: str
) -> None:
    await rights.set_password(broker.bootstrap, SCRAM_USER, FIRST)
    secret.put(user=SCRAM_USER, password=FIRST)
    Authority("strangers").write(tmp_path)
    host = changes.pop("host", "127.0.0.1")
    if "ca_file" in changes:
        changes["ca_file"] = str(tmp_path / changes["ca_file"])
    address = f"{host}:{getattr(broker.listeners, port)}"
    access = by_password(broker, secret, **changes)
    async with courier(tmp_path / "spool", lambda: address, topic, access=access) as working:
        await working.record(1, 1)
        await working.until(lambda: told in working.forwarder.problem)
        assert address in working.forwarder.problem
        assert working.value("autoscaler_audit_delivered_total") == 0
    assert await broker.messages(topic) == []
