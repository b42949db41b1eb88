"""`autoscaler plan`: recorded evaluations in, decisions out, no cluster needed; one JSON line each.

A line that cannot be read is told on stderr with its number, the others are answered all the same; the exit code then
is 1. The policy's mode is not asked: what is answered is what would be written.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator
from itertools import count
from typing import TextIO

from autoscaler.core.validation import problems
from autoscaler.errors import ConfigError, MalformedError
from autoscaler.kube import bundle
from autoscaler.model.compat import Compat

_GZIP = b"\x1f\x8b"
_LONGEST_LINE = 256 * 1024 * 1024
"""Bytes: a namespace of 100,000 pods with their samples."""


def run(bundle_path: str, out: TextIO, compat: Compat = Compat()) -> int:  # noqa: B008 - a frozen value
    """Answer every line of the file (`-`: stdin; gzip is recognized) by the rules of `compat`. 1 when one was broken.

    Raises ConfigError.
    """
    broken = 0
    for number, line in _lines(bundle_path):
        try:
            given = bundle.read(line, compat)
            answer = bundle.encoded(bundle.answered(given)).decode()
        except MalformedError as exc:
            broken += 1
            print(f"line {number}: {exc}", file=sys.stderr)
            continue
        for problem in problems(given.evaluation.policy, given.evaluation.settings.compat):
            print(f"line {number}: warning: {problem}", file=sys.stderr)
        out.write(f"{answer}\n")
    out.flush()
    return 1 if broken else 0


def _lines(path: str) -> Iterator[tuple[int, bytes]]:
    """Lines that say something, and their numbers."""
    try:
        with open(sys.stdin.fileno() if path == "-" else path, "rb", closefd=path != "-") as raw:
            file = gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == _GZIP else raw
            for number in count(1):
                line = file.readline(_LONGEST_LINE + 1)
                if not line:
                    return
                if len(line) > _LONGEST_LINE:
                    raise ConfigError(f"--bundle {path}: line {number} is longer than {_LONGEST_LINE} bytes")
                if line.strip():
                    yield number, line
    except OSError as exc:
        raise ConfigError(f"--bundle {path}: {exc.strerror or exc}") from exc
    except (EOFError, zlib.error) as exc:
        raise ConfigError(f"--bundle {path}: broken gzip: {exc}") from exc
