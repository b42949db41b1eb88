"""`autoscaler plan`: recorded evaluations in, decisions out, no cluster needed; one JSON line each.

A line that cannot be read, or whose policy the API server would refuse, is told on stderr with its number and the
field; the others are answered all the same, and the exit code then is 1. A field that nobody knows is a warning, as it
is to the API server. The policy's mode is not asked: what is answered is what would be written.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator
from itertools import count
from typing import TextIO

from autoscaler.cli import policydocument
from autoscaler.core.evaluation import Evaluation
from autoscaler.core.validation import names_a_group, problems
from autoscaler.errors import ConfigError, MalformedError
from autoscaler.kube import bundle
from autoscaler.model.compat import Compat
from autoscaler.model.policy import Policy

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
            document = policydocument.in_bundle(line)
        except MalformedError as exc:
            broken += 1
            print(f"line {number}: {exc}", file=sys.stderr)
            continue
        if refusals := _refusals(document, given.evaluation):
            broken += 1
            for refusal in refusals:
                print(f"line {number}: policy: {refusal}", file=sys.stderr)
            continue
        for warning in (*policydocument.unknown(document), *_doubts(given.evaluation.policy)):
            print(f"line {number}: warning: policy: {warning}", file=sys.stderr)
        out.write(bundle.encoded(bundle.answered(given)).decode() + "\n")
    out.flush()
    return 1 if broken else 0


def _refusals(document: dict[str, object], evaluation: Evaluation) -> list[str]:
    policy = evaluation.policy
    named = (("name", policy.name), ("namespace", policy.namespace))
    return [
        *policydocument.refusals(document),
        *(f"metadata.{field}: is missing, set it" for field, value in named if not value),
        *problems(policy, evaluation.settings.compat),
    ]


def _doubts(policy: Policy) -> Iterator[str]:
    """What the API server takes no new HPA with, though it keeps one that had it before."""
    if not names_a_group(policy.target):
        yield f"spec.scaleTargetRef.apiVersion: {policy.target.api_version!r} names no group, use one such as apps/v1"


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
