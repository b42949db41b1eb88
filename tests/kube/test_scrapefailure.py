import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from autoscaler.errors import ScrapeReason
from autoscaler.kube.scrapefailure import DETAIL, cause

KEY = ConnectionKey("10.0.0.1", 10250, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)


def distrust(code: int, message: str = "as OpenSSL says it") -> aiohttp.ClientConnectorCertificateError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return aiohttp.ClientConnectorCertificateError(KEY, error)


CERTIFICATES = {
    9: ScrapeReason.TLS_EXPIRED,
    10: ScrapeReason.TLS_EXPIRED,
    18: ScrapeReason.TLS_UNTRUSTED,
    19: ScrapeReason.TLS_UNTRUSTED,
    20: ScrapeReason.TLS_UNTRUSTED,
    21: ScrapeReason.TLS_UNTRUSTED,
    62: ScrapeReason.TLS_NAME,
    64: ScrapeReason.TLS_NAME,
    26: ScrapeReason.TLS,
}


@pytest.mark.parametrize(("code", "reason"), CERTIFICATES.items())
def test_k10_every_fault_of_a_certificate_has_its_reason(code: int, reason: ScrapeReason) -> None:
    found, detail = cause(distrust(code))
    assert found is reason
    assert detail.startswith("its certificate ")
    assert detail.endswith("(as OpenSSL says it)")


OTHERS: dict[str, tuple[Exception, ScrapeReason]] = {
    "no TLS there": (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, "wrong version")), ScrapeReason.TLS),
    "refused": (aiohttp.ClientConnectorError(KEY, OSError(111, "refused")), ScrapeReason.CONNECT),
    "no such name": (aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "unknown")), ScrapeReason.DNS),
    "no connection in time": (aiohttp.ConnectionTimeoutError("slow"), ScrapeReason.TIMEOUT),
    "hung up": (aiohttp.ServerDisconnectedError(), ScrapeReason.INTERRUPTED),
    "hung up in the body": (aiohttp.ClientPayloadError("short"), ScrapeReason.INTERRUPTED),
    "reset": (aiohttp.ClientOSError(104, "reset"), ScrapeReason.INTERRUPTED),
    "an address that is none": (aiohttp.InvalidURL("x"), ScrapeReason.NO_ADDRESS),
    "another error of the system": (OSError("too many open files"), ScrapeReason.CONNECT),
    "an error without words": (ValueError(), ScrapeReason.CONNECT),
}


@pytest.mark.parametrize(("error", "reason"), OTHERS.values(), ids=OTHERS)
def test_every_other_error_has_one_too_and_a_line(error: Exception, reason: ScrapeReason) -> None:
    found, detail = cause(error)
    assert found is reason
    assert detail


def test_a_stranger_cannot_fill_the_log() -> None:
    assert len(cause(OSError("x" * 10_000))[1]) == DETAIL
    assert len(cause(distrust(62, "x" * 10_000))[1]) == DETAIL
