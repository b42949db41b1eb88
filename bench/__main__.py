"""`python -m bench`: run the benchmarks and print one table."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from bench.catalogue import BENCHMARKS, Benchmark, UnavailableError
from bench.figure import Figure, table
from bench.machine import machine

EPILOG = """\
Progress goes to stderr and the table to stdout; nothing else is written. Where a figure has something to stand beside,
both were measured in this run: trust the ratio, for the rest depends on the machine and on who else uses it.
docs/benchmarks.md has the figures of a run, and what they mean.

  python -m bench                            everything
  python -m bench --only page --only lists   two of them
  python -m bench --quick                    seconds instead of minutes: do they still run? The figures mean nothing
  python -m bench --markdown > table.md      for a document

exit codes: 0 measured, 1 a benchmark could not run here, or with --strict a goal is missed, 2 a word that is none
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and say with the exit code whether all could run."""
    given = _parser().parse_args(arguments)
    chosen = [each for each in BENCHMARKS if not given.only or each.name in given.only]
    found: list[tuple[str, Figure]] = []
    missing = 0
    for number, each in enumerate(chosen, 1):
        _say(f"{number} of {len(chosen)}: {each.name}: {each.summary}{'' if given.quick else _duration(each)}")
        begun = time.monotonic()
        try:
            figures = each.run(quick=given.quick, say=lambda line: _say(f"    {line}"))
        except UnavailableError as exc:
            _say(f"    not measured: {exc}")
            missing += 1
            continue
        found += [(each.name, figure) for figure in figures]
        _say(f"    done in {time.monotonic() - begun:.0f} s")
    print(table(found, markdown=given.markdown))
    print(f"\n{machine()}{', quick: these figures mean nothing' if given.quick else ''}")
    missed = sum(figure.missed for _, figure in found)
    if missed:
        _say(f"{missed} of {sum(figure.goal is not None for _, figure in found)} goals missed")
    return 1 if missing or (given.strict and missed) else 0


def _parser() -> argparse.ArgumentParser:
    width = max(len(each.name) for each in BENCHMARKS)
    names = "\n".join(f"  {each.name:<{width}}  {each.summary}" for each in BENCHMARKS)
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=f"Measure what things cost and print one table.\n\nbenchmarks:\n{names}",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    only = [each.name for each in BENCHMARKS]
    parser.add_argument("--only", metavar="NAME", action="append", choices=only, help="this one; may be given again")
    parser.add_argument("--quick", action="store_true", help="a smoke test: everything runs, small and short")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a goal is missed")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    return parser


def _duration(benchmark: Benchmark) -> str:
    minutes = benchmark.minutes
    return f" (about {minutes:g} min)" if minutes >= 1 else f" (about {minutes * 60:.0f} s)"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
