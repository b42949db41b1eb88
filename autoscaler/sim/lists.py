"""LIST: selection, paging over a snapshot, and what `resourceVersion` means there.

Follows k8s.io/apiserver `storage/cacher`: a list with resourceVersion=0 is answered whole whatever its limit says; a
`continue` token names the revision of the first page, and all pages together are the objects of that instant.
"""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from autoscaler.core.selectors import FieldSelector, Selector, parse, parse_fields
from autoscaler.errors import MalformedError
from autoscaler.sim import refusals
from autoscaler.sim.resources import Resource
from autoscaler.sim.store import Object, Place, Store

Query = Mapping[str, str]
_ALWAYS = ("metadata.name", "metadata.namespace")


@dataclass(frozen=True, slots=True)
class Selection:
    """What a list or a watch covers: one namespace ("" = all), labels, fields."""

    namespace: str
    labels: Selector
    fields: FieldSelector

    def matches(self, item: Object) -> bool:
        """Whether the object belongs to it."""
        metadata = item["metadata"]
        if self.namespace and metadata.get("namespace") != self.namespace:
            return False
        if not self.labels.matches(metadata.get("labels") or {}):
            return False
        return all((_field(item, term.field) == term.value) is term.equal for term in self.fields.terms)

    @property
    def narrow(self) -> bool:
        """Whether labels or fields leave something out."""
        return bool(self.labels.requirements or self.fields.terms)


def selection(resource: Resource, namespace: str, query: Query) -> Selection:
    """The parsed selectors of a request; RefusedError 400."""
    labels, fields = query.get("labelSelector", ""), query.get("fieldSelector", "")
    try:
        return Selection(namespace, parse(labels), parse_fields(fields, (*_ALWAYS, *resource.fields)))
    except MalformedError as exc:
        what = f'Unable to find "{resource.api_version}, Resource={resource.plural}" that match'
        why = f'{what} label selector "{labels}", field selector "{fields}": {exc}'
        raise refusals.bad_request(why) from exc


def listing(store: Store, resource: Resource, namespace: str, query: Query) -> Object:
    """The list object. Refusals: 400, 410 when the snapshot is gone, 504 when asked for the future."""
    chosen = selection(resource, namespace, query)
    revision, start = _position(store, query)
    snapshot = store.snapshot(resource, revision)
    if snapshot is None:
        raise refusals.continue_expired() if start else refusals.version_expired()
    items = snapshot[bisect_right(snapshot, start, key=_place) :] if start[1] else snapshot
    if namespace or chosen.narrow:
        items = [item for item in items if chosen.matches(item)]
    limit = number(query, "limit")
    metadata: dict[str, Any] = {"resourceVersion": str(revision)}
    if 0 < limit < len(items) and query.get("resourceVersion", "") != "0":
        if revision == store.revision:
            store.freeze(resource)
        if not chosen.narrow:
            metadata["remainingItemCount"] = len(items) - limit
        items = items[:limit]
        metadata["continue"] = _token(revision, _place(items[-1]))
    return {
        "kind": f"{resource.kind}List",
        "apiVersion": resource.api_version,
        "metadata": metadata,
        "items": items if resource.strict else [_bare(item) for item in items],
    }


def _bare(item: Object) -> Object:
    """Items of built-in types carry no kind and apiVersion inside a list; custom resources do."""
    return {key: value for key, value in item.items() if key not in ("kind", "apiVersion")}


def _position(store: Store, query: Query) -> tuple[int, Place]:
    """Which revision to read, and after which object."""
    if token := query.get("continue"):
        return _parsed_token(token)
    asked = number(query, "resourceVersion")
    if asked > store.revision:
        raise refusals.from_the_future(asked, store.revision)
    exact = query.get("resourceVersionMatch") == "Exact"
    return (asked if exact else store.revision), ("", "")


def _place(item: Object) -> Place:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _token(revision: int, last: Place) -> str:
    body = {"v": "meta.k8s.io/v1", "rv": revision, "start": list(last)}
    return base64.urlsafe_b64encode(orjson.dumps(body)).decode()


def _parsed_token(token: str) -> tuple[int, Place]:
    try:
        body = orjson.loads(base64.urlsafe_b64decode(token))
        namespace, name = body["start"]
        return int(body["rv"]), (str(namespace), str(name))
    except (binascii.Error, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as exc:
        raise refusals.bad_request(f"continue key is not valid: {exc}") from exc


def number(query: Query, name: str) -> int:
    """A whole number of the query, 0 when it is not given; RefusedError 400."""
    text = query.get(name) or "0"
    if not text.isdecimal():
        raise refusals.bad_request(f'Invalid value: "{text}": {name} must be a number')
    return int(text)


def _field(item: Object, path: str) -> str:
    """The text at a dotted path; "" when it is absent."""
    value: Any = item
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
