"""The TLS contexts for kubelets: whom we believe and who we are, read again when the files change.

Built by hand: `ssl.create_default_context` would load the system's roots, and from Python 3.13 on reject the
certificates of real clusters (VERIFY_X509_STRICT).
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from autoscaler.clock import Clock
from autoscaler.core.selectors import Selector
from autoscaler.errors import ConfigError
from autoscaler.model.objects import Node

LOOK_SECONDS = 30.0
WARN_SECONDS = 3600.0
NAMED = 10
"""So many unverified nodes are named in a warning."""
MOST_FILES = 1000
LONGEST_FILE = 1 << 20
SUFFIXES = frozenset({".crt", ".pem", ".cer"})
"""What counts in a folder of CAs."""

Stamp = tuple[int, int]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TrustFiles:
    """`authority_file` (a file, or a folder of files) goes before `authority` (PEM text, such as the cluster's CA); the
    pair of files is optional. Nobody is verified with `insecure`, nodes that `exceptions` selects are not either."""

    authority: str = ""
    authority_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    insecure: bool = False
    exceptions: Selector | None = None

    def fingerprint(self) -> tuple[tuple[Path, Stamp | None], ...]:
        """Changes when a file does; None stands for a file that is not there."""
        named = [Path(name) for name in (self.certificate_file, self.key_file) if name]
        return tuple((path, _stamp(path)) for path in (*self.authorities(), *named))

    def authorities(self) -> tuple[Path, ...]:
        """The files with CAs, in order."""
        if not self.authority_file:
            return ()
        path = Path(self.authority_file)
        return tuple(sorted(_within(path))[:MOST_FILES]) if path.is_dir() else (path,)


class KubeletTrust:
    """The current contexts. A new one has a connection pool of its own: what was verified by the old is not used."""

    def __init__(self, files: TrustFiles, clock: Clock) -> None:
        self._files = files
        self._clock = clock
        self._fingerprint = files.fingerprint()
        self._verifying, self._believing = _contexts(files)
        self._looked = clock.monotonic()
        self._warned = clock.monotonic() - WARN_SECONDS
        self._unverified: set[str] = set()

    def exempt(self, node: Node) -> bool:
        """Whether `node` is believed without a certificate."""
        exceptions = self._files.exceptions
        return self._files.insecure or (exceptions is not None and exceptions.matches(node.labels))

    def context(self, node: Node) -> ssl.SSLContext:
        """What to verify `node` by; files that turn unreadable leave the last good ones in place."""
        now = self._clock.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._look()
        if not self.exempt(node):
            return self._verifying
        self._warn(node.name, now)
        return self._believing

    def _warn(self, node: str, now: float) -> None:
        """Once an hour, whom we asked without a proof; the first of them at once."""
        self._unverified.add(node)
        if now - self._warned < WARN_SECONDS:
            return
        self._warned = now
        names, self._unverified = sorted(self._unverified), set()
        log.warning(
            "Kubelets are not verified: whoever answers on their addresses gets our token and is believed",
            nodes=", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else ""),
        )

    def _look(self) -> None:
        fingerprint = self._files.fingerprint()
        if fingerprint == self._fingerprint:
            return
        try:
            self._verifying, self._believing = _contexts(self._files)
        except ConfigError as exc:
            log.warning("Kept the last good trust for kubelets", error=str(exc))
        self._fingerprint = fingerprint


def _contexts(files: TrustFiles) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """One that verifies, unless nobody is to be, and one that believes."""
    believing = kubelet_context(files, verify=False)
    return (believing if files.insecure else kubelet_context(files, verify=True)), believing


def kubelet_context(files: TrustFiles, *, verify: bool) -> ssl.SSLContext:
    """A context of these files; ConfigError names the one that is no good."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    # A page may end with the connection: TLS has to say that it does. OpenSSL before 3 knows nothing else.
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    if verify:
        _load_authorities(context, files)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if files.certificate_file:
        try:
            context.load_cert_chain(files.certificate_file, files.key_file)
        except (OSError, ssl.SSLError) as exc:
            raise ConfigError(f"--kubelet-client-certificate {files.certificate_file}: {exc}") from exc
    return context


def _load_authorities(context: ssl.SSLContext, files: TrustFiles) -> None:
    if not files.authority_file:
        _load(context, files.authority, "the cluster's CA")
        return
    paths = files.authorities()
    if not paths:
        raise ConfigError(
            f"--kubelet-certificate-authority: folder {files.authority_file} has no file "
            f"*{', *'.join(sorted(SUFFIXES))} that may be read"
        )
    for path in paths:
        try:
            with path.open("rb") as file:
                text = file.read(LONGEST_FILE).decode("ascii", "ignore")
        except OSError as exc:
            raise ConfigError(f"--kubelet-certificate-authority: {path} cannot be read ({exc})") from exc
        _load(context, text, str(path))


def _load(context: ssl.SSLContext, text: str, name: str) -> None:
    try:
        context.load_verify_locations(cadata=text.encode("ascii", "ignore").decode())  # comments may be in any language
    except (OSError, ValueError) as exc:  # SSLError is an OSError; an empty text a ValueError
        raise ConfigError(f"--kubelet-certificate-authority: {name} is no PEM bundle of certificates ({exc})") from exc


def _within(folder: Path) -> Iterator[Path]:
    """The files of CAs in a folder; a mounted ConfigMap keeps its older self in hidden ones."""
    try:
        yield from (each for each in folder.iterdir() if each.suffix in SUFFIXES and not each.name.startswith("."))
    except OSError:  # it went, or is closed to us: a folder without files is told as such
        return


def _stamp(path: Path) -> Stamp | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_ino
