"""TLS of the serving side: one context per CA generation, chosen anew at every handshake.

A client certificate is asked for, not demanded; the trust store holds the requestheader CA and nothing else, so that no
other certificate of the cluster can pose as the front proxy (docs/security.md T2). OpenSSL verifies it in the
handshake, its purpose included. No session is ever resumed: a resumed one would carry a verification made under an
older CA.
"""

from __future__ import annotations

import ssl

import structlog

from autoscaler.api.certificate import ServingCertificate
from autoscaler.api.frontproxy import TrustSource
from autoscaler.errors import ConfigError

OLDEST = "VersionTLS12"
VERSIONS = {OLDEST: ssl.TLSVersion.TLSv1_2, "VersionTLS13": ssl.TLSVersion.TLSv1_3}
"""By the names of --tls-min-version."""

_log = structlog.get_logger(__name__)


class TrustedContext(ssl.SSLContext):
    """A context that knows which CA it verifies by; "" = none, every client certificate is refused."""

    ca_pem: str = ""


class ServingContexts:
    """The context for the next handshake.

    The problems say what is wrong with what was last read, "" = nothing. A CA that cannot be read leaves the last good
    one trusted; a CA that is gone leaves none. `expires` is the end of the certificate served, seconds since 1970;
    `refusals` counts new pairs that were not taken.
    """

    def __init__(self, certificate: ServingCertificate, trust: TrustSource, min_version: str = OLDEST) -> None:
        self._min_version = VERSIONS[min_version]
        self._certificate = certificate
        self._trust = trust
        self._trusted = ""
        self._refused: str | None = None
        self.trust_problem = ""
        self.certificate_problem = ""
        self.refusals = 0
        try:
            self._fingerprint = certificate.fingerprint()
            self._context = self._made("")
            self.expires = certificate.expires()
        except (OSError, ssl.SSLError, ValueError) as exc:
            raise ConfigError(f"serving certificate {certificate.certificate}: {exc}") from exc
        self.entry = self._made("")
        """What the listener is given; each handshake leaves it for the current one."""
        self.entry.sni_callback = self._enter
        self.current()

    def trusted_ca(self) -> str:
        """The CA a connection's certificate must have been verified under to count now."""
        trust = self._trust.current()
        wanted = trust.ca_pem if trust else ""
        if wanted == self._trusted:
            self._refused = None
            self.trust_problem = "" if wanted else self._trust.problem or "the requestheader CA is not known yet"
        elif wanted != self._refused:
            self._take(wanted)
        return self._trusted

    def current(self) -> TrustedContext:
        """The context made for the CA and the certificate as they are now."""
        ca_pem = self.trusted_ca()
        if self._context.ca_pem != ca_pem:
            self._renew(ca_pem)
        return self._context

    @property
    def problem(self) -> str:
        """What is wrong with the trust, also while the last good one is kept."""
        return self.trust_problem or self._trust.problem

    def reload_certificate(self, now: float) -> None:
        """Take up changed files; an unusable pair, or one that has ended, is not taken and the old one serves on."""
        try:
            fingerprint = self._certificate.fingerprint()
            if fingerprint == self._fingerprint:
                return
            self._fingerprint = fingerprint
            expires = self._certificate.expires()
            if expires <= now:
                raise ValueError("the new certificate has expired")
        except (OSError, ValueError) as exc:
            self._refuse_certificate(exc)
            return
        if self._renew(self.trusted_ca()):
            self.expires = expires

    def _renew(self, ca_pem: str) -> bool:
        """A new context, and whether it could be made; with an unusable certificate the old one stays, and what was
        verified by it is stale."""
        try:
            self._context = self._made(ca_pem)
        except (OSError, ssl.SSLError) as exc:
            self._refuse_certificate(exc)
            return False
        self.certificate_problem = ""
        _log.info(
            "Renewed the serving TLS context",
            certificate=str(self._certificate.certificate),
            front_proxy=bool(ca_pem),
        )
        return True

    def _refuse_certificate(self, exc: Exception) -> None:
        problem = f"{type(exc).__name__}: {exc}"
        if problem != self.certificate_problem:
            self.certificate_problem = problem
            self.refusals += 1
            _log.error("Kept the last good serving certificate", file=str(self._certificate.certificate), error=problem)

    def _take(self, ca_pem: str) -> None:
        """Trust this CA from now on, if it is one."""
        try:
            if ca_pem:
                _load_ca(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ca_pem)
        except (ValueError, ssl.SSLError) as exc:
            self._refused = ca_pem
            self.trust_problem = f"the cluster's requestheader CA cannot be read: {exc}"
            _log.error("Kept the last good requestheader CA", error=str(exc))
        else:
            self._trusted = ca_pem
            self.trusted_ca()

    def _enter(self, connection: ssl.SSLObject, _name: str | None, _entry: ssl.SSLContext) -> None:
        """Runs within each handshake, with a server name or without, before any certificate is looked at."""
        connection.context = self.current()

    def _made(self, ca_pem: str) -> TrustedContext:
        context = TrustedContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = self._min_version
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.num_tickets = 0
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # as Go: what is listed is trusted, a root or not
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(self._certificate.certificate, self._certificate.key)
        if ca_pem:
            _load_ca(context, ca_pem)
        context.ca_pem = ca_pem
        return context


def _load_ca(context: ssl.SSLContext, ca_pem: str) -> None:
    """Raises ValueError or SSLError when it is no PEM with a certificate."""
    if not ca_pem.isascii():
        raise ValueError("it has characters that are not ASCII")
    context.load_verify_locations(cadata=ca_pem)
