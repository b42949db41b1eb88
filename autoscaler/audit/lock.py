"""One writer per spool: an flock that the kernel lets go when its holder dies."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

from autoscaler.errors import ConfigError, SpoolInUseError

LOCK_NAME = "spool.lock"


class SpoolLock:
    """Held from construction to `release`.

    SpoolInUseError names the holder, ConfigError what is wrong with the directory.

    Not SQLite's locking_mode=EXCLUSIVE: that would keep readers out too (docs/decisions/spool-lock.md).
    """

    def __init__(self, directory: Path) -> None:
        path = directory / LOCK_NAME
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as exc:
            raise ConfigError(
                f"audit spool directory {directory} cannot be written: {exc.strerror}; "
                "mend it, or name another one with --audit-spool-dir"
            ) from exc
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            holder = os.pread(self._file, 256, 0).decode(errors="replace").strip()
            os.close(self._file)
            raise SpoolInUseError(
                f"audit spool directory {directory} is in use by {holder or 'another process'}; "
                "stop it, or name another one with --audit-spool-dir"
            ) from exc
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)

    def release(self) -> None:
        """Let the next one in. The file stays: removing it would let two holders have a lock each."""
        os.close(self._file)
