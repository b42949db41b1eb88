"""Records that Kafka will never take, whole, in a file beside the spool: CloudEvents in structured mode, one a line.

Each line is what `audit --from FILE` reads, with one attribute more, `refusal`: why. It is durable before the record
counts as dealt with; a crash in between leaves it twice, under one id. Nothing in it is ever overwritten: a file of
`max_bytes` takes no more until a person has moved it away.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from autoscaler.audit import event
from autoscaler.audit.codec import Record
from autoscaler.errors import AuditError

FILE_NAME = "dead-letters.jsonl"
MAX_BYTES = 16 << 20
REASON_KEPT = 1024  # characters
_TAIL = 1 << 18  # bytes; no line is longer


class DeadLetters:
    """The file in a directory, which only this process writes."""

    def __init__(self, directory: Path, max_bytes: int = MAX_BYTES) -> None:
        self.path = directory / FILE_NAME
        self._max_bytes = max_bytes

    def add(self, record: Record, reason: str) -> None:
        """Keep `record`; AuditError when the file is full, or the disk does not take it."""
        line = _line(record, reason)
        try:
            if self.path.exists() and self.path.stat().st_size + len(line) > self._max_bytes:
                raise AuditError(f"{self.path} is full ({self._max_bytes} bytes): move it away, and records flow again")
            new = not self.path.exists()
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                os.lseek(file, _whole(file), os.SEEK_SET)
                _write(file, line)
                os.fsync(file)
            finally:
                os.close(file)
            if new:
                _sync_folder(self.path.parent)
        except OSError as exc:
            raise AuditError(f"{self.path} cannot be written: {exc.strerror}") from exc


def _line(record: Record, reason: str) -> bytes:
    """As `event.line`, with `refusal` in front of the closing brace."""
    refusal = msgspec.json.encode(reason[:REASON_KEPT])
    return b"%b,%b:%b}\n" % (event.line(event.from_spool(record)).rstrip()[:-1], b'"refusal"', refusal)


def _whole(file: int) -> int:
    """Where the last whole line ends: what a crash left behind it is cut off, its record will come again."""
    size = os.fstat(file).st_size
    begin = max(0, size - _TAIL)
    end = begin + os.pread(file, size - begin, begin).rfind(b"\n") + 1
    if end < size:
        os.ftruncate(file, end)
    return end


def _write(file: int, line: bytes) -> None:
    left = memoryview(line)
    while left:
        left = left[os.write(file, left) :]


def _sync_folder(directory: Path) -> None:
    """Make the new name durable too."""
    folder = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
