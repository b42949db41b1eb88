"""The real broker of the end-to-end tests, for what is to be delivered to one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.catalogue import UnavailableError
from tests.e2e.kafka import jars
from tests.e2e.kafka.broker import Broker


@contextmanager
def broker(folder: Path) -> Iterator[Broker]:
    """One that listens while the context lasts; UnavailableError says what it needs here that is missing."""
    java, maven = shutil.which("java"), shutil.which("mvn")
    if java is None:
        raise UnavailableError("no broker: java is not on the PATH; install a Java runtime, 17 or later")
    fetched = jars.folder()
    if not fetched.exists():
        if maven is None:
            raise UnavailableError("no broker: its jars are not here, and mvn, which fetches them, is not on the PATH")
        try:
            jars.build(Path(maven))
        except jars.JarsError as exc:
            raise UnavailableError(f"no broker: {exc}") from exc
    made = Broker(Path(java), fetched, folder / "broker")
    try:
        made.start()
        yield made
    finally:
        made.remove()
