"""Standard output that says what is wrong with it: a full disk is a sentence and exit code 1, whichever verb prints."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, TextIO

from autoscaler.errors import AutoscalerError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_CLOSED = -1
"""Whoever started us closed it; a write says so, and a verb that prints nothing need not care."""


class Output(io.RawIOBase):
    """Bytes to a file descriptor, which stays open. AutoscalerError when they cannot be written.

    A reader that has gone is BrokenPipeError. After either nothing more is tried, so that what is still buffered when
    the process ends causes no second complaint.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._broken = False

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether a person looks on."""
        return self._descriptor != _CLOSED and os.isatty(self._descriptor)

    def write(self, data: ReadableBuffer, /) -> int:
        """As many bytes as there was room for."""
        if self._broken:
            return memoryview(data).nbytes
        try:
            return os.write(self._descriptor, data)
        except BrokenPipeError:
            self._broken = True
            raise
        except OSError as exc:
            self._broken = True
            raise AutoscalerError(f"standard output: {exc.strerror}; what was printed is not all of it") from exc


def guarded(stream: TextIO | None) -> TextIO:
    """`stream` with the errors above; one that has no descriptor, as in tests, as it is."""
    if stream is None:
        return _text(_CLOSED, "utf-8", "strict")
    try:
        descriptor = stream.fileno()
    except OSError:
        return stream
    stream.flush()
    return _text(descriptor, stream.encoding, stream.errors or "strict")


def _text(descriptor: int, encoding: str, errors: str) -> TextIO:
    raw = Output(descriptor)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding=encoding, errors=errors, line_buffering=raw.isatty())
