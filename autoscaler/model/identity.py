"""Who asks for what, and whether they may: the words of authentication and authorization.

They follow authentication.k8s.io/v1 TokenReview and authorization.k8s.io/v1 SubjectAccessReview.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Identity(Struct, frozen=True):
    """A user the API server vouches for."""

    user: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = {}


class ResourceAttributes(Struct, frozen=True, kw_only=True):
    """A request for an API resource; an empty `namespace` means all of them, or a cluster-wide resource."""

    verb: str
    group: str
    version: str
    resource: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""


class PathAttributes(Struct, frozen=True, kw_only=True):
    """A request for a path that is no resource, such as /version; the verb is the lower-case HTTP method."""

    verb: str
    path: str


Attributes = ResourceAttributes | PathAttributes


class Verdict(Struct, frozen=True):
    """The authorizer's answer; `reason` is its text, shown to the one who asked."""

    allowed: bool
    reason: str = ""


class FrontProxyTrust(Struct, frozen=True, kw_only=True):
    """Whom to believe about somebody else: ConfigMap extension-apiserver-authentication, keys `requestheader-*`.

    `ca_pem` signs the proxy's client certificate, whose common name must be one of `allowed_names` (empty: any).
    `generation` moves with every change.
    """

    ca_pem: str
    allowed_names: tuple[str, ...] = ()
    username_headers: tuple[str, ...] = ()
    group_headers: tuple[str, ...] = ()
    extra_prefixes: tuple[str, ...] = ()
    uid_headers: tuple[str, ...] = ()
    generation: int = 0
