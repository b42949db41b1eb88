"""How to reach the API server, read from a kubeconfig or from the pod's ServiceAccount, and read again as it changes.

Order: the flag, KUBECONFIG (a list is merged), ~/.kube/config, the pod's own. What is not written in a file as it is
(exec plugins, several files: see plainconfig.py) is the `kubernetes` package's business. What was found is a frozen
`Connection`; `Connections` keeps it current: tokens, certificates and CA are read again at most every minute, and at
once when the API server refuses them.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import structlog

from autoscaler.clock import Clock
from autoscaler.errors import ConfigError
from autoscaler.kube.plainconfig import Described, of_account, of_kubeconfig

log = structlog.get_logger(__name__)

REREAD_SECONDS = 60.0
RENEW_SECONDS = 10.0
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


@dataclass(frozen=True, slots=True)
class Material:
    """What the TLS context is made of; an empty `ca` means the system's own roots, `digest` is that of the files."""

    ca: str = ""
    certificate_file: str = ""
    key_file: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything a request needs. `tls` None = plain HTTP (`kubectl proxy`), over which no credential is sent."""

    host: str
    tls: ssl.SSLContext | None = None
    authorization: str = field(default="", repr=False)
    material: Material = Material()
    server_name: str | None = None
    proxy: str | None = None

    @property
    def ca_pem(self) -> str:
        """The cluster's CA, "" when it is a public one: the default trust for kubelets."""
        return self.material.ca


class Source(Protocol):
    """Where a connection is described; ConfigError when it is no good. `refused`: forget what you have cached."""

    async def read(self, *, refused: bool = False) -> Connection: ...


class Connections:
    """The current connection; a source that fails later on keeps the last good one."""

    def __init__(self, first: Connection, source: Source, clock: Clock) -> None:
        self._connection = first
        self._source = source
        self._clock = clock
        self._read_at = clock.monotonic()
        self._reading = asyncio.Lock()
        self._failing = False

    async def current(self) -> Connection:
        """What to use now; read anew when the last reading is a minute old."""
        if self._clock.monotonic() - self._read_at < REREAD_SECONDS:
            return self._connection
        async with self._reading:
            if self._clock.monotonic() - self._read_at >= REREAD_SECONDS:
                await self._read(refused=False)
        return self._connection

    async def renew(self, refused: Connection) -> Connection:
        """What to use instead of a connection whose credentials got a 401; the same one when nothing changed."""
        async with self._reading:
            if self._connection is refused:
                await self._read(refused=True)
        return self._connection

    async def token(self, refused: str = "") -> str:
        """The bearer token, "" when the API server knows us by another credential.

        A token that got a 401 from a kubelet is read anew, for all of them together once in `RENEW_SECONDS`.
        """
        token = _bearer(await self.current())
        if not refused or token != refused:
            return token
        async with self._reading:
            if self._clock.monotonic() - self._read_at >= RENEW_SECONDS:
                await self._read(refused=True)
        return _bearer(self._connection)

    async def _read(self, *, refused: bool) -> None:
        self._read_at = self._clock.monotonic()
        try:
            found = await self._source.read(refused=refused)
        except ConfigError as exc:
            if not self._failing:
                log.warning("Kept the last good credentials", err=str(exc))
            self._failing = True
            return
        self._failing = False
        self._connection = _merged(self._connection, found)


def _bearer(connection: Connection) -> str:
    scheme, _, token = connection.authorization.partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _merged(old: Connection, new: Connection) -> Connection:
    """`new`, or `old` itself when they are the same; a TLS context lives as long as its material (kept-alive peers)."""
    if new.material == old.material:
        new = replace(new, tls=old.tls)
    return old if new == old else new


async def connect(kubeconfig: str, clock: Clock, environ: Mapping[str, str] = os.environ) -> Connections:
    """Find and read the way to the API server; ConfigError says which file is wrong and what to do."""
    path = kubeconfig_path(kubeconfig, environ)
    source = KubeconfigSource(path) if path else ServiceAccountSource(environ)
    return Connections(await source.read(), source, clock)


def kubeconfig_path(flag: str, environ: Mapping[str, str]) -> str:
    """The kubeconfig to read (several, joined as in KUBECONFIG), "" for the pod's own account."""
    if flag:
        if not (named := Path(flag).expanduser()).is_file():
            why = "is a directory" if named.is_dir() else "no such file"
            raise ConfigError(f"--kubeconfig {flag}: {why}; name an existing kubeconfig")
        return str(named)
    if listed := environ.get("KUBECONFIG", ""):
        if not any(Path(each).expanduser().is_file() for each in listed.split(os.pathsep) if each):
            raise ConfigError(f"KUBECONFIG={listed}: no such file; name an existing kubeconfig or unset the variable")
        return listed
    home = Path(environ.get("HOME", "~")).expanduser() / ".kube" / "config"
    if home.is_file():
        return str(home)
    if environ.get("KUBERNETES_SERVICE_HOST"):
        return ""
    raise ConfigError(
        "no API server to talk to: pass --kubeconfig FILE, set KUBECONFIG, create ~/.kube/config, or run in a pod"
    )


