"""What an exception of the HTTP client or of TLS means for a scrape: one of our reasons, and a line for a person."""

from __future__ import annotations

import ssl

import aiohttp

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

_OTHERS: tuple[tuple[type[Exception], ScrapeReason], ...] = (  # the first match counts, they inherit from each other
    (aiohttp.ClientSSLError, ScrapeReason.TLS),
    (aiohttp.ClientConnectorDNSError, ScrapeReason.DNS),
    (aiohttp.ConnectionTimeoutError, ScrapeReason.TIMEOUT),
    (aiohttp.ClientConnectorError, ScrapeReason.CONNECT),
    (aiohttp.ServerDisconnectedError, ScrapeReason.INTERRUPTED),
    (aiohttp.ClientPayloadError, ScrapeReason.INTERRUPTED),
    (aiohttp.ClientOSError, ScrapeReason.INTERRUPTED),
    (aiohttp.ClientResponseError, ScrapeReason.HTTP),
    (aiohttp.InvalidURL, ScrapeReason.NO_ADDRESS),
)


def cause(exc: Exception) -> tuple[ScrapeReason, str]:
    """The reason an exception stands for, and the detail."""
    found = exc.certificate_error if isinstance(exc, aiohttp.ClientConnectorCertificateError) else exc
    if isinstance(found, ssl.SSLCertVerificationError):
        reason, told = _CERTIFICATE.get(found.verify_code, (ScrapeReason.TLS, "its certificate is not believed"))
        return reason, f"{told} ({found.verify_message})"[:DETAIL]
    reason = next((reason for kind, reason in _OTHERS if isinstance(exc, kind)), ScrapeReason.CONNECT)
    said = exc.os_error if isinstance(exc, aiohttp.ClientConnectorDNSError) else exc
    return reason, str(said)[:DETAIL] or type(exc).__name__
