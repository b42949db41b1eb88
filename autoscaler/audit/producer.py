"""aiokafka's producer, as the forwarder wants it, from settings and the credential files they name."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from aiokafka import AIOKafkaProducer
from msgspec import Struct

from autoscaler.audit.codec import Headers
from autoscaler.errors import AuditError, ConfigError

BATCH_BYTES = 128 * 1024  # compression runs in the event loop: larger batches would be felt
REQUEST_BYTES = 1 << 20
CREDENTIAL_BYTES = 64 * 1024


class KafkaSettings(Struct, frozen=True, kw_only=True):
    """Where Kafka is and how to be let in; "" = not set. `autoscaler.config` has checked that the fields fit together.

    Credentials are given as files only, and read anew for each producer, so that a rotated Secret needs no restart.
    """

    bootstrap_servers: tuple[str, ...]
    topic: str = "autoscaler.decisions"
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "SCRAM-SHA-512"
    username_file: str = ""
    password_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    client_id: str = "hpa-companion"
    request_timeout: float = 10.0


class KafkaProducer:
    """One producer's life: start, send, close. AuditError when a credential file cannot be read."""

    def __init__(self, settings: KafkaSettings) -> None:
        encrypted = settings.security_protocol in ("SSL", "SASL_SSL")
        credentials: dict[str, object] = {}
        if settings.security_protocol.startswith("SASL_"):
            if settings.sasl_mechanism == "PLAIN" and not encrypted:
                raise ConfigError("SASL PLAIN without TLS would show the password to the network: use SASL_SSL")
            credentials = {
                "sasl_mechanism": settings.sasl_mechanism,
                "sasl_plain_username": _credential(settings.username_file),
                "sasl_plain_password": _credential(settings.password_file),
            }
        self._producer = AIOKafkaProducer(
            bootstrap_servers=list(settings.bootstrap_servers),
            client_id=settings.client_id,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=REQUEST_BYTES,
            request_timeout_ms=int(settings.request_timeout * 1000),
            compression_type="zstd",
            security_protocol=settings.security_protocol,
            ssl_context=_tls(settings) if encrypted else None,
            **credentials,
        )

    async def start(self) -> None:
        await self._producer.start()

    async def send(self, topic: str, *, key: bytes, value: bytes, headers: Headers) -> asyncio.Future[object]:
        future: asyncio.Future[object] = await self._producer.send(topic, key=key, value=value, headers=headers)
        return future

    async def close(self) -> None:
        # Not the library's stop(): that waits for pending records, and idempotent ones never expire (aiokafka 0.14).
        producer = self._producer
        producer._closed = True
        sender: asyncio.Task[None] | None = producer._sender.sender_task
        if sender is not None:
            sender.cancel()
        await producer.client.close()  # ends the requests that the sender's tasks wait for
        if sender is not None:
            await asyncio.wait([sender])


def _tls(settings: KafkaSettings) -> ssl.SSLContext:
    """Verifies the broker's chain and name, by `ca_file` or the system's authorities."""
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file or None)
    except OSError as exc:  # ssl.SSLError is one
        raise AuditError(f"Kafka certificates cannot be used: {exc}") from exc
    return context


def _credential(path: str) -> str:
    """The file's text without the newline that editors append."""
    try:
        with Path(path).open("rb") as file:
            return file.read(CREDENTIAL_BYTES).decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        # from None: a decode error would quote the bytes
        raise AuditError(f"Kafka credential file {path!r} cannot be read as text") from None
