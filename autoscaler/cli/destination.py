"""The file that `--to` names: looked at before the work is done; what stood there stands until all of it is written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from autoscaler.errors import ConfigError


class Destination:
    """A device or a pipe is written to as it is, a link leads to its file. ConfigError when it cannot be written."""

    def __init__(self, to: str) -> None:
        self._to, given = to, Path(to)
        self._path = given.resolve() if given.is_file() or not given.exists() else None
        self._place = given if self._path is None else self._path.with_name(self._path.name + ".part")
        with _naming(to):
            if self._path is not None:
                self._place.open("w").close()
                self._place.unlink()
            elif given.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))

    def write(self, pieces: Iterable[str]) -> None:
        """All of it."""
        with _naming(self._to):
            try:
                with self._place.open("w", encoding="utf-8") as file:
                    file.writelines(pieces)
                if self._path is not None:
                    self._place.replace(self._path)
            finally:
                if self._path is not None:
                    self._place.unlink(missing_ok=True)


@contextmanager
def _naming(to: str) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise ConfigError(f"--to {to}: {exc.strerror or exc}") from exc
