"""Serving certificates of our own making, as strict clients want them, each by a CA that signs nothing else.

The CA's key is gone when `issued` returns: nobody can steal what is kept nowhere. So a new certificate always has a new
CA, and every renewal goes the whole way of `core.rotation`.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from autoscaler.model.certificate import Pair

BACKDATED = timedelta(minutes=5)
"""Clocks of a cluster differ."""


def issued(names: Sequence[str], now: float, lifetime: float) -> Pair:
    """A certificate for these DNS names, the first of them its subject, for `lifetime` seconds from `now`."""
    begins, ends = datetime.fromtimestamp(now, UTC) - BACKDATED, datetime.fromtimestamp(now + lifetime, UTC)
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    # Two CAs of one name in a bundle could be taken for each other.
    issuer = _named(f"hpa-companion serving CA {secrets.token_hex(8)}")
    identifier = x509.SubjectKeyIdentifier.from_public_key(authority.public_key())
    ca = (
        _builder(issuer, issuer, authority.public_key(), begins, ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(authority, hashes.SHA256())
    )
    leaf = (
        _builder(_named(names[0][:64]), issuer, key.public_key(), begins, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(authority, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(certificate=_pem(leaf), key=private.decode(), ca=_pem(ca), ends=ends.timestamp())


def usable(certificate: str, key: str, ca: str, names: Sequence[str]) -> Pair | None:
    """The pair these make, None when they make none: broken, not of each other, or not made out to all names."""
    try:
        leaf, root = x509.load_pem_x509_certificate(certificate.encode()), x509.load_pem_x509_certificate(ca.encode())
        private = serialization.load_pem_private_key(key.encode(), None)
        leaf.verify_directly_issued_by(root)
        there = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # noqa: BLE001 - cryptography raises many kinds for what is broken, and each means no pair
        return None
    told = set(there.get_values_for_type(x509.DNSName))
    if leaf.public_key() != private.public_key() or not told.issuperset(names):
        return None
    ends = min(leaf.not_valid_after_utc, root.not_valid_after_utc).timestamp()
    return Pair(certificate=certificate, key=key, ca=ca, ends=ends)


def ends_of(certificate: str) -> float:
    """When a certificate (PEM) ends, seconds since 1970; 0 when it is none."""
    try:
        return x509.load_pem_x509_certificate(certificate.encode()).not_valid_after_utc.timestamp()
    except ValueError:
        return 0.0


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
