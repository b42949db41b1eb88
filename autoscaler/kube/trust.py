"""The TLS context for kubelets: whom we believe and who we are, read again when the files change.

Built by hand: `ssl.create_default_context` would load the system's roots, and from Python 3.13 on reject the
certificates of real clusters (VERIFY_X509_STRICT; operations.md §1.4).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import structlog

from autoscaler.clock import Clock
from autoscaler.errors import ConfigError

LOOK_SECONDS = 30.0
WARN_SECONDS = 3600.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TrustFiles:
    """`authority_file` goes before `authority` (PEM text, such as the cluster's CA); the pair of files is optional."""

    authority: str = ""
    authority_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    insecure: bool = False

    def fingerprint(self) -> tuple[tuple[int, int] | None, ...]:
        """Changes when a file does; None stands for a file that is not there."""
        return tuple(_stamp(name) for name in (self.authority_file, self.certificate_file, self.key_file) if name)


class KubeletTrust:
    """The current context. A new one has a connection pool of its own: what was verified by the old one is not used."""

    def __init__(self, files: TrustFiles, clock: Clock) -> None:
        self._files = files
        self._clock = clock
        self._fingerprint = files.fingerprint()
        self._context = kubelet_context(files)
        self._looked = clock.monotonic()
        self._warned: float | None = None

    def context(self) -> ssl.SSLContext:
        """What to verify kubelets by; files that turn unreadable leave the last good one in place."""
        now = self._clock.monotonic()
        if self._files.insecure and (self._warned is None or now - self._warned >= WARN_SECONDS):
            self._warned = now
            log.warning("Kubelets are not verified: whoever answers on their addresses gets our token and is believed")
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._look()
        return self._context

    def _look(self) -> None:
        fingerprint = self._files.fingerprint()
        if fingerprint == self._fingerprint:
            return
        try:
            self._context = kubelet_context(self._files)
        except ConfigError as exc:
            log.warning("Kept the last good trust for kubelets", error=str(exc))
        self._fingerprint = fingerprint


def kubelet_context(files: TrustFiles) -> ssl.SSLContext:
    """A context of these files; ConfigError names the one that is no good."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if files.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        _load_authority(context, files)
    if files.certificate_file:
        try:
            context.load_cert_chain(files.certificate_file, files.key_file)
        except (OSError, ssl.SSLError) as exc:
            raise ConfigError(f"--kubelet-client-certificate {files.certificate_file}: {exc}") from exc
    return context


def _load_authority(context: ssl.SSLContext, files: TrustFiles) -> None:
    name = files.authority_file or "the cluster's CA"
    try:
        text = Path(files.authority_file).read_text("ascii", "ignore") if files.authority_file else files.authority
        context.load_verify_locations(cadata=text.encode("ascii", "ignore").decode())  # comments may be in any language
    except (OSError, ValueError) as exc:  # SSLError is an OSError; an empty text a ValueError
        raise ConfigError(f"--kubelet-certificate-authority: {name} is no PEM bundle of certificates ({exc})") from exc


def _stamp(name: str) -> tuple[int, int] | None:
    try:
        state = Path(name).stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_ino
