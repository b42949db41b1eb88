"""Writes docs/configuration.md from the table of options; `--check` only says whether it is up to date.

A test compares the two, so the page cannot drift.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import generated

from autoscaler.config.option import Group, Kind, Option
from autoscaler.config.options import GROUPS
from autoscaler.config.values import shown

PAGE = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"
_HEAD = """# Configuration

<!-- Made by scripts/options_doc.py from autoscaler/config/options.py: change that table, then run
     `python scripts/options_doc.py`. -->

Every option has one name in three spellings: the flag `--metric-resolution`, the variable
`AUTOSCALER_METRIC_RESOLUTION`, and the key `metricResolution` of the file named by `--config`:

```yaml
apiVersion: hpa-companion.dev/v1alpha1
kind: Configuration
metricResolution: 15s
kubeletPreferredAddressTypes: [InternalIP, Hostname]
```

A flag wins over a variable, a variable over the file, the file over the default. `autoscaler config print --origins`
shows what holds and where it comes from; `autoscaler config print` writes a file to begin with.

An unknown flag, variable or key, a value that cannot be read, and options that contradict each other stop the program
before anything starts, with exit code 2: all problems at once, each with its place and, for a mistyped name, the
nearest one. (Variables that Kubernetes sets for a Service named `autoscaler`, such as `AUTOSCALER_SERVICE_HOST`, are
left alone.)

The file is YAML of the plainest kind: one flat mapping, 256 KiB at most, every key once, no anchors, aliases or tags.
A word that YAML takes for something else (`no`, `1e3`, a date) must be quoted to be text. Secrets are never options:
an option names the file they are in.

| kind of value | written | examples |
|---|---|---|
| DURATION | as in Go and Kubernetes, always with a unit | `15s`, `1m30s`, `500ms` |
| SIZE | as a Kubernetes quantity of bytes | `512Mi`, `1Gi`, `500M` |
| FRACTION | a decimal number | `0.1` |
| LIST | separated by commas; in the file also a YAML list | `InternalIP,Hostname` |
| FILE | a path that must be there when the program starts | `/etc/tls/tls.crt` |
| PATH | a path that may appear later, or is made | `/var/lib/hpa-companion/spool` |
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(line for group in GROUPS for line in _group(group))]).rstrip() + "\n"


def _group(group: Group) -> Iterator[str]:
    yield f"## {group.title}"
    yield ""
    yield group.help
    yield ""
    yield "| flag | default | what it does |"
    yield "|---|---|---|"
    for option in group.options:
        yield f"| `{option.flag}` {_kind(option)} | {_default(option)} | {_help(option)} |"
    yield ""


def _kind(option: Option) -> str:
    if option.kind is Kind.CHOICE:
        return " \\| ".join(f"`{choice}`" for choice in option.choices)
    placeholder: str = option.kind.value
    return placeholder.replace("|", " \\| ")


def _default(option: Option) -> str:
    default = option.default_shown or option.default
    return f"`{default}`" if default else ""


def _help(option: Option) -> str:
    told = option.help.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")
    if option.kind is Kind.LIST and option.choices:
        told += f" Types: {', '.join(option.choices)}."
    if option.least is not None and option.most is not None:
        told += f" From {shown(option, option.least)} to {shown(option, option.most)}."
    return told


if __name__ == "__main__":
    sys.exit(generated.main({PAGE: page()}))
