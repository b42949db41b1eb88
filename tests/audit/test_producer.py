from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from aiokafka.errors import KafkaConnectionError

from autoscaler.audit.producer import KafkaProducer, KafkaSettings
from autoscaler.errors import AuditError, ConfigError


def settings(**changes: object) -> KafkaSettings:
    return KafkaSettings(**({"bootstrap_servers": ("127.0.0.1:1",)} | changes))


def credential_files(directory: Path, password: str = "s3cret\n") -> dict[str, str]:
    (directory / "user").write_text("alice\n")
    (directory / "password").write_text(password)
    return {"username_file": str(directory / "user"), "password_file": str(directory / "password")}


async def test_an_absent_broker_is_an_error_and_leaves_nothing_behind() -> None:
    producer = KafkaProducer(settings())
    with pytest.raises(KafkaConnectionError):
        await producer.start()
    await producer.close()
    del producer  # an unclosed one would warn here
    assert {task.get_name() for task in asyncio.all_tasks()} == {asyncio.current_task().get_name()}


async def test_a_producer_that_was_never_started_can_be_closed() -> None:
    await KafkaProducer(settings()).close()


async def test_a_broker_that_accepts_and_says_nothing_can_be_left() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        producer = KafkaProducer(settings(bootstrap_servers=(f"127.0.0.1:{port}",)))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(producer.start(), 0.2)
        await asyncio.wait_for(producer.close(), 1)


async def test_it_is_idempotent_acknowledged_by_all_and_without_linger() -> None:
    producer = KafkaProducer(settings())
    sender = producer._producer._sender
    assert sender._acks == -1
    assert sender._txn_manager is not None
    assert producer._producer._message_accumulator._linger_time == 0
    await producer.close()


class TestCredentials:
    async def test_they_are_read_anew_by_each_producer(self, tmp_path: Path) -> None:
        files = credential_files(tmp_path)
        access = settings(security_protocol="SASL_SSL", sasl_mechanism="SCRAM-SHA-512", **files)
        for password in ("s3cret", "rotated"):
            (tmp_path / "password").write_text(password + "\n")
            producer = KafkaProducer(access)
            assert producer._producer.client._sasl_plain_username == "alice"
            assert producer._producer.client._sasl_plain_password == password
            await producer.close()

    async def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        access = settings(security_protocol="SASL_SSL", username_file=str(tmp_path / "nobody"))
        with pytest.raises(AuditError, match=r"nobody' cannot be read"):
            KafkaProducer(access)

    async def test_a_file_that_is_no_text_is_not_quoted(self, tmp_path: Path) -> None:
        files = credential_files(tmp_path)
        (tmp_path / "password").write_bytes(b"hunter2\xff")
        with pytest.raises(AuditError) as caught:
            KafkaProducer(settings(security_protocol="SASL_SSL", **files))
        assert "hunter2" not in str(caught.value)
        assert caught.value.__cause__ is None

    async def test_a_password_is_never_sent_in_the_clear(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="use SASL_SSL"):
            KafkaProducer(
                settings(security_protocol="SASL_PLAINTEXT", sasl_mechanism="PLAIN", **credential_files(tmp_path))
            )


class TestTls:
    async def test_peers_are_verified(self) -> None:
        producer = KafkaProducer(settings(security_protocol="SSL"))
        context = producer._producer.client._ssl_context
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        await producer.close()

    @pytest.mark.parametrize(
        "content",
        [pytest.param(None, id="the file is missing"), pytest.param("no PEM", id="the file is no certificate")],
    )
    async def test_an_authority_that_cannot_be_used_is_an_error(self, tmp_path: Path, content: str | None) -> None:
        if content is not None:
            (tmp_path / "ca.crt").write_text(content)
        with pytest.raises(AuditError, match="certificates cannot be used"):
            KafkaProducer(settings(security_protocol="SSL", ca_file=str(tmp_path / "ca.crt")))
