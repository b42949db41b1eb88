"""A policy as a person wrote it, before it is decoded: what the decoder would pass over in silence is found here.

Keys that are set twice are refused, as the API server's strict validation does, and so is what it would not take for a
policy of ours: another kind or version, a metric source beside the one that `type` names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import yaml
from msgspec import Raw, inspect

from autoscaler.config.nearest import hint
from autoscaler.errors import MalformedError
from autoscaler.kube import decode_policy
from autoscaler.kube.decode_deviations import DeviationsWire
from autoscaler.model.policy import Mode

VERSIONS = {"HorizontalPodScaler": "hpa-companion.dev/v1alpha1", "HorizontalPodAutoscaler": "autoscaling/v2"}
"""Kinds of policies, and the one version of each that is read."""
OWN = "HorizontalPodScaler"
MOST_METRICS = 12
"""Of a HorizontalPodScaler, as its definition has it; an HPA may have as many as it likes."""
_Shape = dict[str, "_Shape | None"]
_FIELDS = ("apiVersion", "kind", "metadata", "spec", "status")
_META = (
    "annotations", "creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "finalizers",
    "generateName", "generation", "labels", "managedFields", "name", "namespace", "ownerReferences",
    "resourceVersion", "selfLink", "uid",
)  # fmt: skip
"""metav1.ObjectMeta."""


class _Loader(yaml.SafeLoader):
    """Every key of a mapping once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        """A dict, as the base class makes it."""
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in lines:
                why = f"{key.value} was already set on line {lines[key.value]}"
                raise yaml.constructor.ConstructorError(problem=why, problem_mark=key.start_mark)
            lines[key.value] = key.start_mark.line + 1
        return super().construct_mapping(node, deep=deep)


def in_yaml(text: str) -> list[object]:
    """The documents of a YAML or JSON file, empty ones left out. Raises yaml.YAMLError, ValueError, RecursionError."""
    return [each for each in yaml.load_all(text, _Loader) if each is not None]


def in_bundle(policy: bytes | Raw) -> dict[str, object]:
    """`policy` of a bundle; MalformedError names a key that is set twice."""
    try:
        found = json.loads(bytes(policy), object_pairs_hook=_once)
    except (ValueError, RecursionError) as exc:
        raise MalformedError(f"policy: {exc}") from exc
    return found if isinstance(found, dict) else {}


def _once(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedError(f"policy: {twice} is set twice, remove one")
    return made


def items(document: object) -> list[object] | None:
    """What stands in a `List`, as `kubectl get -o yaml` prints it; None when it is none."""
    if not isinstance(document, dict) or (document.get("apiVersion"), document.get("kind")) != ("v1", "List"):
        return None
    found = document.get("items")
    return found if isinstance(found, list) else []


def stranger(document: object) -> str:
    """Kind and name of an object whose API group has no policies; "" for a policy, and for what is meant to be one."""
    if not isinstance(document, dict):
        return ""
    kind, version = document.get("kind"), document.get("apiVersion")
    if not isinstance(kind, str) or not isinstance(version, str) or kind in VERSIONS or _group(version) in _GROUPS:
        return ""
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return f"{kind} {name}" if isinstance(name, str) else kind


def _group(version: str) -> str:
    return version.rpartition("/")[0]


_GROUPS = frozenset(map(_group, VERSIONS.values()))


def refusals(document: Mapping[str, object]) -> Iterator[str]:
    """Why this is no policy that could be applied, one sentence each, by the field."""
    kind, version = document.get("kind"), document.get("apiVersion")
    if kind not in VERSIONS:
        yield f"kind: {kind!r} is no policy, use {' or '.join(VERSIONS)}"
    elif version != VERSIONS[str(kind)]:
        yield f"apiVersion: {version!r} of a {kind} is not read, write it as {VERSIONS[str(kind)]}"
    if kind == OWN:
        yield from _beyond(document)
    for index, metric in enumerate(_metrics(document)):
        named = str(metric.get("type", ""))
        own = f"{named[:1].lower()}{named[1:]}"
        for name, source in metric.items():
            if name not in ("type", own) and name in _sources() and source is not None:
                yield f"spec.metrics[{index}].{name}: is set in a metric of type {named or 'none'}, remove it"


def unknown(document: Mapping[str, object]) -> Iterator[str]:
    """Fields of the object and of its spec that nobody knows, each with the nearest that is one."""
    for name in document:
        if name not in _FIELDS:
            yield f"{name} is no field{hint(str(name), _FIELDS)}"
    metadata = document.get("metadata")
    for name in metadata if isinstance(metadata, dict) else ():
        if name not in _META:
            yield f"metadata.{name} is no field{hint(str(name), _META)}"
    spec = document.get("spec")
    yield from _unknown(spec, _spec(), "spec")
    if document.get("kind") != OWN and isinstance(spec, dict):
        for name in sorted(_own().intersection(spec)):
            yield f"spec.{name} is a field of a {OWN} only"


def _beyond(document: Mapping[str, object]) -> Iterator[str]:
    """What the definition refuses and the decoder takes for something else, or for enough."""
    spec = document.get("spec")
    mode = spec.get("mode") if isinstance(spec, dict) else None
    if isinstance(mode, str) and mode not in (Mode.ENFORCE, Mode.SHADOW):
        yield f"spec.mode: {mode!r} is unknown, use {Mode.ENFORCE} or {Mode.SHADOW}"
    if (count := len(list(_metrics(document)))) > MOST_METRICS:
        yield f"spec.metrics: are {count}, list {MOST_METRICS} at most"


def _metrics(document: Mapping[str, object]) -> Iterator[dict[str, object]]:
    spec = document.get("spec")
    metrics = spec.get("metrics") if isinstance(spec, dict) else None
    return (each for each in metrics if isinstance(each, dict)) if isinstance(metrics, list) else iter(())


@cache
def _own() -> frozenset[str]:
    """Fields that an HPA has not got."""
    return frozenset((*DeviationsWire.__struct_encode_fields__, "mode"))


@cache
def _sources() -> frozenset[str]:
    return frozenset(decode_policy.MetricWire.__struct_encode_fields__) - {"type"}


def _unknown(value: object, shape: _Shape, where: str) -> Iterator[str]:
    """Only objects and lists of them have fields; what has another shape than it should the decoder tells."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(item, shape, f"{where}[{index}]")
    elif isinstance(value, dict):
        for name, item in value.items():
            if name not in shape:
                yield f"{where}.{name} is no field{hint(str(name), shape)}"
            elif (below := shape[name]) and isinstance(item, dict | list):
                yield from _unknown(item, below, f"{where}.{name}")


@cache
def _spec() -> _Shape:
    return _shape(inspect.type_info(decode_policy.SpecWire)) or {}


def _shape(wire: inspect.Type) -> _Shape | None:
    """By its fields what each of them holds, through lists; None for what has none, and for a map of any keys."""
    match wire:
        case inspect.StructType():
            return {field.encode_name: _shape(field.type) for field in wire.fields}
        case inspect.ListType():
            return _shape(wire.item_type)
        case inspect.UnionType():
            return next((found for each in wire.types if (found := _shape(each)) is not None), None)
    return None
