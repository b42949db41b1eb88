"""What is built, from which package, with which flags, and where the result is kept.

One go.mod holds all of it, every module at the version Kubernetes itself pins: another version of one low-level module
compiles all of Kubernetes a second time.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).resolve().parent
CACHE = SOURCE.parent.parent.parent / ".cache" / "e2e"

KUBERNETES = "v1.37.2"
ENVIRONMENT = {"GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false -mod=readonly", "CGO_ENABLED": "0"}
"""`local`: never download another compiler behind the back of the one who builds."""


def _kubernetes_stamp(version: str) -> str:
    """-X flags: what a program tells of its version, and what its client library sends as User-Agent."""
    fields = {
        "gitVersion": version,
        "gitMajor": "1",
        "gitMinor": "37",
        "gitCommit": "0" * 40,
        "gitTreeState": "clean",
        "buildDate": "2026-01-01T00:00:00Z",
    }
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(f"-X {package}.{field}={value}" for package in packages for field, value in fields.items())


@dataclass(frozen=True)
class Tool:
    """One program; `seconds` is a cold compile on two cores, in the order of TOOLS."""

    name: str
    package: str
    seconds: int
    stamp: str = ""

    def command(self, folder: Path, *, verbose: bool = True) -> list[str]:
        """The compiler's command line; `verbose` names every package as it is compiled."""
        flags = ["-v"] if verbose else []
        linker = f"-s -w {self.stamp}".strip()
        return ["go", "build", *flags, "-trimpath", "-ldflags", linker, "-o", str(folder / self.name), self.package]


TOOLS = (
    Tool("etcd", "go.etcd.io/etcd/server/v3", 45),
    Tool("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver", 270, _kubernetes_stamp(KUBERNETES)),
    Tool(
        "kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager", 100, _kubernetes_stamp(KUBERNETES)
    ),
    Tool("kubectl", "k8s.io/kubernetes/cmd/kubectl", 23, _kubernetes_stamp(KUBERNETES)),
    Tool("metrics-server", "sigs.k8s.io/metrics-server/cmd/metrics-server", 12, _kubernetes_stamp("v0.9.0")),
    Tool("kwok", "sigs.k8s.io/kwok/cmd/kwok", 9),
    Tool("helm", "helm.sh/helm/v3/cmd/helm", 13, "-X helm.sh/helm/v3/internal/version.version=v3.22.0"),
    Tool("kubelets", "./kubelets", 25, _kubernetes_stamp(KUBERNETES)),
)


def missing_compiler() -> str:
    """Why nothing can be built here; "" when it can."""
    if shutil.which("go") is None:
        return "the command `go` is not on the PATH"
    needed, found = _needed_go(), _version(_go_version())
    if found < needed:
        return f"Go {_dotted(needed)} or newer is needed, `go version` says {_dotted(found)}"
    return ""


def folder() -> Path:
    """Where the tools of exactly these sources, flags and compiler are, or belong."""
    digest = hashlib.sha256()
    sources = [SOURCE / "go.mod", SOURCE / "go.sum", *sorted(SOURCE.glob("*/*.go"))]
    for source in sources:
        digest.update(source.relative_to(SOURCE).as_posix().encode() + b"\0" + source.read_bytes() + b"\0")
    for tool in TOOLS:
        digest.update(" ".join(tool.command(Path())).encode() + b"\0")
    digest.update(repr(sorted(ENVIRONMENT.items())).encode() + _go_version().encode())
    return CACHE / f"tools-{digest.hexdigest()[:16]}"


def environment() -> dict[str, str]:
    """The environment the compiler runs in: ours wins over the machine's."""
    return {**os.environ, **ENVIRONMENT}


@cache
def _go_version() -> str:
    return subprocess.run(["go", "version"], env=environment(), capture_output=True, text=True, check=True).stdout


def _needed_go() -> tuple[int, ...]:
    found = re.search(r"^go (\S+)$", (SOURCE / "go.mod").read_text(), re.MULTILINE)
    assert found is not None, "go.mod names no Go version"
    return _version(f"go{found[1]}")


def _version(text: str) -> tuple[int, ...]:
    found = re.search(r"go(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(part or 0) for part in found.groups()) if found else ()


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)
