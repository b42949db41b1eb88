"""The Helm chart, rendered by the real Helm without a cluster."""

from __future__ import annotations

import functools
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.kubeapi import Object
from tests.e2e.requirements import need

CHART = Path(__file__).resolve().parents[2] / "charts" / "hpa-companion"
PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
EXISTING: dict[str, Any] = {"tls": {"mode": "existingSecret", "existingSecret": "serving", "caBundle": PEM}}
"""A certificate that somebody else made."""

VARIABLE = "AUTOSCALER_"

SERVED_BY = "1.37.2"
"""Helm assumes an ancient cluster when it renders without one."""


class ChartRefusedError(Exception):
    """Helm rendered nothing; the message is what it said."""


def render(values: dict[str, Any] | None = None, *, release: str = "try", kubernetes: str = SERVED_BY) -> str:
    """The manifests for these values; the same values are rendered once."""
    return rendered(json.dumps(values or {}, sort_keys=True), release, kubernetes)


@functools.cache
def rendered(values: str, release: str, kubernetes: str) -> str:
    """The manifests for values in JSON."""
    helm = need("helm")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(values)
        file.flush()
        done = subprocess.run(
            [helm, "template", release, CHART, "--namespace=metrics", f"--kube-version={kubernetes}", "-f", file.name],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    if done.returncode != 0:
        raise ChartRefusedError(done.stderr)
    return done.stdout


def templated(release: str, namespace: str, *flags: str, chart: Path = CHART) -> list[Object]:
    """The objects of a release by any name, anywhere, of a chart that may be ours."""
    command = [need("helm"), "template", release, chart, f"--namespace={namespace}", f"--kube-version={SERVED_BY}"]
    done = subprocess.run([*command, *flags], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise ChartRefusedError(done.stderr)
    return [each for each in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if each]


def notes(folder: Path, *flags: str) -> str:
    """What Helm tells whoever installs it: `helm template` leaves that out, so it is an object of a copy."""
    copy = folder / CHART.name
    shutil.copytree(CHART, copy)
    (copy / "templates/NOTES.txt").rename(copy / "notes.txt")
    (copy / "templates/notes.yaml").write_text('{kind: Notes, text: {{ tpl (.Files.Get "notes.txt") . | toJson }}}')
    [made] = templated("try", "metrics", "--show-only=templates/notes.yaml", *flags, chart=copy)
    return str(made["text"])


def objects(values: dict[str, Any] | None = None, *, release: str = "try") -> dict[tuple[str, str], Object]:
    """The rendered objects by kind and name."""
    found = [each for each in yaml.load_all(render(values, release=release), Loader=yaml.CSafeLoader) if each]
    return {(each["kind"], each["metadata"]["name"]): each for each in found}


def container(values: dict[str, Any] | None = None) -> Object:
    """The one container of the Deployment."""
    pod = objects(values)["Deployment", "try-hpa-companion"]["spec"]["template"]["spec"]
    [only] = pod["containers"]
    made: Object = only
    return made


def told(container: Object) -> list[str]:
    """What the program of a container is told: the verb, its variables as the flags they stand for, its arguments."""
    variables = [
        f"--{each['name'].removeprefix(VARIABLE).lower().replace('_', '-')}={each['value']}".removesuffix("=true")
        for each in container.get("env", [])
        if each["name"].startswith(VARIABLE)
    ]
    verb, *arguments = container["args"]
    return [verb, *variables, *arguments]
