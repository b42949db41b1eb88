"""The configuration file: YAML in, entries with their line numbers out.

    apiVersion: hpa-companion.dev/v1alpha1
    kind: Configuration
    metricResolution: 15s
    kubeletPreferredAddressTypes: [InternalIP, Hostname]

Only a flat mapping of scalars and lists of scalars is accepted: no anchors, aliases, tags or second document, so
nothing can expand; every key once. Values keep their text, and the text is read like that of a flag.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import yaml
from msgspec import Struct

from autoscaler.config.nearest import hint
from autoscaler.config.option import Kind, Option
from autoscaler.config.options import OPTIONS
from autoscaler.errors import ConfigError

API_VERSION = "hpa-companion.dev/v1alpha1"
KIND = "Configuration"
LARGEST = 256 * 1024
_DEPTH = 2  # the mapping, and lists in it
_HEAD = {"apiVersion": API_VERSION, "kind": KIND}
_TAG = "tag:yaml.org,2002:"


class Mark(Protocol):
    """Where PyYAML saw something; it has two classes for that."""

    @property
    def line(self) -> int: ...


class Entry(Struct, frozen=True):
    """One value of the file, as text, and its line."""

    text: str
    line: int


class Document(Struct, frozen=True):
    """What a file says: entries by option name, and what is wrong with the rest (one sentence each)."""

    entries: dict[str, Entry]
    problems: tuple[str, ...]


def read(path: str) -> Document:
    """The document at `path`; ConfigError when it cannot be read or is no YAML of the accepted form."""
    try:
        with Path(path).open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as exc:
        raise ConfigError(f"--config: cannot read {path}: {exc.strerror}") from exc
    if len(raw) > LARGEST:
        raise ConfigError(f"--config: {path} is larger than {LARGEST // 1024} KiB; this is no configuration file")
    try:
        return parse(raw.decode("utf-8"), path)
    except UnicodeDecodeError as exc:
        line = raw[: exc.start].count(b"\n") + 1
        raise ConfigError(f"{path}, line {line}: not UTF-8") from exc
    except yaml.MarkedYAMLError as exc:
        line = _line(exc.problem_mark or exc.context_mark)
        raise ConfigError(f"{path}, line {line}: no valid YAML: {exc.problem or exc.context}") from exc
    except yaml.YAMLError as exc:
        raise ConfigError(f"{path}: no valid YAML: {exc}") from exc


def parse(text: str, path: str) -> Document:
    """The document in `text`; `path` is for messages. Raises ConfigError or yaml.YAMLError."""
    _refuse_what_expands(text, path)
    root = yaml.compose(text, yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path}: expected a mapping that begins with 'apiVersion: {API_VERSION}'")
    entries: dict[str, Entry] = {}
    problems: list[str] = []
    seen: dict[str, int] = {}
    for key, line, value in _pairs(root, path):
        if key in seen:
            problems.append(f"{path}, line {line}: {key} was already set on line {seen[key]}")
            continue
        seen[key] = line
        problems += _take(key, line, value, path, entries)
    problems += [
        f"{path}: {key} is missing; write '{key}: {wanted}'" for key, wanted in _HEAD.items() if key not in seen
    ]
    return Document(entries, tuple(problems))


def _refuse_what_expands(text: str, path: str) -> None:
    """Walk the events, which never recurse, before anything is built from them."""
    depth = documents = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        line = _line(event.start_mark)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ConfigError(f"{path}, line {line}: anchors and aliases are not accepted here")
        if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None):
            raise ConfigError(f"{path}, line {line}: tags are not accepted here")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        documents += isinstance(event, yaml.DocumentStartEvent)
        if depth > _DEPTH:
            raise ConfigError(f"{path}, line {line}: nested too deeply; options are one flat mapping")
        if documents > 1:
            raise ConfigError(f"{path}, line {line}: a second document; one is expected")


def _line(mark: Mark | None) -> int:
    """The line a person counts."""
    return mark.line + 1 if mark else 1


def _pairs(root: yaml.MappingNode, path: str) -> Iterator[tuple[str, int, yaml.Node]]:
    for key, value in root.value:
        line = _line(key.start_mark)
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigError(f"{path}, line {line}: a key must be one word")
        yield key.value, line, value


def _take(key: str, line: int, value: yaml.Node, path: str, entries: dict[str, Entry]) -> list[str]:
    """Put one value among the entries, or say why not."""
    if key in _HEAD:
        good = isinstance(value, yaml.ScalarNode) and value.value == _HEAD[key]
        return [] if good else [f"{path}, line {line}: {key} must be {_HEAD[key]}"]
    option = _BY_KEY.get(key)
    if option is None:
        return [f"{path}, line {line}: unknown key {key!r}{hint(_camel(key), _BY_KEY)}"]
    try:
        entries[option.name] = Entry(_text(option, value), line)
    except ValueError as exc:
        return [f"{path}, line {line}: {key}: {exc}"]
    return []


def _text(option: Option, value: yaml.Node) -> str:
    """The value as a flag would carry it, if YAML reads it as something of the option's kind."""
    if isinstance(value, yaml.SequenceNode) and option.kind is Kind.LIST:
        return ",".join(_list_entry(entry) for entry in value.value)
    if not isinstance(value, yaml.ScalarNode):
        raise ValueError("expected a list or text" if option.kind is Kind.LIST else "expected one value")
    return _scalar(value, _ACCEPTED.get(option.kind, ("str",)))


def _list_entry(value: yaml.Node) -> str:
    if not isinstance(value, yaml.ScalarNode):
        raise ValueError("a list in a list")
    text = _scalar(value, ("str",))
    if "," in text:
        raise ValueError(f"{text!r} contains a comma")
    return text


def _scalar(node: yaml.ScalarNode, accepted: tuple[str, ...]) -> str:
    text, kind = str(node.value), str(node.tag).removeprefix(_TAG)
    if kind in accepted:
        return text
    if kind == "null":
        raise ValueError("has no value; give one or remove the line")
    if "str" in accepted:
        raise ValueError(f"YAML reads {text} as {_SPOKEN.get(kind, kind)}, not as text; quote it if it is meant")
    raise ValueError(
        f"{text!r} is {_SPOKEN.get(kind, kind)}, expected {' or '.join(_SPOKEN[each] for each in accepted)}"
    )


def _camel(key: str) -> str:
    """`metric-resolution` and `metric_resolution` in the spelling of the file, for the hint."""
    first, *others = key.lstrip("-").replace("_", "-").split("-")
    return first + "".join(word.capitalize() for word in others)


_BY_KEY = {option.key: option for option in OPTIONS.values() if option.name != "config"}
_ACCEPTED = {
    Kind.BOOLEAN: ("bool",),
    Kind.INTEGER: ("int",),
    Kind.FRACTION: ("float", "int"),
    Kind.SIZE: ("str", "int"),
    Kind.DURATION: ("str", "int"),
}
_SPOKEN = {
    "bool": "a truth value", "int": "a whole number", "float": "a number", "str": "text", "timestamp": "a date",
    "seq": "a list", "map": "a mapping",
}  # fmt: skip
