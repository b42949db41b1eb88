import ssl

import pytest

from autoscaler.errors import ScrapeReason
from autoscaler.kube.scrapefailure import DETAIL, cause


def distrust(code: int, message: str = "as OpenSSL says it") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return error


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


OTHERS: dict[str, tuple[OSError, ScrapeReason]] = {
    "no TLS there": (ssl.SSLError(1, "wrong version"), ScrapeReason.TLS),
    "refused": (ConnectionRefusedError(111, "refused"), ScrapeReason.CONNECT),
    "reset": (ConnectionResetError(104, "reset"), ScrapeReason.CONNECT),
    "another error of the system": (OSError("too many open files"), ScrapeReason.CONNECT),
    "an error without words": (OSError(), ScrapeReason.CONNECT),
}


@pytest.mark.parametrize(("error", "reason"), OTHERS.values(), ids=OTHERS)
def test_every_other_error_has_one_too_and_a_line(error: OSError, reason: ScrapeReason) -> None:
    found, detail = cause(error)
    assert found is reason
    assert detail


def test_a_stranger_cannot_fill_the_log() -> None:
    assert len(cause(OSError("x" * 10_000))[1]) == DETAIL
    assert len(cause(distrust(62, "x" * 10_000))[1]) == DETAIL
