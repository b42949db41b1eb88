"""The fields of a bundle (docs/plan.md): which of a line's nobody reads, and which that it needs it has not got.

The decoder passes over what it does not know. A setting that is misspelt would give a confident answer by the default,
so it is refused; elsewhere it is a warning, as a field of the policy is. Within the items of `pods` and `replicaSets`,
and within every `metadata`, anything may stand: the API server answers so. The policy is policydocument's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct, defstruct

from autoscaler.config.nearest import hint
from autoscaler.errors import MalformedError

DESCRIBED = "docs/plan.md describes a bundle, `plan --help` shows one"

_Shape = Mapping[str, "_Shape | Sequence[_Shape] | None"]
_OBJECT: _Shape = {"apiVersion": None, "kind": None, "metadata": None}
_LIST: _Shape = {**_OBJECT, "items": None}
_CONTAINER: _Shape = {"name": None, "usage": None}
_POD_METRICS: _Shape = {**_OBJECT, "timestamp": None, "window": None, "containers": [_CONTAINER]}
_ANSWER: _Shape = {"metric": None, "list": _LIST}
_EVENT: _Shape = {"change": None, "time": None}
FIELDS: _Shape = {
    "id": None,
    "now": None,
    "settings": {
        "tolerance": None,
        "downscaleStabilizationSeconds": None,
        "cpuInitializationPeriodSeconds": None,
        "initialReadinessDelaySeconds": None,
        "compat": None,
    },
    "policy": None,
    "scale": {**_OBJECT, "spec": {"replicas": None}, "status": {"replicas": None, "selector": None}},
    "pods": _LIST,
    "replicaSets": _LIST,
    "podMetrics": {**_OBJECT, "items": [_POD_METRICS]},
    "customMetrics": [_ANSWER],
    "externalMetrics": [_ANSWER],
    "history": {
        "recommendations": [{"replicas": None, "time": None}],
        "scaleUps": [_EVENT],
        "scaleDowns": [_EVENT],
    },
    "expect": None,
}
"""What a bundle may have; None: whatever it holds. `expect` is not read."""
NEEDED = (
    "now", "policy", "policy.apiVersion", "policy.kind", "policy.metadata.name", "policy.metadata.namespace",
    "policy.spec.scaleTargetRef.kind", "policy.spec.scaleTargetRef.name", "policy.spec.maxReplicas",
)  # fmt: skip
"""Without these nothing can be decided."""


class Fields(NamedTuple):
    """The policy as it stands in the line, and the fields that nobody reads, each with the nearest that is one."""

    policy: Raw
    unknown: Sequence[str]


def fields(line: bytes) -> Fields:
    """What a line has that `kube.bundle` could read."""
    try:
        return Fields(_exact(line).policy, ())
    except msgspec.ValidationError:
        return Fields(_whole(line).policy, tuple(_unknown(line, FIELDS, "")))


def refused(field: str) -> bool:
    """Whether an unknown one of this name changes what the others mean."""
    return field.startswith("settings.")


def missing(line: bytes) -> list[str]:
    """Which of NEEDED are not there; none where the line is no JSON object. MalformedError: it is a policy itself."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return []
    if not isinstance(found, dict):
        return []
    if "policy" not in found and {"kind", "spec"} <= found.keys():
        raise MalformedError(f"this is a {found['kind']}, which belongs in `policy` of a bundle; {DESCRIBED}")
    return [path for path in NEEDED if not _there(found, path)]


def is_record(line: bytes) -> bool:
    """Whether it is a CloudEvent, as every line of an exported record is, and no bundle."""
    try:
        found = _event(line)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    return bool(found.specversion and found.type)


def _there(value: object, path: str) -> bool:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value is not None


class _Holder(Struct):
    policy: Raw = Raw(b"null")


class _Event(Struct):
    specversion: str
    type: str


def _made(shape: _Shape) -> Any:
    """A struct of just these fields, so that one pass tells, without building anything, that there is no other."""
    return defstruct("_Exact", [_field(*each) for each in shape.items()], forbid_unknown_fields=True, gc=False)


def _field(name: str, shape: _Shape | Sequence[_Shape] | None) -> tuple[str, Any, Any]:
    match shape:
        case None:
            return name, Raw, Raw(b"null")
        case Mapping():
            return name, _made(shape) | None, None
    item: Any = _made(shape[0])
    return name, list[item] | None, None


_event = msgspec.json.Decoder(_Event).decode
_whole = msgspec.json.Decoder(_Holder).decode
_exact = msgspec.json.Decoder(_made(FIELDS)).decode
_parts = msgspec.json.Decoder(dict[str, Raw] | list[Raw] | str | int | float | bool | None).decode


def _unknown(raw: bytes | Raw, shape: _Shape, where: str) -> Iterator[str]:
    parts = _parts(raw)
    for name, part in parts.items() if isinstance(parts, dict) else ():
        if name not in shape:
            yield f"{where}{name} is no field{hint(name, shape)}"
            continue
        match shape[name]:
            case Mapping() as below:
                yield from _unknown(part, below, f"{where}{name}.")
            case [below]:
                for index, item in enumerate(_parts(part) or ()):
                    yield from _unknown(item, below, f"{where}{name}[{index}].")
