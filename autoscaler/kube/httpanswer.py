"""One HTTP/1.1 answer as it arrives, within limits; whatever is not exactly HTTP is an error.

64 KiB of head; as much of the body as its `Terms` allow, as it comes and inflated; one layer of gzip.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from functools import lru_cache

from autoscaler.errors import MalformedError, ScrapeReason
from autoscaler.kube.chunks import Chunks

MAX_BODY = 8 << 20
MAX_HEAD = 64 << 10
_BEGINNING = b"HTTP/1."
_STATUS = re.compile(rb"HTTP/1\.([01]) (\d{3})(?: [^\r\n]*)?")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*")
_LENGTH = re.compile(rb"\d{1,19}")

_USUAL = 200
"""Longer lines are read anew every time, so that what strangers leave behind is bounded."""

_NO_BODY = frozenset({204, 304})
"""Answers that end with their head (RFC 9112 §6.3)."""

Headers = dict[bytes, list[bytes]]


@dataclass(frozen=True, slots=True)
class Terms:
    """What is read of an answer: at most `body` bytes of a 2xx. Of any other nothing but the head, or with `refusals`
    so many bytes of its body, and what is beyond them is left.
    """

    body: int = MAX_BODY
    refusals: int = 0


PAGE = Terms()
"""Of a kubelet."""


class AnswerError(Exception):
    """An answer that is none; `reason` in the words of scraping."""

    def __init__(self, reason: ScrapeReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class AnswerReader:
    """Feed it until it is `complete`; AnswerError as soon as the answer cannot become one.

    `kept`: the connection may be used again, for the peer did not say otherwise and nothing came behind the answer.
    """

    def __init__(self, terms: Terms = PAGE) -> None:
        self.status = 0
        self.headers: Headers = {}
        self.complete = False
        self.kept = False
        self._most = terms.body
        self._refusals = terms.refusals
        self._head: bytes | None = b""
        self._body = bytearray()  # not a list of pieces: they may be of one byte each
        self._length: int | None = None
        self._chunks: Chunks | None = None
        self._cut = False

    @property
    def begun(self) -> bool:
        """Whether a byte of it has come."""
        return self._head != b""

    def feed(self, data: bytes) -> None:
        """More of it."""
        if self._head is not None:
            data = self._take_head(self._head + data)
            if self.complete:
                self.kept = self.kept and not data
        if self.complete or not data:
            return
        if self._chunks is not None:
            self._take_chunks(self._chunks, data)
        elif self._length is None:
            self._keep(data)
        else:
            wanted = self._length - len(self._body)
            self._keep(data[:wanted] if len(data) > wanted else data)
            if len(self._body) == self._length:
                self._end(extra=len(data) > wanted)

    def closed(self) -> None:
        """The peer closed the connection: the end of an answer without a length, a mishap for any other."""
        if self._head is None and self._length is None and self._chunks is None:
            self.complete = True
        if not self.complete:
            raise AnswerError(ScrapeReason.INTERRUPTED, "the connection was closed before the answer ended")

    def body(self) -> bytes:
        """The inflated body of a complete answer."""
        if self.headers.get(b"content-encoding", [b"identity"]) == [b"identity"]:
            return bytes(self._body)
        inflate = zlib.decompressobj(31)
        try:
            text = inflate.decompress(self._body, self._most + 1)
        except zlib.error as exc:
            raise AnswerError(ScrapeReason.ENCODING, f"broken gzip: {exc}") from exc
        if len(text) > self._most:
            raise self._too_large()
        if inflate.unused_data:
            raise AnswerError(ScrapeReason.ENCODING, "data behind the end of its gzip stream")
        if not inflate.eof:
            raise AnswerError(ScrapeReason.INTERRUPTED, "the gzip stream ends early")
        return text

    def _take_head(self, arrived: bytes) -> bytes:
        """The bytes behind the head, b"" while it is not whole."""
        head, end, rest = arrived.partition(b"\r\n\r\n")
        if len(head) > MAX_HEAD:
            raise self._malformed("more than 64 KiB of headers")
        if not end:
            if not head.startswith(_BEGINNING[: len(head)]):
                raise self._malformed(f"{head[:60]!r} is no HTTP")
            self._head = head
            return b""
        self._head = None
        self._read_head(head)
        return rest

    def _read_head(self, head: bytes) -> None:
        first, *lines = head.split(b"\r\n")
        status = _STATUS.fullmatch(first)
        if status is None or status[2] < b"200":
            raise self._malformed(f"{first[:60]!r} begins no answer")
        self.status = int(status[2])
        for line in lines:
            header = _header(line) if len(line) <= _USUAL else _read_header(line)
            if header is None:
                raise self._malformed(f"{line[:60]!r} is no header")
            self.headers.setdefault(header[0], []).append(header[1])
        self.kept = status[1] == b"1" and (
            b"connection" not in self.headers or b"close" not in self._words(b"connection")
        )
        if self.status in _NO_BODY:
            self.complete = True
            return
        if not 200 <= self.status < 300:
            if not self._refusals:
                self.complete, self.kept = True, False
                return
            self._most, self._cut = self._refusals, True
        else:
            self._check_content()
        self._read_framing()

    def _check_content(self) -> None:
        """The body is of a kind that is read."""
        encoding = self.headers.get(b"content-encoding", [])
        if encoding not in ([], [b"identity"], [b"gzip"]):
            told = b", ".join(encoding)[:100].decode(errors="replace")
            raise AnswerError(ScrapeReason.ENCODING, f"unexpected Content-Encoding {told!r}")
        kind = b", ".join(self.headers.get(b"content-type", []))[:100].decode(errors="replace")
        if "protobuf" in kind:
            raise AnswerError(ScrapeReason.CONTENT_TYPE, f"unexpected Content-Type {kind!r}")

    def _read_framing(self) -> None:
        """How the end of the body is known."""
        lengths, codings = self.headers.get(b"content-length", []), self._words(b"transfer-encoding")
        if codings:
            if codings != [b"chunked"] or lengths:
                raise self._malformed("its Transfer-Encoding is not chunked alone")
            self._chunks = Chunks()
        elif lengths:
            if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
                raise self._malformed("its Content-Length is no number, or two")
            self._length = int(lengths[0])
            if self._length > self._most and not self._cut:
                raise AnswerError(ScrapeReason.TOO_LARGE, f"{self._length} bytes announced")
            self.complete = not self._length
        else:
            self.kept = False

    def _words(self, name: bytes) -> list[bytes]:
        """The comma-separated words of a header, lower case."""
        return [word.strip().lower() for value in self.headers.get(name, []) for word in value.split(b",")]

    def _take_chunks(self, chunks: Chunks, data: bytes) -> None:
        try:
            for chunk in chunks.feed(data):
                self._keep(chunk)
        except MalformedError as exc:
            raise self._malformed(str(exc)) from exc
        if chunks.ended:
            self._end(extra=chunks.extra)

    def _keep(self, data: bytes) -> None:
        self._body += data
        if len(self._body) <= self._most:
            return
        if not self._cut:
            raise self._too_large()
        del self._body[self._most :]
        self.complete, self.kept = True, False

    def _end(self, *, extra: bool) -> None:
        self.complete = True
        self.kept = self.kept and not extra

    def _too_large(self) -> AnswerError:
        return AnswerError(ScrapeReason.TOO_LARGE, f"more than {self._most} bytes")

    def _malformed(self, why: str) -> AnswerError:
        return AnswerError(ScrapeReason.HTTP, why)


def _read_header(line: bytes) -> tuple[bytes, bytes] | None:
    """Name in lower case and value; None when it is no header."""
    header = _HEADER.fullmatch(line)
    return (header[1].lower(), header[2]) if header else None


_header = lru_cache(maxsize=256)(_read_header)
"""The same few lines come again and again."""
