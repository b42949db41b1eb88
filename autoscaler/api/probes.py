"""/livez, /readyz and /healthz in the format of a Go API server: `ok`, or one line for each check.

Everybody may ask the three paths, so a failure there says `reason withheld`; the reason is at `/readyz/<check>`, which
needs permission like any other path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autoscaler.api.answer import TEXT, Answer
from autoscaler.api.call import Call
from autoscaler.api.status import unknown_path
from autoscaler.telemetry import Health, Verdict

_HEADERS = {"X-Content-Type-Options": "nosniff"}


class Probes:
    """Answers of one server's probes; `healthz` asks what `livez` asks."""

    def __init__(self, health: Health) -> None:
        self._checks: dict[str, Callable[[], list[Verdict]]] = {
            "livez": health.live,
            "readyz": health.ready,
            "healthz": health.live,
        }

    def __contains__(self, name: str) -> bool:
        return name in self._checks

    def whole(self, probe: str, call: Call) -> Answer:
        """The probe itself; 500 when a check that is not excluded fails."""
        verdicts = self._verdicts(probe)
        excluded = set(call.query.get("exclude", ()))
        failed = any(not verdict.ok and verdict.name not in excluded for verdict in verdicts)
        if not failed and "verbose" not in call.query:
            return _text("ok", 200)
        lines = [_line(verdict, verdict.name in excluded) for verdict in verdicts]
        if unmatched := sorted(excluded - {verdict.name for verdict in verdicts}):
            names = ", ".join(f'"{name}"' for name in unmatched)
            lines.append(f"warn: some health checks cannot be excluded: no matches for {names}")
        lines.append(f"{probe} check {'failed' if failed else 'passed'}")
        return _text("\n".join(lines) + "\n", 500 if failed else 200)

    def part(self, probe: str, name: str) -> Answer:
        """One check of a probe, with what is wrong. Raises StatusError (404) when there is no such check."""
        for verdict in self._verdicts(probe):
            if verdict.name == name:
                return _text("ok", 200) if verdict.ok else _text(f"internal server error: {verdict.detail}\n", 500)
        raise unknown_path()

    def paths(self) -> list[str]:
        """For the path index."""
        return [
            path
            for probe in sorted(self._checks)
            for path in (f"/{probe}", *(f"/{probe}/{verdict.name}" for verdict in self._verdicts(probe)))
        ]

    def _verdicts(self, probe: str) -> Sequence[Verdict]:
        return [Verdict("ping", ok=True), *self._checks[probe]()]


def _line(verdict: Verdict, excluded: bool) -> str:
    if excluded:
        return f"[+]{verdict.name} excluded: ok"
    return f"[+]{verdict.name} ok" if verdict.ok else f"[-]{verdict.name} failed: reason withheld"


def _text(text: str, status: int) -> Answer:
    return Answer(text.encode(), TEXT, status, _HEADERS)
