"""What a benchmark found, and the one table all findings stand in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

COLUMNS = ("benchmark", "figure", "ours", "beside", "ratio", "goal", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number: `ours` in `unit`, and what it is held against.

    `theirs` was measured in the same run, of what `beside` names. A `goal` is the most that `ours` may be, or, where
    there is `theirs`, the ratio of the two.
    """

    what: str
    ours: float
    unit: str
    theirs: float | None = None
    beside: str = ""
    goal: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours divided by theirs; None when there is nothing to divide by."""
        return self.ours / self.theirs if self.theirs else None

    @property
    def missed(self) -> bool:
        """Whether it has a goal and is worse."""
        held = self.ours if self.theirs is None else self.ratio
        return self.goal is not None and (held is None or held > self.goal)

    def cells(self, benchmark: str) -> tuple[str, ...]:
        """Its row, in the order of `COLUMNS`."""
        ratio = self.ratio
        beside = "" if self.theirs is None else f"{self.beside} {amount(self.theirs, self.unit)}".strip()
        goal = (
            "" if self.goal is None else f"{self.goal:g} x" if self.theirs is not None else f"{self.goal:g} {self.unit}"
        )
        verdict = "" if self.goal is None else "missed" if self.missed else "met"
        return (
            benchmark, self.what, amount(self.ours, self.unit), beside,
            "" if ratio is None else f"{ratio:.2f}", goal and f"<= {goal}", verdict,
        )  # fmt: skip


def amount(value: float, unit: str) -> str:
    """Three digits that count, and the unit."""
    text = f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"
    return f"{text} {unit}".strip()


def table(found: Sequence[tuple[str, Figure]], *, markdown: bool = False) -> str:
    """All figures with the names of their benchmarks, a line each: for a terminal or as Markdown."""
    rows = [COLUMNS, *(figure.cells(name) for name, figure in found)]
    if markdown:
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        return "\n".join([lines[0], "|---" * len(COLUMNS) + "|", *lines[1:]])
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
