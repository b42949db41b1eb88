"""One request as the rest of the room sees it: no connection, no credential, no proxy header is left in it.

The request target is taken apart exactly once, here: what is authorized (`attributes`) and what is served come from the
same segments, so no spelling of a path can be authorized as one thing and served as another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from urllib.parse import parse_qs, unquote

from msgspec import Struct

from autoscaler.api.status import GROUP, bad_request
from autoscaler.model.identity import Attributes, PathAttributes, ResourceAttributes

VERSIONS = ("v1", "v1beta1")
"""Served versions of metrics.k8s.io, preferred first; their types are identical (KEP-5207)."""

PROBES = frozenset({"/healthz", "/livez", "/readyz"})
"""Exact paths that need neither identity nor permission."""

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_BROWSERS = ("curl", "Wget", "Mozilla")
_MAX_PARAMETERS = 256
_USUAL = 768
"""Characters of all that is read; longer ones are read anew every time."""


class Call(Struct, frozen=True, kw_only=True, eq=False):
    """`segments` is None for a path that nothing can be served at (`//`, `..`, an encoded slash).

    `usual`: short, and the same one when the same is asked for again; so what is made of it can be kept.
    """

    method: str
    path: str
    segments: tuple[str, ...] | None
    query: Mapping[str, Sequence[str]]
    attributes: Attributes
    accept: str = ""
    user_agent: str = ""
    if_none_match: str = ""
    usual: bool = False

    def parameter(self, name: str) -> str:
        """The first value of a query parameter, "" when there is none."""
        return self.query.get(name, ("",))[0]

    @property
    def pretty(self) -> bool:
        """Whether a person reads the answer: `?pretty`, else a browser or a command-line client."""
        if "pretty" in self.query:
            return self.parameter("pretty") in _TRUE | {""}
        return self.user_agent.startswith(_BROWSERS)

    @property
    def is_probe(self) -> bool:
        """One of the three paths open to everybody."""
        return self.path in PROBES

    @property
    def is_discovery(self) -> bool:
        """A document that says what is served here."""
        match self.segments:
            case () | ("apis",) | ("version",) | ("apis", "metrics.k8s.io"):
                return True
            case ("apis", "metrics.k8s.io", version):
                return version in VERSIONS
            case ("openapi", "v2" | "v3", *_):
                return True
        return False


def parse_call(method: str, target: str, *, accept: str = "", user_agent: str = "", if_none_match: str = "") -> Call:
    """The request line as a Call. Raises StatusError (400)."""
    parts = (method, target, accept, user_agent, if_none_match)
    return _usual(*parts) if sum(map(len, parts)) <= _USUAL else _parsed(*parts)


@lru_cache(maxsize=1024)
def _usual(method: str, target: str, accept: str, user_agent: str, if_none_match: str) -> Call:
    """Clients ask the same again and again; 2 MB at most."""
    return _parsed(method, target, accept, user_agent, if_none_match, usual=True)


def _parsed(method: str, target: str, accept: str, user_agent: str, if_none_match: str, *, usual: bool = False) -> Call:
    if not target.startswith("/") or not target.isascii():
        raise bad_request("the request target must be a path of ASCII characters", close=True)
    raw, _, query_text = target.partition("?")
    try:
        path = unquote(raw, errors="strict")
        query = parse_qs(query_text, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS, errors="strict")
    except ValueError as exc:
        raise bad_request("the request target is not UTF-8 or has too many parameters", close=True) from exc
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in path):
        raise bad_request("the path has control characters", close=True)
    segments = _segments(raw)
    return Call(
        method=method,
        path=path,
        segments=segments,
        query=query,
        attributes=_attributes(method, path, segments, query),
        accept=accept,
        user_agent=user_agent,
        if_none_match=if_none_match,
        usual=usual,
    )


def _segments(raw: str) -> tuple[str, ...] | None:
    """Decoded parts between slashes; one slash at the end is allowed, a part that could mean another place is not."""
    body = raw[1:].removesuffix("/")
    if not body:
        return () if raw == "/" else None
    parts = tuple(unquote(part) for part in body.split("/"))
    return None if any(part in ("", ".", "..") or "/" in part or "\\" in part for part in parts) else parts


def _attributes(
    method: str, path: str, segments: tuple[str, ...] | None, query: Mapping[str, Sequence[str]]
) -> Attributes:
    """What the request asks for, in the words of `RequestInfoFactory`."""
    found: tuple[str, str, str]
    match segments:
        case ("apis", group, version, "nodes" | "pods" as resource) if _served(group, version):
            found = ("", resource, "")
        case ("apis", group, version, "nodes", name) if _served(group, version):
            found = ("", "nodes", name)
        case ("apis", group, version, "namespaces", namespace, "pods") if _served(group, version):
            found = (namespace, "pods", "")
        case ("apis", group, version, "namespaces", namespace, "pods", name) if _served(group, version):
            found = (namespace, "pods", name)
        case ("apis", group, version, "namespaces", namespace, "decisions", name) if _served(group, version):
            found = (namespace, "decisions", name)
        case _:
            return PathAttributes(verb=method.lower(), path=path)
    where, kind, called = found
    verb = _verb(method, bool(called), query)
    return ResourceAttributes(
        verb=verb, group=group, version=version, resource=kind, namespace=where, name=called
    )  # fmt: skip


def _served(group: str, version: str) -> bool:
    return group == GROUP and version in VERSIONS


def _verb(method: str, named: bool, query: Mapping[str, Sequence[str]]) -> str:
    if method == "DELETE":
        return "delete" if named else "deletecollection"
    if method not in ("GET", "HEAD"):
        return _VERBS.get(method, method.lower())
    if named:
        return "get"
    watch = query.get("watch", ("false",))[0].lower() not in ("false", "0")  # as apimachinery reads a boolean
    return "watch" if watch else "list"
