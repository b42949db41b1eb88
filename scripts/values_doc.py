"""Writes charts/hpa-companion/README.md from values.yaml; `--check` only says whether it is up to date.

A value is a key of values.yaml with a comment above it; a test holds that every one has one.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import generated
import yaml
from msgspec import Struct

CHART = Path(__file__).resolve().parent.parent / "charts" / "hpa-companion"
PAGE = CHART / "README.md"
_KEY = re.compile(r"( *)([A-Za-z]+):")
_HEAD = """# The chart of HPA Companion

<!-- Made by scripts/values_doc.py from values.yaml: change that, then run `python scripts/values_doc.py`. -->

{description}. Needed: Kubernetes {kubernetes}, an image, and nothing else: no cert-manager, no Kafka, no other value.

Version {version} is not released, so no registry has its image: `image.repository` and `image.tag` must name one that
you built ([image.md](../../docs/image.md)) and pushed. By their defaults the pod waits in ImagePullBackOff.

```sh
helm upgrade --install hpa-companion charts/hpa-companion --namespace hpa-companion --create-namespace \\
  --set image.repository=registry.example.com/hpa-companion --set image.tag={version}
kubectl wait --for=condition=Available apiservice/v1beta1.metrics.k8s.io --timeout=2m
kubectl top nodes
```

[start.md](../../docs/start.md) goes through it step by step,
[from-metrics-server.md](../../docs/from-metrics-server.md) is for clusters that have metrics-server,
[security.md](../../docs/security.md) says what is granted and why.

- An unknown value, or one of the wrong kind, is refused by its path before anything is made (`values.schema.json`).
- `metrics.k8s.io` is not taken from whoever serves it: the install is refused with the owner and the ways out.
- The same values render the same bytes: nothing is generated, so a GitOps tool has nothing to compare twice.
- Uninstalling takes the APIService away first, so no namespace waits for an API that nobody serves. The definition of
  HorizontalPodScaler, and with it every one of them, stays (`crds.keep`).

## Values

| value | default | what it does |
|---|---|---|
"""


class Entry(Struct, frozen=True):
    """One value: its path, its default, its comment."""

    path: str
    default: object
    comment: str


def entries(text: str) -> Iterator[Entry]:
    """Every key with a comment above it, in the order of the file."""
    values = yaml.safe_load(text)
    above: list[str] = []
    comment: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            comment.append(line.lstrip().removeprefix("#").strip())
            continue
        if found := _KEY.match(line):
            depth = len(found[1]) // 2
            above = [*above[:depth], found[2]]
            if comment:
                yield Entry(".".join(above), _at(values, above), " ".join(comment))
        comment = []


def _at(values: dict[str, object], path: list[str]) -> object:
    here: object = values
    for key in path:
        assert isinstance(here, dict), path
        here = here[key]
    return here


def page() -> str:
    """The whole page."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    kubernetes = chart["kubeVersion"].removeprefix(">=").removesuffix(".0-0") + " or newer"
    head = _HEAD.format(description=chart["description"], kubernetes=kubernetes, version=chart["appVersion"])
    text = (CHART / "values.yaml").read_text().partition("\n\n")[2]  # the first paragraph is about all of them
    return head + "".join(f"{_row(entry)}\n" for entry in entries(text))


def _row(entry: Entry) -> str:
    default = yaml.safe_dump(entry.default, default_flow_style=True, width=10_000).strip().removesuffix("\n...")
    told = entry.comment.replace("|", "\\|").replace("<", "&lt;").replace("{{", "{ {").replace("*", "\\*")
    return f"| `{entry.path}` | `{default}` | {told} |"


if __name__ == "__main__":
    sys.exit(generated.main({PAGE: page()}))
