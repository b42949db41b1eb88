"""The chunked coding of HTTP/1.1 (RFC 9112 §7.1) as it arrives; trailers are passed over."""

from __future__ import annotations

import re
from collections.abc import Iterator

from autoscaler.errors import MalformedError

MAX_CHUNK = 8 << 20
MAX_LINE = 1024
MAX_TRAILERS = 8 << 10
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?")


class Chunks:
    """`ended` once the last chunk and its trailers have come; `extra` when something came behind them."""

    def __init__(self) -> None:
        self.ended = False
        self.extra = False
        self._buffer = bytearray()
        self._need = -1
        """Bytes of the chunk under way; -1: its size is not known yet."""
        self._trailers = 0
        self._last = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The chunks that became whole; MalformedError."""
        self._buffer += data
        while not self.ended:
            if self._last:
                self._take_trailers()
                return
            if self._need < 0:
                line, end, _ = self._buffer[: MAX_LINE + 2].partition(b"\r\n")
                if not end:
                    if len(line) > MAX_LINE:
                        raise MalformedError("the size of a chunk takes more than a kilobyte")
                    return
                self._begin(bytes(line))
                del self._buffer[: len(line) + 2]
                continue
            if len(self._buffer) < self._need + 2:
                return
            chunk, end = bytes(self._buffer[: self._need]), self._buffer[self._need : self._need + 2]
            if end != b"\r\n":
                raise MalformedError("a chunk does not end where it says")
            del self._buffer[: self._need + 2]
            self._need = -1
            yield chunk

    def _begin(self, line: bytes) -> None:
        size = _SIZE.fullmatch(line)
        if size is None:
            raise MalformedError(f"{line[:60]!r} is no size of a chunk")
        self._need = int(size[1], 16)
        if self._need > MAX_CHUNK:
            raise MalformedError(f"a chunk of {self._need} bytes")
        self._last = self._need == 0

    def _take_trailers(self) -> None:
        """Lines up to an empty one."""
        while (end := self._buffer.find(b"\r\n")) > 0:
            self._trailers += end + 2
            del self._buffer[: end + 2]
        if end == 0:
            self.ended, self.extra = True, len(self._buffer) > 2
        if self._trailers + (len(self._buffer) if end < 0 else 0) > MAX_TRAILERS:
            raise MalformedError("more than 8 KiB of trailers")
