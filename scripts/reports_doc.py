"""Writes docs/upstream-reports.md from tests/conformance/scenarios/; `--check` only says whether it is up to date.

Tests play every scenario, and compare the page with them, so neither can drift.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import generated
import msgspec
from msgspec import Struct

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "conformance" / "scenarios"
PAGE = ROOT / "docs" / "upstream-reports.md"
_HEAD = """# What was reported against the HPA

<!-- Made by scripts/reports_doc.py from tests/conformance/scenarios/: change a file there, then run
     `python scripts/reports_doc.py`. -->

Each of these reports is a file in [tests/conformance/scenarios](../tests/conformance/scenarios) with its input, the
sums and both answers, and is played by every test run. Upstream is kube-controller-manager 1.37 where nothing else is
said; an `hps` without the field of the last column makes the same plan, to the last word. The arrows are the replicas,
pass by pass.

| report | what was reported | upstream | here | field |
|---|---|---|---|---|
"""


class Pass(Struct, frozen=True):
    """The replicas after one evaluation; `replicas` is where somebody else put them before it."""

    upstream: int
    replicas: int | None = None
    ours: int | None = None


class Deviation(Struct, frozen=True):
    """What helps."""

    spec: dict[str, object] = {}
    compat: str = ""


class Report(Struct, frozen=True, kw_only=True):
    """What the page tells of a file."""

    issue: str
    title: str
    reported: str
    upstream: str
    ours: str
    deviation: Deviation | None = None
    passes: list[Pass]


def page() -> str:
    """The whole page."""
    reports = [msgspec.yaml.decode(path.read_bytes(), type=Report) for path in FOLDER.glob("*.yaml")]
    return _HEAD + "".join(map(_row, sorted(reports, key=_order)))


def _order(report: Report) -> tuple[str, int]:
    repository, number = report.issue.split("#")
    return repository, int(number)


def _row(report: Report) -> str:
    repository, number = report.issue.split("#")
    link = f"[{repository.split('/')[1]}#{number}](https://github.com/{repository}/issues/{number})"
    ours = [each.upstream if each.ours is None else each.ours for each in report.passes]
    cells = (
        f"{link} {report.title.replace('`', '')}",  # a flag of another program, in code, would look like ours
        report.reported,
        f"{_arrows(report, [each.upstream for each in report.passes])}. {report.upstream}",
        f"{_arrows(report, ours)}. {report.ours}" if report.deviation else report.ours,
        ", ".join(_fields(report.deviation)) if report.deviation else "",
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _arrows(report: Report, numbers: list[int]) -> str:
    """`10 → 11 → 12`, and `5, 1 → 5` where somebody else changed it in between."""
    told = ""
    for each, number in zip(report.passes, numbers, strict=True):
        if each.replicas is not None:
            told += f", {each.replicas}" if told else str(each.replicas)
        told += f" → {number}"
    return told


def _fields(deviation: Deviation) -> Iterator[str]:
    yield from (f"`spec.{name}`" for name in _paths(deviation.spec))
    if deviation.compat:
        yield f"`--compat={deviation.compat}`"


def _paths(spec: Mapping[str, object]) -> Iterator[str]:
    """Names of what is set; within `behavior`, which the HPA has as well, the field itself."""
    for name, value in spec.items():
        if isinstance(value, dict) and name in ("behavior", "scaleUp", "scaleDown"):
            yield from (f"{name}.{path}" for path in _paths(value))
        else:
            yield name


if __name__ == "__main__":
    sys.exit(generated.main({PAGE: page()}))
