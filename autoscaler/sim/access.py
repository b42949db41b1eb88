"""Who calls, and what they may: a table of bearer tokens and a list of grants in the manner of RBAC.

The API server and the kubelets ask it about their own callers; TokenReview and SubjectAccessReview answer from it, so
that whoever delegates to them gets the same verdicts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from autoscaler.model.identity import Attributes, Identity, PathAttributes, ResourceAttributes, Verdict

AUTHENTICATED = "system:authenticated"
MASTERS = "system:masters"
_DISCOVERY = ("/api", "/apis", "/livez", "/readyz", "/healthz", "/version", "/openapi")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """`subject` (a user or a group) may do `verbs` to `resources` such as "pods", "nodes/metrics",
    "deployments.apps/scale", in `namespaces` (none: everywhere), and to non-resource `paths`. "*" stands for all.
    """

    subject: str
    verbs: tuple[str, ...] = ("*",)
    resources: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()

    def allows(self, attributes: Attributes) -> bool:
        """Whether the request falls under it; the subject is the caller's business."""
        if attributes.verb not in self.verbs and "*" not in self.verbs:
            return False
        if isinstance(attributes, PathAttributes):
            return attributes.path in self.paths or "*" in self.paths
        if self.namespaces and attributes.namespace not in self.namespaces:
            return False
        return _qualified(attributes) in self.resources or "*" in self.resources


class Access:
    """The tables; change them at run time to see what the others make of it."""

    def __init__(self, tokens: dict[str, Identity] | None = None, grants: Iterable[Grant] = ()) -> None:
        self.tokens = dict(tokens or {})
        self.grants = [Grant(subject=AUTHENTICATED, verbs=("get",), paths=_DISCOVERY), *grants]
        self.forbidden: set[str] = set()
        """Namespaces in which nobody may do anything, whatever the grants say."""

    def identity(self, token: str) -> Identity | None:
        """Whose token it is; None for an unknown one."""
        known = self.tokens.get(token)
        if known is None or AUTHENTICATED in known.groups:
            return known
        return Identity(known.user, known.uid, (*known.groups, AUTHENTICATED), known.extra)

    def bearer(self, header: str) -> Identity | None:
        """Who sent this Authorization header; None without one, or with an unknown token."""
        scheme, _, token = header.partition(" ")
        return self.identity(token.strip()) if scheme.lower() == "bearer" else None

    def verdict(self, identity: Identity, attributes: Attributes) -> Verdict:
        """Whether any grant to the user or one of its groups covers the request."""
        if isinstance(attributes, ResourceAttributes) and attributes.namespace in self.forbidden:
            return Verdict(allowed=False, reason=f"namespace {attributes.namespace} is closed")
        if MASTERS in identity.groups:
            return Verdict(allowed=True)
        subjects = (identity.user, *identity.groups)
        allowed = any(grant.subject in subjects and grant.allows(attributes) for grant in self.grants)
        return Verdict(allowed=allowed)


def token_review(access: Access, body: dict[str, Any]) -> dict[str, Any]:
    """The TokenReview with its status filled in."""
    identity = access.identity(body.get("spec", {}).get("token", ""))
    if identity is None:
        return body | {"status": {"user": {}, "error": "invalid bearer token"}}
    user = {"username": identity.user, "uid": identity.uid, "groups": list(identity.groups)}
    extra = {"extra": {key: list(values) for key, values in identity.extra.items()}} if identity.extra else {}
    return body | {"status": {"authenticated": True, "user": user | extra}}


def access_review(access: Access, body: dict[str, Any]) -> dict[str, Any]:
    """The SubjectAccessReview with its status filled in."""
    spec = body.get("spec", {})
    identity = Identity(spec.get("user", ""), groups=tuple(spec.get("groups") or ()))
    verdict = access.verdict(identity, _attributes(spec))
    return body | {"status": {"allowed": verdict.allowed} | ({"reason": verdict.reason} if verdict.reason else {})}


def _attributes(spec: dict[str, Any]) -> Attributes:
    if (path := spec.get("nonResourceAttributes")) is not None:
        return PathAttributes(verb=path.get("verb", ""), path=path.get("path", ""))
    asked = spec.get("resourceAttributes", {})
    names = ("verb", "group", "version", "resource", "namespace", "name", "subresource")
    return ResourceAttributes(**{name: asked.get(name, "") for name in names})


def _qualified(attributes: ResourceAttributes) -> str:
    group = f".{attributes.group}" if attributes.group else ""
    subresource = f"/{attributes.subresource}" if attributes.subresource else ""
    return f"{attributes.resource}{group}{subresource}"
