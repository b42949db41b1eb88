"""What the doctor looks at on its own machine: settings, how the program was built, the spool."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from pathlib import Path

from autoscaler import __version__
from autoscaler.cli.finding import Finding, bad, doubtful, good
from autoscaler.config.settings import AuditSettings, Settings


def configuration(settings: Settings) -> Finding:
    """It loaded, or we would not be here; how much of it was set, and where."""
    counts = Counter(origin for origin in settings.origins.values() if origin != "default")
    told = ", ".join(f"{count} by {origin}" for origin, count in sorted(counts.items())) or "all defaults"
    if settings.kubelet.insecure_tls:
        return doubtful(
            "configuration",
            f"valid ({told}); kubelets are not verified",
            "give --kubelet-certificate-authority instead of --kubelet-insecure-tls",
        )
    if settings.kubelet.insecure_tls_nodes:
        return doubtful(
            "configuration",
            f"valid ({told}); kubelets of nodes with {settings.kubelet.insecure_tls_nodes} are not verified",
            "put their CAs into the folder of --kubelet-certificate-authority instead of --kubelet-insecure-tls-nodes",
        )
    return good("configuration", f"valid ({told})")


def build(*, compiled: bool, fault: str = "") -> Finding:
    """Whether the sums of a scrape are compiled: without, all works, for about twice the CPU of each scrape.

    `fault`: why what was compiled does not load.
    """
    if fault:
        return doubtful(
            "build",
            f"{__version__}, what was compiled does not load ({fault}): scraping takes about twice the CPU",
            "compile it here: in a clone `make native`, elsewhere `pip install --force-reinstall` the program",
        )
    if not compiled:
        return doubtful(
            "build",
            f"{__version__}, not compiled: scraping takes about twice the CPU",
            "install a C compiler and the headers of Python (Debian: gcc libc6-dev python3-dev), then in a clone run "
            "`make native`, elsewhere `pip install --force-reinstall` the program",
        )
    return good("build", f"{__version__}, compiled")


def spool(audit: AuditSettings) -> Finding:
    """Whether records can be kept; nothing is written."""
    folder = Path(audit.spool_dir)
    try:
        standing = next(each for each in (folder, *folder.parents) if each.exists())
    except OSError as exc:  # one on the way may not be looked into, or a name is too long
        return bad("audit spool", f"{folder}: {exc.strerror}", "name another one with --audit-spool-dir")
    if not standing.is_dir():
        return bad("audit spool", f"{standing} is no folder", "name another one with --audit-spool-dir")
    if not os.access(standing, os.W_OK | os.X_OK):
        return bad("audit spool", f"{standing} may not be written to", "name another one with --audit-spool-dir")
    free = shutil.disk_usage(standing).free
    if free < audit.spool_max_bytes:
        return doubtful(
            "audit spool",
            f"{folder}: {free >> 20} MiB are free, the spool may grow to {audit.spool_max_bytes >> 20} MiB",
            "make room or lower --audit-spool-max-bytes",
        )
    return good("audit spool", f"{folder} can be written")
