"""The `autoscaler` command: one module per verb."""

from __future__ import annotations


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; the exit code is 0, 1 (the answer is no) or 2 (something to fix first)."""
    raise SystemExit(2)
