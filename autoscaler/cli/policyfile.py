"""Policies in a file, for `replay --policy`: HorizontalPodScalers or HorizontalPodAutoscalers as they would be applied.

Each is for the targets that its namespace and `spec.scaleTargetRef` name; `*` in a name, and no namespace, match any.
A `List` is read through; what is of another API group, such as a Namespace, is passed over and told. A field nobody
knows is an error here: a policy with a mistyped one would be tried without it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec
import yaml
from msgspec import Struct

from autoscaler.audit.event import from_line
from autoscaler.cli import policydocument
from autoscaler.core.basis import spec_of
from autoscaler.core.validation import problems
from autoscaler.errors import ConfigError, MalformedError
from autoscaler.kube import decode_policy
from autoscaler.model.basis import Spec
from autoscaler.model.compat import Compat

LARGEST = 1 << 20
_NAMESPACE = re.compile(r"[-a-z0-9*?\[\]!]{1,63}")
"""A name, or a pattern of names (`fnmatch`)."""
_TOO_DEEP = "is nested too deeply, or an anchor refers to itself"


class PolicyFile(Struct, frozen=True):
    """`name` is the file's without its ending; `specs` by what of `namespace/kind/name` they are for. `passed_over` are
    the objects of the file that are no policies.
    """

    name: str
    text: str
    specs: tuple[tuple[str, Spec], ...]
    passed_over: tuple[str, ...] = ()

    def spec(self, key: str) -> Spec | None:
        """The first for this target, if any."""
        return next((spec for wanted, spec in self.specs if fnmatchcase(key, wanted)), None)


def read(paths: Sequence[str], compat: Compat) -> tuple[PolicyFile, ...]:
    """The files, each under a name of its own; ConfigError names the file, the document and the field."""
    found: list[PolicyFile] = []
    for path in paths:
        name = Path(path).stem
        same = sum(each.name.partition("#")[0] == name for each in found)
        text = _text(path)
        mine, others = _sorted(path, text)
        specs = tuple(_specs(path, mine, compat))
        found.append(PolicyFile(f"{name}#{same + 1}" if same else name, text, specs, others))
    return tuple(found)


def _text(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            raw = file.read(LARGEST + 1)
        if _recorded(raw):
            raise ConfigError(f"--policy {path}: is a record, no policy: read it with --from {path}")
        if len(raw) > LARGEST:
            raise ConfigError(f"--policy {path}: is longer than {LARGEST} bytes")
        return raw.decode()
    except OSError as exc:
        raise ConfigError(f"--policy {path}: {exc.strerror or exc}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"--policy {path}: is no UTF-8 text") from exc


def _recorded(raw: bytes) -> bool:
    """Whether it begins as `audit export` writes."""
    try:
        from_line(raw.partition(b"\n")[0], "")
    except MalformedError:
        return False
    return True


_Placed = tuple[str, object]
"""An object, and where it stands in its file, "" for the only one."""


def _sorted(path: str, text: str) -> tuple[Sequence[_Placed], tuple[str, ...]]:
    """What is, or is meant to be, a policy, and the names of all else."""
    mine: list[_Placed] = []
    others: list[str] = []
    for place, each in _objects(path, text):
        if other := policydocument.stranger(each):
            others.append(other)
        else:
            mine.append((place, each))
    if not mine:
        told = f"has no policy, only {', '.join(others)}:" if others else "is empty,"
        raise ConfigError(f"--policy {path}: {told} write a HorizontalPodScaler into it")
    return mine, tuple(others)


def _objects(path: str, text: str) -> Iterator[_Placed]:
    documents = _documents(path, text)
    for number, document in enumerate(documents, 1):
        place = f"document {number}" if len(documents) > 1 else ""
        items = policydocument.items(document)
        if items is None:
            yield place, document
            continue
        below = f"{place}, " if place else ""
        for index, each in enumerate(items, 1):
            yield f"{below}item {index}", each


def _documents(path: str, text: str) -> list[object]:
    try:
        return policydocument.in_yaml(text)
    except yaml.constructor.ConstructorError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 1
        raise ConfigError(f"--policy {path}, line {line}: {exc.problem}") from exc
    except (yaml.YAMLError, ValueError) as exc:
        raise ConfigError(f"--policy {path}: no YAML: {' '.join(str(exc).split())}") from exc
    except RecursionError as exc:
        raise ConfigError(f"--policy {path}: {_TOO_DEEP}") from exc


def _specs(path: str, objects: Sequence[_Placed], compat: Compat) -> Iterator[tuple[str, Spec]]:
    claimed: dict[str, str] = {}
    for place, document in objects:
        where = f"--policy {path}, {place}" if place else f"--policy {path}"
        try:
            target, spec = _spec(where, document, compat)
        except RecursionError as exc:
            raise ConfigError(f"{where}: {_TOO_DEEP}") from exc
        if (first := claimed.setdefault(target, place)) != place:
            raise ConfigError(
                f"{where}: is for {target}, and so is {first}: live, neither would scale it (ClaimedTwice); "
                "put it into a file of its own, with a --policy for each"
            )
        yield target, spec


def _misplaced(document: Mapping[str, object]) -> Iterator[str]:
    """What is no namespace would be the policy of nobody, or of everybody."""
    metadata = document.get("metadata", {})
    if not isinstance(metadata, dict):
        yield f"metadata: is no object but {metadata!r}, write {{name: ..., namespace: ...}}"
        return
    namespace = metadata.get("namespace", "*")
    if not isinstance(namespace, str) or not _NAMESPACE.fullmatch(namespace):
        yield f"metadata.namespace: {namespace!r} is no name, write it in small letters, or leave it out for all"


def _spec(where: str, document: object, compat: Compat) -> tuple[str, Spec]:
    document = document if isinstance(document, dict) else {}
    wrong = [*policydocument.refusals(document), *policydocument.unknown(document), *_misplaced(document)]
    if wrong:
        raise ConfigError(f"{where}: {'; '.join(wrong)}")
    try:
        policy = decode_policy.policy(msgspec.json.encode({"metadata": {"name": "unnamed"}} | document))
    except (MalformedError, TypeError) as exc:
        raise ConfigError(f"{where}: {exc}") from exc
    if senseless := problems(policy, compat):
        raise ConfigError(f"{where}: {'; '.join(senseless)}")
    target = policy.target
    return f"{policy.namespace or '*'}/{target.kind}/{target.name}", spec_of(policy)
