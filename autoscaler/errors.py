"""What can go wrong, as one tree; a class exists because somebody catches it.

AutoscalerError
├── ConfigError            a person must change a flag, variable, file or command; exit 2
│   └── SpoolInUseError    another process writes to this spool
├── MalformedError         bytes from outside do not follow their grammar (page, object, quantity, selector)
│   ├── LaterError         a record with words of a later release: no fault of the record
│   └── OtherError         an event that is no record, by its type: readers pass over it
├── KubeError              the API server answered something else than what was asked for
│   ├── NotFoundError      404
│   ├── ConflictError      409: the object changed since it was read
│   ├── ForbiddenError     401 or 403
│   ├── GoneError          410: the resourceVersion is too old, list again
│   └── UnreachableError   no answer, 429 or 5xx: try again after `retry_after` seconds
├── ScrapeError            one kubelet gave no usable page; `reason` is a word of `ScrapeReason`
└── AuditError             a record could not be kept or read
    ├── SpoolFullError     the spool has reached its size
    ├── ShedError          a record that says nothing new was dropped in favour of others
    ├── UnwritableError    a decision has no form of a record: its text is no Unicode, its time none
    ├── SlowError          nobody knows yet: the disk has not answered
    └── DamagedError       the spool's file is damaged
"""

from __future__ import annotations

from enum import StrEnum


class AutoscalerError(Exception):
    """Root of everything this program raises on purpose."""


class ConfigError(AutoscalerError):
    """The message names the field, file or command to change."""


class SpoolInUseError(ConfigError):
    """Another process holds the lock of this spool."""


class MalformedError(AutoscalerError):
    """Input that breaks its grammar; the message says where."""


class LaterError(MalformedError):
    """A record that a later release wrote, with a word this one does not know; the message names it."""


class OtherError(MalformedError):
    """An event of another kind among the records; the message names its type."""


class KubeError(AutoscalerError):
    """An unwelcome answer; `status` is the HTTP code (0: none), `reason` the Status reason."""

    def __init__(self, message: str, *, status: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class NotFoundError(KubeError):
    """404."""


class ConflictError(KubeError):
    """409."""


class ForbiddenError(KubeError):
    """401 or 403."""


class GoneError(KubeError):
    """410."""


class UnreachableError(KubeError):
    """No answer, 429 or 5xx."""

    def __init__(self, message: str, *, status: int = 0, reason: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, status=status, reason=reason)
        self.retry_after = retry_after


class ScrapeReason(StrEnum):
    """Why a kubelet gave nothing; the label of `autoscaler_scrape_errors_total`."""

    NO_ADDRESS = "no_address"  # none of the wanted types, or none that is one
    ADDRESS_DENIED = "address_denied"  # one that must not be dialled
    DNS = "dns"
    CONNECT = "connect"
    TIMEOUT = "timeout"
    TLS = "tls"  # no handshake; the next three: a certificate that is not believed
    TLS_EXPIRED = "tls_expired"
    TLS_NAME = "tls_name"
    TLS_UNTRUSTED = "tls_untrusted"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    REDIRECT = "redirect"
    STATUS = "status"  # any other HTTP status
    HTTP = "http"  # bytes that are no HTTP answer
    ENCODING = "encoding"
    CONTENT_TYPE = "content_type"
    TOO_LARGE = "too_large"
    PARSE = "parse"  # an answer without a kubelet's page in it
    UNAVAILABLE = "unavailable"  # the kubelet itself says that it has no stats
    INTERRUPTED = "interrupted"  # the answer ended early


class ScrapeError(AutoscalerError):
    """One kubelet's failure; its neighbours are not concerned. `address` is the host:port tried, "" for none."""

    def __init__(
        self, node: str, reason: ScrapeReason, detail: str, *, address: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(f"node {node}: {reason}: {detail}")
        self.node = node
        self.reason = reason
        self.detail = detail
        self.address = address
        self.retry_after = retry_after


class AuditError(AutoscalerError):
    """A record could not be kept or read."""


class SpoolFullError(AuditError):
    """Nothing more fits under the spool's size limit."""


class ShedError(AuditError):
    """The record was dropped on purpose: it says nothing new, and there is little room."""


class UnwritableError(AuditError):
    """A decision that cannot be written down."""


class SlowError(AuditError):
    """The disk has not answered yet; once it does, the record is kept."""


class DamagedError(AuditError):
    """The spool's file is not what was written."""
