"""What a failure to connect means for a scrape: one of our reasons, and a line for a person."""

from __future__ import annotations

import ssl

from autoscaler.errors import ScrapeReason

DETAIL = 300
"""Characters of a stranger's words that are kept."""

_CERTIFICATE: dict[int, tuple[ScrapeReason, str]] = {  # X509_V_ERR_* of OpenSSL's x509_vfy.h
    9: (ScrapeReason.TLS_EXPIRED, "its certificate is not valid yet"),
    10: (ScrapeReason.TLS_EXPIRED, "its certificate has expired"),
    18: (ScrapeReason.TLS_UNTRUSTED, "its certificate is signed by itself"),
    19: (ScrapeReason.TLS_UNTRUSTED, "its certificate comes from a CA that is not ours"),
    20: (ScrapeReason.TLS_UNTRUSTED, "its certificate comes from a CA that is not ours"),
    21: (ScrapeReason.TLS_UNTRUSTED, "its certificate comes from a CA that is not ours"),
    62: (ScrapeReason.TLS_NAME, "its certificate names another host"),
    64: (ScrapeReason.TLS_NAME, "its certificate names another address"),
}


def cause(exc: OSError) -> tuple[ScrapeReason, str]:
    """The reason why there is no connection, and the detail."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        reason, told = _CERTIFICATE.get(exc.verify_code, (ScrapeReason.TLS, "its certificate is not believed"))
        return reason, f"{told} ({exc.verify_message})"[:DETAIL]
    reason = ScrapeReason.TLS if isinstance(exc, ssl.SSLError) else ScrapeReason.CONNECT
    return reason, str(exc)[:DETAIL] or type(exc).__name__
