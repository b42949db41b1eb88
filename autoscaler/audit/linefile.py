"""A file of JSON Lines in blocks of whole lines: plain, gzipped, standard input; also while it grows."""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import TYPE_CHECKING

from msgspec import Struct

from autoscaler.audit.spoolfile import FILE_NAME
from autoscaler.errors import AuditError, ConfigError

if TYPE_CHECKING:
    from gzip import GzipFile

LONGEST_LINE = 1 << 20
BLOCK = 1 << 18
"""Bytes that are asked for in one go, unpacked."""
TOO_LONG = b"longer than any record"
"""Stands in place of a line of more than `LONGEST_LINE` bytes, which is never held as a whole; it is no JSON."""
_GZIP = b"\x1f\x8b"
_OTHERS = {
    b"SQLite format 3\0": f"is an SQLite file, as a spool has: name the folder in which it is {FILE_NAME}",
    b"PAR1": "is Parquet, which is not read back: `audit export --to FILE.jsonl` writes what is",
}
"""How files begin that people take for JSON Lines, and what to name instead."""


class Block(Struct, frozen=True):
    """Lines without their ends; `number` is that of the first, counted from 1. `cut`: the last one had none, as when
    who wrote it was interrupted.
    """

    number: int
    lines: list[bytes]
    cut: bool = False


class LineFile:
    """What `opened` gives. `grows`: more may be written to it."""

    def __init__(self, raw: BufferedReader, path: str, *, packed: bool) -> None:
        self._raw, self._path = raw, path
        self._file: BufferedReader | GzipFile = raw
        if packed:
            import gzip  # noqa: PLC0415 - who reads a spool does not wait for it

            self._file = gzip.GzipFile(fileobj=raw)
        self._piped = path == "-"
        self._size = 0 if self._piped else os.fstat(raw.fileno()).st_size
        self._number = 1
        self._begun, self._over = b"", False
        self.grows = not packed and not self._piped

    @property
    def share(self) -> float | None:
        """How much was read, from 0 to 1; None: of standard input, and of an empty file, nobody knows."""
        return min(1.0, self._raw.tell() / self._size) if self._size else None

    @property
    def replaced(self) -> bool:
        """Whether there is another file of that name by now, or less in this one than was read."""
        try:
            now = os.stat(self._path)
        except FileNotFoundError:
            return False  # it may come yet
        return not os.path.samestat(now, os.fstat(self._raw.fileno())) or now.st_size < self._raw.tell()

    def blocks(self, *, to_the_end: bool) -> Iterator[Block]:
        """What there is now; a last line without its end waits for the next time, unless this is the last time."""
        while more := self._file.read1(BLOCK):
            yield self._block(more)
        if to_the_end and (self._begun or self._over):
            yield self._block(b"\n", cut=True)

    def _block(self, more: bytes, *, cut: bool = False) -> Block:
        number, lines = self._number, (self._begun + more).split(b"\n")
        if self._over:
            lines[0] = TOO_LONG
        for at, line in enumerate(lines[:-1]):
            if len(line) > LONGEST_LINE:
                lines[at] = TOO_LONG
        begun = lines.pop()
        self._over = begun is TOO_LONG or len(begun) > LONGEST_LINE
        self._begun = b"" if self._over else begun
        self._number += len(lines)
        return Block(number, lines, cut)


@contextmanager
def opened(path: str) -> Iterator[LineFile]:
    """`-` is standard input. AuditError when it cannot be read, also while it is; ConfigError when its first bytes are
    those of another form.
    """
    piped = path == "-"
    if piped and sys.stdin is None:
        raise AuditError("standard input is closed: there is nothing to read from it")
    try:
        with open(sys.stdin.fileno() if piped else path, "rb", closefd=not piped) as raw:
            begin = raw.peek(max(map(len, _OTHERS)))
            for other, told in _OTHERS.items():
                if begin.startswith(other):
                    raise ConfigError(f"{'standard input' if piped else path} {told}")
            yield LineFile(raw, path, packed=begin.startswith(_GZIP))
    except (OSError, EOFError, zlib.error) as exc:
        raise AuditError(f"{path} cannot be read: {exc}") from exc
