"""Reads protobuf back, by the field numbers of k8s.io/apimachinery and k8s.io/metrics, into what its JSON would say."""

from __future__ import annotations

from typing import Any

from autoscaler.api.wire import duration_text, instant_text

TEXT, NUMBER, MAP, TIME, DURATION, QUANTITIES, BYTES = (
    "text",
    "number",
    "map",
    "time",
    "duration",
    "quantities",
    "bytes",
)
OBJECT_META: dict[int, tuple[str, Any]] = {
    1: ("name", TEXT),
    2: ("generateName", TEXT),
    3: ("namespace", TEXT),
    4: ("selfLink", TEXT),
    5: ("uid", TEXT),
    6: ("resourceVersion", TEXT),
    7: ("generation", NUMBER),
    8: ("creationTimestamp", TIME),
    11: ("labels", MAP),
    12: ("annotations", MAP),
}
LIST_META: dict[int, tuple[str, Any]] = {
    1: ("selfLink", TEXT),
    2: ("resourceVersion", TEXT),
    3: ("continue", TEXT),
    4: ("remainingItemCount", NUMBER),
}
NODE = {1: ("metadata", OBJECT_META), 2: ("timestamp", TIME), 3: ("window", DURATION), 4: ("usage", QUANTITIES)}
CONTAINER = {1: ("name", TEXT), 2: ("usage", QUANTITIES)}
POD = {**NODE, 4: ("containers", [CONTAINER])}
PARTIAL = {1: ("metadata", OBJECT_META)}
CAUSE = {1: ("reason", TEXT), 2: ("message", TEXT), 3: ("field", TEXT)}
DETAILS = {
    1: ("name", TEXT),
    2: ("group", TEXT),
    3: ("kind", TEXT),
    4: ("causes", [CAUSE]),
    5: ("retryAfterSeconds", NUMBER),
    6: ("uid", TEXT),
}
STATUS = {
    1: ("metadata", LIST_META),
    2: ("status", TEXT),
    3: ("message", TEXT),
    4: ("reason", TEXT),
    5: ("details", DETAILS),
    6: ("code", NUMBER),
}
KINDS = {"PodMetrics": POD, "NodeMetrics": NODE, "PartialObjectMetadata": PARTIAL, "Status": STATUS}
KINDS |= {f"{kind}List": {1: ("metadata", LIST_META), 2: ("items", [schema])} for kind, schema in KINDS.items()}
UNKNOWN = {
    1: ("type", {1: ("apiVersion", TEXT), 2: ("kind", TEXT)}),
    2: ("raw", BYTES),
    3: ("contentEncoding", TEXT),
    4: ("contentType", TEXT),
}


def document(data: bytes) -> dict[str, Any]:
    """A whole document, empty fields left out as `omitempty` does."""
    assert data[:4] == b"k8s\0"
    outer = message(data[4:], UNKNOWN)
    assert not outer.keys() & {"contentEncoding", "contentType"}
    kind = outer["type"]["kind"]
    return {"kind": kind, "apiVersion": outer["type"]["apiVersion"]} | message(outer["raw"], KINDS[kind])


def event(frame: bytes) -> dict[str, Any]:
    """One frame of a watch."""
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    told = message(frame[4:], {1: ("type", TEXT), 2: ("object", {1: ("raw", BYTES)})})
    return {"type": told["type"], "object": document(told["object"]["raw"])}


def message(data: bytes, schema: dict[int, tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {name: [] for name, kind in schema.values() if isinstance(kind, list)}
    for number, value in fields(data):
        name, kind = schema[number]
        if isinstance(kind, list):
            found[name].append(message(value, kind[0]))
        elif kind in (MAP, QUANTITIES):
            entry = message(value, {1: ("key", TEXT), 2: ("value", TEXT if kind == MAP else {1: ("string", TEXT)})})
            read = entry.get("value", "")
            found.setdefault(name, {})[entry.get("key", "")] = read if kind == MAP else read["string"]
        else:
            assert name not in found, "twice"
            found[name] = one(value, kind)
    dropped = (name for name, value in list(found.items()) if value in ("", 0) and name not in ("window", "usage"))
    for name in dropped:
        del found[name]
    return found


def one(value: Any, kind: Any) -> Any:
    if kind == TEXT:
        return value.decode()
    if kind == TIME:
        parts = dict(fields(value))
        return instant_text(parts[1]) if parts else None
    if kind == DURATION:
        return duration_text(dict(fields(value))[1])
    return message(value, kind) if isinstance(kind, dict) else value


def fields(data: bytes) -> list[tuple[int, Any]]:
    at, found = 0, []
    while at < len(data):
        tag, at = varint(data, at)
        value, at = varint(data, at)
        if tag & 7:
            assert tag & 7 == 2
            assert at + value <= len(data), "cut off"
            found.append((tag >> 3, data[at : at + value]))
            at += value
        else:
            found.append((tag >> 3, value - (1 << 64) if value >> 63 else value))
    return found


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not data[at - 1] & 0x80:
            return value, at
