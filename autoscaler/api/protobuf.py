"""Protocol Buffers as far as Kubernetes' messages need them, and the messages every API shares.

Field numbers are those of k8s.io/apimachinery's `generated.proto`. As its generated code does, a field that is no
pointer is written also when it is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from autoscaler.api.envelope import Bookmark, ListMeta
from autoscaler.api.status import StatusError

MAGIC = b"k8s\0"

_ONE_BYTE = 0x80
_USUAL = 0x800
_UINT64 = 1 << 64
_LENGTH_DELIMITED = 2
_SHORT = tuple(bytes((each,) if each < _ONE_BYTE else (each & 0x7F | 0x80, each >> 7)) for each in range(_USUAL))
"""What nearly all lengths are, made once."""


def varint(value: int) -> bytes:
    """A whole number of up to 64 bits; a negative one is its two's complement."""
    if 0 <= value < _USUAL:
        return _SHORT[value]
    value %= _UINT64
    out = bytearray()
    while value >= _ONE_BYTE:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """An integer field."""
    return varint(field << 3) + varint(value)


def data(field: int, value: bytes) -> bytes:
    """A field of bytes or of a message."""
    size = len(value)
    return b"%b%b%b" % (_SHORT[field << 3 | _LENGTH_DELIMITED], _SHORT[size] if size < _USUAL else varint(size), value)


def text(field: int, value: str) -> bytes:
    """A string field."""
    return data(field, value.encode())


def string_map(field: int, values: Mapping[str, str]) -> bytes:
    """A map of strings, keys in order."""
    return b"".join([data(field, text(1, key) + text(2, values[key])) for key in sorted(values)])


def seconds(value: int) -> bytes:
    """metav1.Time, whole seconds since 1970."""
    return number(1, value) + number(2, 0)


def unknown(api_version: str, kind: str, raw: bytes) -> bytes:
    """runtime.Unknown behind the magic number: a whole document."""
    return unknown_head(api_version, kind, len(raw)) + raw + UNKNOWN_TAIL


def unknown_head(api_version: str, kind: str, length: int) -> bytes:
    """All of it before the `length` bytes of the object."""
    return _type_head(api_version, kind) + varint(length)


@lru_cache(maxsize=64)
def _type_head(api_version: str, kind: str) -> bytes:
    return MAGIC + data(1, text(1, api_version) + text(2, kind)) + varint(2 << 3 | _LENGTH_DELIMITED)


UNKNOWN_TAIL = text(3, "") + text(4, "")
"""Its encoding and type are the default ones."""


_NO_VERSION, _NO_TIME = text(6, ""), number(7, 0) + data(8, b"")
_NO_LINK, _NO_TOKEN = text(1, ""), text(3, "")


def list_meta(meta: ListMeta) -> bytes:
    """metav1.ListMeta."""
    token = text(3, meta.continue_token) if meta.continue_token else _NO_TOKEN
    remaining = b"" if meta.remaining is None else number(4, meta.remaining)
    return b"%b%b%b%b" % (_NO_LINK, text(2, meta.resource_version), token, remaining)


def meta_head(name: str, namespace: str) -> bytes:
    """metav1.ObjectMeta up to the UID, which we do not serve; `meta_stamp` follows, then `meta_tail`."""
    return text(1, name) + text(2, "") + text(3, namespace) + text(4, "") + text(5, "")


def meta_stamp(now: float | None, resource_version: str = "") -> bytes:
    """From the resourceVersion to the time of creation; None is no time."""
    created = _NO_TIME if now is None else _created(int(now))
    return (text(6, resource_version) if resource_version else _NO_VERSION) + created


@lru_cache(maxsize=8)
def _created(second: int) -> bytes:
    """The generation, which we do not serve, and the time of creation."""
    return number(7, 0) + data(8, seconds(second))


def meta_tail(labels: Mapping[str, str], annotations: Mapping[str, str] = {}) -> bytes:
    """Labels and annotations."""
    return string_map(11, labels) + string_map(12, annotations)


def bookmark_meta(event: Bookmark) -> bytes:
    """metav1.ObjectMeta of a bookmark."""
    return meta_head("", "") + meta_stamp(None, event.resource_version) + meta_tail({}, event.annotations())


def status(failure: StatusError) -> bytes:
    """metav1.Status, a whole document."""
    details = b"" if failure.details is None else data(5, _details(failure.details))
    raw = b"".join(
        (
            data(1, list_meta(ListMeta(continue_token=failure.continue_token))),
            text(2, "Failure"),
            text(3, failure.message),
            text(4, failure.reason),
            details,
            number(6, failure.code),
        )
    )
    return unknown("v1", "Status", raw)


def watch_frame(kind: str, document: bytes) -> bytes:
    """metav1.WatchEvent in a frame of its own: its length in four bytes before it."""
    event = text(1, kind) + data(2, data(1, document))
    return len(event).to_bytes(4, "big") + event


def _details(details: Mapping[str, object]) -> bytes:
    """metav1.StatusDetails."""
    named = b"".join([text(at, str(details.get(name, ""))) for at, name in enumerate(("name", "group", "kind"), 1)])
    causes = details.get("causes", ())
    told = b"".join([data(4, _cause(cause)) for cause in causes]) if isinstance(causes, Iterable) else b""
    retry = details.get("retryAfterSeconds", 0)
    return named + told + number(5, retry if isinstance(retry, int) else 0) + text(6, "")


def _cause(cause: Mapping[str, str]) -> bytes:
    """metav1.StatusCause."""
    return text(1, cause.get("reason", "")) + text(2, cause.get("message", "")) + text(3, cause.get("field", ""))
