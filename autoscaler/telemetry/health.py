"""The verdicts behind /livez and /readyz."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct


class Verdict(Struct, frozen=True):
    """One named check of /readyz or /livez; `detail` says what is wrong and is shown to authorized callers only."""

    name: str
    ok: bool
    detail: str = ""


Check = Callable[[], Verdict]


class Health:
    """The checks behind the probes: `live` = our own loops turn, `ready` = there is something to serve."""

    def __init__(self) -> None:
        self._live: list[Check] = []
        self._ready: list[Check] = []

    def add_live(self, check: Check) -> None:
        """Ask `check` at every /livez."""
        self._live.append(check)

    def add_ready(self, check: Check) -> None:
        """Ask `check` at every /readyz."""
        self._ready.append(check)

    def live(self) -> list[Verdict]:
        """Verdicts of /livez, in the order they were added."""
        return [check() for check in self._live]

    def ready(self) -> list[Verdict]:
        """Verdicts of /readyz, in the order they were added."""
        return [check() for check in self._ready]
