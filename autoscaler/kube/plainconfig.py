"""Ways to the API server that are written down in files as they are: a pod's account, and the plain kubeconfig.

A kubeconfig is plain when it is one file whose current context names a server, a CA, and a token or the files of a
client certificate. All others (exec plugins, several files, what is to be decoded into files) are for the `kubernetes`
package, whose import costs 0.45 s and 20 MiB, and so is whatever is wrong with one.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec

_CLUSTER = frozenset({"server", "certificate-authority", "certificate-authority-data", "tls-server-name"})
_USER = frozenset({"token", "tokenFile", "client-certificate", "client-key"})

_Named: TypeAlias = Sequence[Mapping[str, object]]


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """What is written there; "" and None as in `connection.Connection`. `ca` is PEM, `authorization` a header."""

    host: str
    authorization: str = ""
    ca: str = ""
    certificate_file: str = ""
    key_file: str = ""
    server_name: str | None = None
    proxy: str | None = None
    verify: bool = True

    def __repr__(self) -> str:
        return f"Described({self.host})"  # the rest may be a credential


def of_account(environ: Mapping[str, str], account: Path) -> Described:
    """That of a pod. OSError and ValueError say what is missing."""
    host, port = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        raise ValueError("KUBERNETES_SERVICE_HOST or KUBERNETES_SERVICE_PORT is not set")
    token, ca = ((account / name).read_text() for name in ("token", "ca.crt"))
    if not token.strip() or not ca.strip():
        raise ValueError("the file token or ca.crt is empty")
    place = f"[{host}]" if ":" in host else host
    return Described(host=f"https://{place}:{port}", authorization=f"Bearer {token.strip()}", ca=ca)


def of_kubeconfig(path: str) -> Described | None:
    """That of a plain kubeconfig; None for any other, and for one with a fault."""
    import yaml  # noqa: PLC0415 - a pod has no kubeconfig: 1 MiB

    if os.pathsep in path:
        return None
    try:
        found = msgspec.convert(yaml.safe_load(Path(path).read_text()), dict[str, object])
        context = _named(found, "contexts", "context", found["current-context"])
        cluster = _named(found, "clusters", "cluster", context["cluster"])
        user = _named(found, "users", "user", context["user"]) if "user" in context else {}
        if not (cluster.keys() <= _CLUSTER and user.keys() <= _USER):
            return None
        return _described(Path(path).parent, cluster, user)
    except (OSError, ValueError, KeyError, yaml.YAMLError, msgspec.ValidationError, binascii.Error):
        return None


def _named(found: Mapping[str, object], listed: str, kind: str, name: object) -> dict[str, str]:
    """The one of this name, when it has texts alone."""
    entries = msgspec.convert(found[listed], list[dict[str, object]])
    [entry] = [each for each in entries if each["name"] == name]
    return msgspec.convert(entry[kind], dict[str, str])


def _described(folder: Path, cluster: Mapping[str, str], user: Mapping[str, str]) -> Described:
    host = cluster["server"].rstrip("/")
    secure = host.startswith("https://")
    ca = _text(folder, cluster, "certificate-authority")
    if "certificate-authority-data" in cluster:
        ca = base64.b64decode(cluster["certificate-authority-data"], validate=True).decode()
    if not ca.strip() and any(key.startswith("certificate-authority") for key in cluster):
        raise ValueError("an empty CA would let the system's count")
    token = user.get("token") or _text(folder, user, "tokenFile")
    files = [str(folder / user[key]) if key in user else "" for key in ("client-certificate", "client-key")]
    return Described(
        host=host,
        authorization=f"Bearer {token.strip()}" if token.strip() else "",
        ca=ca if secure else "",
        certificate_file=files[0],
        key_file=files[1],
        server_name=cluster.get("tls-server-name"),
    )


def _text(folder: Path, section: Mapping[str, str], key: str) -> str:
    """What is in the file that is named there, "" for none."""
    return (folder / section[key]).read_text() if key in section else ""
