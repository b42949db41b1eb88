"""The serving certificate: given files, or a self-signed pair made once and kept in --cert-dir, as metrics-server does.

The pair is `apiserver.crt` and `apiserver.key`; one that is there, unexpired and made out to all names, is used again,
so that a restart does not invalidate the caBundle. A pair that others make and renew is one file: it changes at once.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from autoscaler.errors import ConfigError

LIFETIME = timedelta(days=365)
_RENEWED_BEFORE = timedelta(days=30)


class ServingCertificate(Struct, frozen=True):
    """Where certificate and key are; PEM."""

    certificate: Path
    key: Path
    self_signed: bool = False

    def ca_bundle(self) -> bytes:
        """What a client must trust to reach us: the self-signed certificate itself, b"" when files were given.

        Raises OSError.
        """
        return self.certificate.read_bytes() if self.self_signed else b""

    def expires(self) -> float:
        """When the certificate itself ends, seconds since 1970. Raises OSError; ValueError when there is none."""
        return x509.load_pem_x509_certificate(self.certificate.read_bytes()).not_valid_after_utc.timestamp()

    def fingerprint(self) -> tuple[object, ...]:
        """Changes when either file does. Raises OSError."""
        return tuple(
            (stat.st_ino, stat.st_mtime_ns, stat.st_size) for stat in (self.certificate.stat(), self.key.stat())
        )


def given(certificate: str, key: str) -> ServingCertificate:
    """The pair of --tls-cert-file and --tls-private-key-file. Raises ConfigError when only one is set."""
    if not certificate or not key:
        missing = "--tls-private-key-file" if certificate else "--tls-cert-file"
        raise ConfigError(f"{missing} is missing: certificate and key are needed together")
    return ServingCertificate(Path(certificate), Path(key))


def self_signed(folder: str, names: Sequence[str], now: float) -> ServingCertificate:
    """The pair in `folder`, made when there is none that fits; `names` are DNS names and IP addresses.

    Raises ConfigError when the folder cannot be used.
    """
    pair = ServingCertificate(Path(folder) / "apiserver.crt", Path(folder) / "apiserver.key", self_signed=True)
    moment = datetime.fromtimestamp(now, UTC)
    try:
        if not _fits(pair, names, moment):
            _write(pair, names, moment)
    except OSError as exc:
        raise ConfigError(f"--cert-dir {folder}: {exc.strerror or exc}") from exc
    return pair


def provisional(path: Path, names: Sequence[str], now: float) -> bool:
    """Have a pair in this one file to show until there is a better one; True when a good one is there already.

    One signed by itself is none that somebody trusts. Raises ConfigError when the file cannot be written.
    """
    moment = datetime.fromtimestamp(now, UTC)
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
        if found.issuer != found.subject and moment < found.not_valid_after_utc:
            return True
    except (OSError, ValueError):
        pass  # there is none, or it is none
    keep(path, b"".join(_made(names, moment)))
    return False


def keep(path: Path, pair: bytes) -> None:
    """Certificate and key (PEM) in one file, replaced as a whole. Raises ConfigError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, pair, 0o600)
    except OSError as exc:
        raise ConfigError(f"--cert-dir {path.parent}: {exc.strerror or exc}") from exc


def _fits(pair: ServingCertificate, names: Sequence[str], now: datetime) -> bool:
    if not pair.certificate.exists() or not pair.key.exists():
        return False
    try:
        certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
        key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, x509.ExtensionNotFound):
        return False
    if now > certificate.not_valid_after_utc - _RENEWED_BEFORE or certificate.public_key() != key.public_key():
        return False
    return all(_general_name(name) in alternative for name in names)


def _write(pair: ServingCertificate, names: Sequence[str], now: datetime) -> None:
    certificate, private = _made(names, now)
    pair.certificate.parent.mkdir(parents=True, exist_ok=True)
    _replace(pair.key, private, 0o600)
    _replace(pair.certificate, certificate, 0o644)


def _made(names: Sequence[str], now: datetime) -> tuple[bytes, bytes]:
    """A certificate signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # clocks of a cluster differ
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


def _replace(path: Path, content: bytes, mode: int) -> None:
    """Write beside and rename: a reader never sees half a file, and the key is never readable by others."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    fresh.replace(path)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