class KubeconfigSource:
    """Reads a kubeconfig, every time from the start; an exec plugin is asked again only when its answer expired."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._loader: Any = None

    async def read(self, *, refused: bool = False) -> Connection:
        source = f"kubeconfig {self._path}"
        if (plain := of_kubeconfig(self._path)) is not None:
            return _connection(plain, source)
        config, configuration = _packages()
        try:
            if refused or not hasattr(self._loader, "exec_plugin_expiry"):
                self._loader = await config.load_kube_config(
                    self._path, client_configuration=configuration, persist_config=False
                )
            else:
                await self._loader.load_and_set(configuration)
            found = _described(configuration)
        except Exception as exc:  # the loaders answer a broken file with anything from AttributeError to YAMLError
            odd = isinstance(exc, TypeError | AttributeError)  # it looks into what it takes for a mapping
            why = "it is empty or no kubeconfig" if odd else _told(exc)
            raise ConfigError(f"{source}: {why}; check it with: kubectl config view") from exc
        if not (found.authorization or found.certificate_file) and (plugin := _plugin(self._loader)):
            raise ConfigError(f"{source}: its credential plugin gives no credentials; see what it says: {plugin}")
        return _connection(found, source)


class ServiceAccountSource:
    """Reads what Kubernetes mounts into a pod."""

    def __init__(self, environ: Mapping[str, str], account: str = ACCOUNT) -> None:
        self._environ = environ
        self._account = Path(account)

    async def read(self, *, refused: bool = False) -> Connection:
        try:
            found = of_account(self._environ, self._account)
        except (OSError, ValueError) as exc:
            raise ConfigError(
                f"{self._account}: {_told(exc)}; give the pod a ServiceAccount token (automountServiceAccountToken), "
                "or pass --kubeconfig FILE"
            ) from exc
        return _connection(found, str(self._account))


def _packages() -> tuple[Any, Any]:
    """`kubernetes.aio.config` and an empty Configuration: imported late (0.4 s), by name since they have no types."""
    config = import_module("kubernetes.aio.config")
    return config, import_module("kubernetes.aio.client").Configuration()


def _plugin(loader: Any) -> str:
    """The command of the user's exec plugin, "" for none: what it fails by goes to the package's log and no further."""
    user = getattr(loader, "_user", None)
    if user is None or "exec" not in user:
        return ""
    described = user["exec"].value
    return " ".join([str(described.get("command", "")), *map(str, described.get("args") or ())])


def _told(exc: Exception) -> str:
    return " ".join(str(exc).split()) or type(exc).__name__


def _described(configuration: Any) -> Described:
    """Our words for what the package's loader found."""
    return Described(
        host=str(configuration.host).rstrip("/"),
        authorization=str(configuration.api_key.get("BearerToken") or "").strip(),
        ca=Path(configuration.ssl_ca_cert).read_text() if configuration.ssl_ca_cert else "",
        certificate_file=str(configuration.cert_file or ""),
        key_file=str(configuration.key_file or ""),
        server_name=configuration.tls_server_name,
        proxy=configuration.proxy,
        verify=bool(configuration.verify_ssl),
    )


def _connection(found: Described, source: str) -> Connection:
    """What is described there, ready to use."""
    if not found.host.startswith("https://"):
        return Connection(host=found.host, proxy=found.proxy)
    if not found.verify:
        raise ConfigError(
            f"{source}: insecure-skip-tls-verify would hand our credentials to anybody; "
            "give the cluster's certificate-authority instead"
        )
    try:
        material = _material(found)
        tls = _context(material)
    except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
        raise ConfigError(f"{source}: certificates: {_told(exc)}; check the CA, client certificate and key") from exc
    return Connection(
        host=found.host,
        tls=tls,
        authorization=found.authorization,
        material=material,
        server_name=found.server_name,
        proxy=found.proxy,
    )


def _material(found: Described) -> Material:
    parts = [Path(each).read_bytes() for each in (found.certificate_file, found.key_file) if each]
    return Material(
        ca=found.ca,
        certificate_file=found.certificate_file,
        key_file=found.key_file,
        digest=hashlib.sha256(b"\0".join(parts)).hexdigest(),
    )


def _context(material: Material) -> ssl.SSLContext:
    """Verifies chain and host name. Python 3.13's strict mode refuses the CAs kubeadm and others make (no key ids)."""
    context = ssl.create_default_context(cadata=material.ca or None)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if material.certificate_file:
        context.load_cert_chain(material.certificate_file, material.key_file or None)
    return context
