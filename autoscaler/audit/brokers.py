"""Where Kafka is and how to be let in: what producers and consumers need alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from autoscaler.errors import AuditError, ConfigError

if TYPE_CHECKING:
    import ssl

CREDENTIAL_BYTES = 64 * 1024
_ENCRYPTED = ("SSL", "SASL_SSL")


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


def client_options(settings: KafkaSettings) -> dict[str, object]:
    """Arguments of an aiokafka client, which is kept from reading without limit (`frames`).

    AuditError when a credential file cannot be read.
    """
    from autoscaler.audit import frames  # noqa: PLC0415 - who reads a spool has settings, too, and waits for no client

    frames.bound()
    encrypted = settings.security_protocol in _ENCRYPTED
    credentials: dict[str, object] = {}
    if settings.security_protocol.startswith("SASL_"):
        if settings.sasl_mechanism == "PLAIN" and not encrypted:
            raise ConfigError("SASL PLAIN without TLS would show the password to the network: use SASL_SSL")
        credentials = {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": _credential(settings.username_file),
            "sasl_plain_password": _credential(settings.password_file),
        }
    return {
        "bootstrap_servers": list(settings.bootstrap_servers),
        "client_id": settings.client_id,
        "request_timeout_ms": int(settings.request_timeout * 1000),
        "security_protocol": settings.security_protocol,
        "ssl_context": _tls(settings) if encrypted else None,
        **credentials,
    }


def unreadable(settings: KafkaSettings) -> list[str]:
    """What is wrong now with each credential file that is used; it may still be written or mounted."""
    used = []
    if settings.security_protocol.startswith("SASL_"):
        used += [settings.username_file, settings.password_file]
    if settings.security_protocol in _ENCRYPTED:
        used += [settings.ca_file, settings.cert_file, settings.key_file]
    found = []
    for path in filter(None, used):
        try:
            _credential(path)
        except AuditError as exc:
            found.append(str(exc))
    return found


def fingerprint(settings: KafkaSettings) -> tuple[object, ...]:
    """Differs once one of the credential files has been written anew, or another one put in its place."""
    names = ("username_file", "password_file", "ca_file", "cert_file", "key_file")
    return tuple(_stamp(path) for name in names if (path := getattr(settings, name)))


def _stamp(path: str) -> object:
    """A mounted Secret is swapped by a link, so time and inode are those of what the name leads to; None: not there."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _tls(settings: KafkaSettings) -> ssl.SSLContext:
    """Verifies the broker's chain and name, by `ca_file` or the system's authorities."""
    import ssl  # noqa: PLC0415 - who reads a spool has settings, too, and waits for no TLS

    for path in filter(None, (settings.ca_file, settings.cert_file, settings.key_file)):
        _credential(path)  # ssl does not say which file it could not use
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file or None)
    except OSError as exc:  # ssl.SSLError is one
        raise AuditError(f"Kafka certificates cannot be used: {exc}") from exc
    return context


def _why(exc: OSError) -> str:
    """In the words of the operating system: no such file, is a directory, permission denied."""
    return (exc.strerror or type(exc).__name__).removesuffix(" or directory").lower()


def _credential(path: str) -> str:
    """The file's text without the newline that editors append."""
    try:
        with Path(path).open("rb") as file:
            text = file.read(CREDENTIAL_BYTES).decode().rstrip("\r\n")
    except OSError as exc:
        raise AuditError(f"Kafka credential file {path!r} cannot be read: {_why(exc)}") from exc
    except UnicodeDecodeError:
        # from None: a decode error would quote the bytes
        raise AuditError(f"Kafka credential file {path!r} cannot be read: it is no text") from None
    if not text:
        raise AuditError(f"Kafka credential file {path!r} is empty")
    return text
