"""Certificates for tests, made on the spot: `Authority("kubelets").issue("node-1", sans=["127.0.0.1"])`."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class Issued:
    """A leaf certificate and its key, as PEM bytes; `write` puts both into one folder and returns the two paths."""

    name: str
    certificate: bytes
    key: bytes

    def write(self, folder: Path) -> tuple[Path, Path]:
        """`<name>.crt` and `<name>.key` below `folder`."""
        certificate, key = folder / f"{self.name}.crt", folder / f"{self.name}.key"
        certificate.write_bytes(self.certificate)
        key.write_bytes(self.key)
        return certificate, key


class Authority:
    """A certificate authority; `pem` is what others put into their trust bundle."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(self._subject, self._key.public_key(), self._subject, datetime.now(UTC), 3650)
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_key_usage(ca=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
        )
        self.certificate = builder.sign(self._key, hashes.SHA256())
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM)

    def write(self, folder: Path) -> Path:
        """`<name>-ca.crt` below `folder`."""
        path = folder / f"{self.name}-ca.crt"
        path.write_bytes(self.pem)
        return path

    def own(self, sans: Sequence[str]) -> Issued:
        """A certificate signed by itself and by nobody else, as a kubelet makes one without a CA."""
        builder = _builder(self._subject, self._key.public_key(), self._subject, datetime.now(UTC), 30)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(san) for san in sans]), critical=False
        )
        certificate = builder.sign(self._key, hashes.SHA256())
        return Issued(
            self.name,
            certificate.public_bytes(serialization.Encoding.PEM),
            self._key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )

    def issue(
        self,
        common_name: str,
        *,
        sans: Sequence[str] = (),
        server: bool = True,
        client: bool = False,
        organizations: Sequence[str] = (),
        not_before: datetime | None = None,
        days: float = 30,
    ) -> Issued:
        """A leaf; `sans` are IP addresses or DNS names, `organizations` become Kubernetes groups.

        `not_before` in the past together with `days` makes an expired one.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, entry) for entry in organizations]
        subject = x509.Name([*names, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        start = not_before or datetime.now(UTC)
        builder = _builder(subject, key.public_key(), self._subject, start, days)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(ca=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(_purposes(server=server, client=client)), critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
        )
        if sans:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general_name(san) for san in sans]), critical=False
            )
        certificate = builder.sign(self._key, hashes.SHA256())
        return Issued(
            common_name,
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, issuer: x509.Name, start: datetime, days: float
) -> x509.CertificateBuilder:
    """Everything a certificate needs but its extensions; valid from a minute before `start`."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - timedelta(minutes=1))
        .not_valid_after(start + timedelta(days=days))
    )


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not ca,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _purposes(*, server: bool, client: bool) -> list[x509.ObjectIdentifier]:
    return [
        *([ExtendedKeyUsageOID.SERVER_AUTH] if server else []),
        *([ExtendedKeyUsageOID.CLIENT_AUTH] if client else []),
    ]


def _general_name(san: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(san))
    except ValueError:
        return x509.DNSName(san)
