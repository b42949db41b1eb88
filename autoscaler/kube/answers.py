"""What an answer other than 2xx means: HTTP status and `Status` object to the errors of `autoscaler.errors`.

Messages end in logs, conditions and records. Adapters quote the address they asked, credentials included: these are
left out.
"""

from __future__ import annotations

import re

import msgspec
from msgspec import Struct

from autoscaler.errors import ConflictError, ForbiddenError, GoneError, KubeError, NotFoundError, UnreachableError

TOO_LARGE = "Too large resource version"
"""The start of the message when a resourceVersion is newer than anything the server has (apimachinery, storage)."""


class Details(Struct, rename="camel"):
    """`details` of a Status."""

    retry_after_seconds: float | None = None


class Status(Struct):
    """metav1.Status, as far as it decides anything."""

    message: str | None = None
    reason: str | None = None
    code: int | None = None
    details: Details | None = None


_SECRETS = (
    re.compile(r"(://)[^/?#@\s]+@"),
    re.compile(r"((?:token|key|secret|passw(?:or)?d|auth|sig|signature|credential)s?(?:=|%3D))[^&\s\"'<>]+", re.I),
    re.compile(r"((?:bearer|basic)\s+)[\w.~+/=-]{8,}", re.I),
)
"""What follows the first group of each; parameters by the end of their names (`api_key=`, `X-Amz-Signature=`)."""

_KINDS: dict[int, type[KubeError]] = {
    401: ForbiddenError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: GoneError,
}
_status = msgspec.json.Decoder(Status)


def error_of(code: int, body: bytes, retry_after: str, what: str) -> KubeError:
    """The error for an HTTP answer: the Status's message, else the first 200 characters of the body."""
    try:
        status = _status.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        status = Status(message=" ".join(body[:200].decode("utf-8", "replace").split()))
    seconds = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
    return error_for(status, code, what, seconds)


def error_for(status: Status, code: int, what: str, retry_after: float | None = None) -> KubeError:
    """The error for a Status, whichever way it came (a watch sends it inside a 200)."""
    message = f"{what}: {_withheld(status.message or f'HTTP {code}')}"
    reason = status.reason or ""
    if code == 429 or code >= 500:
        if retry_after is None and status.details is not None:
            retry_after = status.details.retry_after_seconds
        return UnreachableError(message, status=code, reason=reason, retry_after=retry_after)
    return _KINDS.get(code, KubeError)(message, status=code, reason=reason)


def _withheld(text: str) -> str:
    for pattern in _SECRETS:
        text = pattern.sub(r"\1…", text)
    return text
