"""Identity that kube-aggregator asserts in headers, believed only from the holder of the right certificate.

The rules are those of k8s.io/apiserver (`x509`, `headerrequest`): a certificate of the requestheader CA (TLS has
verified it: the serving context's trust store holds nothing else), a common name that is allowed, and a user name.
Header names are compared whole and without regard to case; an underscore is not a dash.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import unquote

from cryptography import x509
from cryptography.x509.oid import NameOID
from msgspec import Struct, structs

from autoscaler.api.status import unauthorized
from autoscaler.model.identity import FrontProxyTrust, Identity

AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"
ANONYMOUS = Identity("system:anonymous", groups=(UNAUTHENTICATED,))

Headers = Sequence[tuple[str, str]]
"""Every header line in order, as received."""

_UNFIT = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_ENCODED = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*")


class TrustSource(Protocol):
    """What the cluster says about its front proxy; may change at any time. None: it is not known (yet).

    `problem` is what is wrong with it and what helps, "" when nothing is; the last good one is `current` meanwhile.
    """

    @property
    def problem(self) -> str: ...
    def current(self) -> FrontProxyTrust | None: ...


class Peer(Struct, frozen=True):
    """A client certificate that TLS has verified; `common_name` is empty when it has none or several."""

    common_name: str
    expires: float


def peer_of(certificate: bytes) -> Peer:
    """What a DER certificate says. Raises ValueError when it cannot be read."""
    parsed = x509.load_der_x509_certificate(certificate)
    names = [str(each.value) for each in parsed.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return Peer(names[0] if len(names) == 1 else "", parsed.not_valid_after_utc.timestamp())


def asserted(peer: Peer, trust: FrontProxyTrust, headers: Headers, now: float) -> Identity | None:
    """Whom the proxy speaks for, or None when it names nobody. Raises StatusError (401) when it must not speak."""
    if peer.expires <= now:  # a connection may outlive its certificate
        raise unauthorized()
    if trust.allowed_names and peer.common_name not in trust.allowed_names:
        raise unauthorized()
    lines = [(name.lower(), value) for name, value in headers]
    user = _single(lines, trust.username_headers)
    if not user:
        return None
    identity = Identity(
        user,
        uid=_single(lines, trust.uid_headers),
        groups=tuple(_values(lines, trust.group_headers)),
        extra=_extra(lines, trust.extra_prefixes),
    )
    return with_authenticated(identity)


def with_authenticated(identity: Identity) -> Identity:
    """The identity with system:authenticated, as every Go API server adds it; anonymous stays anonymous."""
    if identity.user == ANONYMOUS.user or {AUTHENTICATED, UNAUTHENTICATED} & set(identity.groups):
        return identity
    return structs.replace(identity, groups=(*identity.groups, AUTHENTICATED))


def _single(lines: Headers, names: Sequence[str]) -> str:
    """The value of the first of `names` that has one; two different values of one name are refused."""
    for name in names:
        found = set(_values(lines, (name,)))
        if len(found) > 1:
            raise unauthorized()
        if found:
            return found.pop()
    return ""


def _values(lines: Headers, names: Sequence[str]) -> list[str]:
    """Those that are not empty, in order; the names of `lines` are in lower case already."""
    return [_text(value) for name in map(str.lower, names) for line, value in lines if line == name and value]


def _extra(lines: Headers, prefixes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Extra attributes by key: what follows the prefix, lower-cased, then %-decoded when it is well-formed."""
    found: dict[str, tuple[str, ...]] = {}
    for prefix in prefixes:
        start = prefix.lower()
        for line, value in lines:
            if start and line.startswith(start) and len(line) > len(start):
                key = line[len(start) :]
                key = unquote(key) if _ENCODED.fullmatch(key) else key
                found[key] = (*found.get(key, ()), _text(value))
    return found


def _text(value: str) -> str:
    """The value, refused when it was not UTF-8 (the HTTP parser then leaves surrogates) or holds control characters."""
    if _UNFIT.search(value):
        raise unauthorized()
    return value
