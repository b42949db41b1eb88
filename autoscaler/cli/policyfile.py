"""Policies in a file, for `replay --policy`: HorizontalPodScalers or HorizontalPodAutoscalers as they would be applied.

Each is for the targets that its namespace and `spec.scaleTargetRef` name; `*` in a name, and no namespace, match any.
A field nobody knows is an error here: a policy with a mistyped one would be tried without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec
import yaml
from msgspec import Struct, inspect

from autoscaler.config.nearest import hint
from autoscaler.core.basis import spec_of
from autoscaler.core.validation import problems
from autoscaler.errors import ConfigError, MalformedError
from autoscaler.kube import decode_policy
from autoscaler.model.basis import Spec
from autoscaler.model.compat import Compat

LARGEST = 1 << 20
_TOO_DEEP = "is nested too deeply, or an anchor refers to itself"
KINDS = ("HorizontalPodScaler", "HorizontalPodAutoscaler")


class PolicyFile(Struct, frozen=True):
    """`name` is the file's without its ending; `specs` by what of `namespace/kind/name` they are for."""

    name: str
    text: str
    specs: tuple[tuple[str, Spec], ...]

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
        found.append(PolicyFile(f"{name}#{same + 1}" if same else name, text, tuple(_specs(path, text, compat))))
    return tuple(found)


def _text(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            raw = file.read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise ConfigError(f"--policy {path}: is longer than {LARGEST} bytes")
        return raw.decode()
    except OSError as exc:
        raise ConfigError(f"--policy {path}: {exc.strerror or exc}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"--policy {path}: is no UTF-8 text") from exc


def _specs(path: str, text: str, compat: Compat) -> Iterator[tuple[str, Spec]]:
    try:
        documents = [each for each in yaml.safe_load_all(text) if each is not None]
    except (yaml.YAMLError, ValueError) as exc:
        raise ConfigError(f"--policy {path}: no YAML: {' '.join(str(exc).split())}") from exc
    except RecursionError as exc:
        raise ConfigError(f"--policy {path}: {_TOO_DEEP}") from exc
    if not documents:
        raise ConfigError(f"--policy {path}: is empty, write a {KINDS[0]} into it")
    for number, document in enumerate(documents, 1):
        where = f"--policy {path}" + (f", document {number}" if len(documents) > 1 else "")
        try:
            yield _spec(where, document, compat)
        except RecursionError as exc:
            raise ConfigError(f"{where}: {_TOO_DEEP}") from exc


def _spec(where: str, document: object, compat: Compat) -> tuple[str, Spec]:
    kind = document.get("kind") if isinstance(document, dict) else None
    if not isinstance(document, dict) or kind not in KINDS:
        raise ConfigError(f"{where}: kind: {kind!r} is no policy, use {' or '.join(KINDS)}")
    unknown = list(_unknown(document.get("spec"), inspect.type_info(decode_policy.SpecWire), "spec"))
    if unknown:
        raise ConfigError(f"{where}: {'; '.join(unknown)}")
    try:
        policy = decode_policy.policy(msgspec.json.encode({"metadata": {"name": "unnamed"}} | document))
    except (MalformedError, TypeError) as exc:
        raise ConfigError(f"{where}: {exc}") from exc
    if wrong := problems(policy, compat):
        raise ConfigError(f"{where}: {'; '.join(wrong)}")
    target = policy.target
    return f"{policy.namespace or '*'}/{target.kind}/{target.name}", spec_of(policy)


def _unknown(value: object, shape: inspect.Type, where: str) -> Iterator[str]:
    """Fields that the shape has not got, with the nearest it has."""
    if isinstance(shape, inspect.UnionType):
        for each in shape.types:
            yield from _unknown(value, each, where)
    elif isinstance(shape, inspect.ListType) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(item, shape.item_type, f"{where}[{index}]")
    elif isinstance(shape, inspect.StructType) and isinstance(value, dict):
        fields = {field.encode_name: field.type for field in shape.fields}
        for name, item in value.items():
            if name not in fields:
                yield f"{where}.{name} is no field{hint(str(name), list(fields))}"
            else:
                yield from _unknown(item, fields[name], f"{where}.{name}")
