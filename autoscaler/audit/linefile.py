"""A file of JSON Lines in blocks of whole lines: plain, gzipped, standard input; also while it grows."""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader

from msgspec import Struct

from autoscaler.errors import AuditError

LONGEST_LINE = 1 << 20
BLOCK = 1 << 18
"""Bytes that are asked for in one go, unpacked."""
_GZIP = b"\x1f\x8b"


class Block(Struct, frozen=True):
    """Lines without their ends; `number` is that of the first, counted from 1."""

    number: int
    lines: list[bytes]


class LineFile:
    """What `opened` gives. `grows`: more may be written to it."""

    def __init__(self, raw: BufferedReader, path: str, *, packed: bool) -> None:
        self._raw, self._path = raw, path
        self._file = gzip.GzipFile(fileobj=raw) if packed else raw
        self._piped = path == "-"
        self._size = 0 if self._piped else os.fstat(raw.fileno()).st_size
        self._number = 1
        self._begun = b""
        self.grows = not packed and not self._piped

    @property
    def share(self) -> float | None:
        """How much was read, from 0 to 1; None: of standard input, and of an empty file, nobody knows."""
        return min(1.0, self._raw.tell() / self._size) if self._size else None

    def blocks(self, *, to_the_end: bool) -> Iterator[Block]:
        """What there is now; a last line without its end waits for the next time, unless this is the last time."""
        while more := self._file.read1(BLOCK):
            yield self._block(more)
        if to_the_end and self._begun:
            yield self._block(b"\n")

    def _block(self, more: bytes) -> Block:
        number, lines = self._number, (self._begun + more).split(b"\n")
        for later, line in enumerate(lines):
            if len(line) > LONGEST_LINE:
                raise AuditError(f"{self._path}: line {number + later} is longer than {LONGEST_LINE} bytes")
        self._begun = lines.pop()
        self._number += len(lines)
        return Block(number, lines)


@contextmanager
def opened(path: str) -> Iterator[LineFile]:
    """`-` is standard input. AuditError when it cannot be read, also while it is."""
    piped = path == "-"
    try:
        with open(sys.stdin.fileno() if piped else path, "rb", closefd=not piped) as raw:
            yield LineFile(raw, path, packed=raw.peek(2)[:2] == _GZIP)
    except (OSError, EOFError, zlib.error) as exc:
        raise AuditError(f"{path} cannot be read: {exc}") from exc
