"""`autoscaler plan`: recorded evaluations in, decisions out, no cluster needed; one JSON line each (docs/plan.md).

A line that cannot be read, that sets what is no setting, or whose policy the API server would refuse, is told on stderr
with its number and the field; the others are answered all the same, and the exit code then is 1. Any other field that
nobody knows is a warning, as it is to the API server. A file that has no bundle at all is told once, and so
are lines of a record.
"""

from __future__ import annotations

import gzip
import re
import sys
import zlib
from collections.abc import Iterator
from itertools import count
from typing import TextIO

from autoscaler.cli import bundlefields, policydocument
from autoscaler.core.evaluation import Evaluation
from autoscaler.core.validation import names_a_group, problems
from autoscaler.errors import ConfigError, MalformedError
from autoscaler.kube import bundle
from autoscaler.model.compat import Compat
from autoscaler.model.policy import Policy

_GZIP = b"\x1f\x8b"
_OBJECT = re.compile(rb'\s*\{\s*["}]')
"""How a line begins that is a JSON object by itself: not one of YAML, nor of JSON over several lines."""
_BUNDLE = f"a bundle is one evaluation as a JSON object on one line; {bundlefields.DESCRIBED}"
_RECORD = "a record of decisions, as `audit export` writes one"
_SHOWN = 4
_LONGEST_LINE = 256 * 1024 * 1024
"""Bytes: a namespace of 100,000 pods with their samples."""


def run(bundle_path: str, out: TextIO, compat: Compat = Compat()) -> int:  # noqa: B008 - a frozen value
    """Answer every line of the file (`-`: stdin; gzip is recognized) by the rules of `compat`. 1 when one was broken.

    Raises ConfigError, also where no line is a JSON object.
    """
    objects = broken = 0
    others, records = _Lines(), _Lines()
    for number, line in _lines(bundle_path):
        if not _OBJECT.match(line):
            others.add(number)
            continue
        objects += 1
        try:
            answer = _answer(number, line, compat)
        except MalformedError as exc:
            broken += 1
            if bundlefields.is_record(line):
                records.add(number)
            else:
                print(f"line {number}: {exc}", file=sys.stderr)
            continue
        if answer is None:
            broken += 1
        else:
            out.write(answer + "\n")
    out.flush()
    if not objects:
        what = f"none of its {others.count} lines is a JSON object" if others.count else "it is empty"
        raise ConfigError(f"--bundle {bundle_path}: has no bundle, {what}: {_BUNDLE}")
    if records.count == objects:
        raise ConfigError(f"--bundle {bundle_path}: is {_RECORD}: `replay --from {bundle_path}` decides it again")
    if records.count:
        print(f"{records.told()}: no bundle but {_RECORD}, for `replay --from`", file=sys.stderr)
    if others.count:
        print(f"{others.told()}: no JSON object: {_BUNDLE}", file=sys.stderr)
    return 1 if broken or others.count else 0


class _Lines:
    """Lines of one kind: how many, and the numbers of the first."""

    def __init__(self) -> None:
        self.count = 0
        self._first: list[int] = []

    def add(self, number: int) -> None:
        """One more."""
        self.count += 1
        if self.count <= _SHOWN:
            self._first.append(number)

    def told(self) -> str:
        """`line 3`, `lines 3, 4, 7, 9 and 12 more`."""
        more = f" and {self.count - _SHOWN} more" if self.count > _SHOWN else ""
        return f"line{'s' if self.count > 1 else ''} {', '.join(map(str, self._first))}{more}"


def _answer(number: int, line: bytes, compat: Compat) -> str | None:
    """The line of the result; None where it was refused and told so. MalformedError."""
    try:
        given = bundle.read(line, compat)
    except MalformedError as exc:
        if lacking := bundlefields.missing(line):
            raise MalformedError(f"lacks {', '.join(lacking)}; {bundlefields.DESCRIBED}") from exc
        raise
    found = bundlefields.fields(line)
    document = policydocument.in_bundle(found.policy)
    refusals = [each for each in found.unknown if bundlefields.refused(each)]
    refusals += [f"policy: {each}" for each in _refusals(document, given.evaluation)]
    for refusal in refusals:
        print(f"line {number}: {refusal}", file=sys.stderr)
    if refusals:
        return None
    doubts = (*policydocument.unknown(document), *_doubts(given.evaluation.policy))
    for warning in (*found.unknown, *(f"policy: {each}" for each in doubts)):
        print(f"line {number}: warning: {warning}", file=sys.stderr)
    return bundle.encoded(bundle.answered(given)).decode()


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
