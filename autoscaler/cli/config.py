"""`autoscaler config print`: the settings that hold, as a file that `--config` accepts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TextIO

import yaml

from autoscaler.config.document import API_VERSION, KIND
from autoscaler.config.option import Kind, Option
from autoscaler.config.options import GROUPS
from autoscaler.config.settings import Settings
from autoscaler.config.values import Value, shown


def run(settings: Settings, *, origins: bool, out: TextIO) -> int:
    """Write the file to `out`; with `origins` every line ends with where its value comes from."""
    for line in lines(settings, origins=origins):
        print(line, file=out)
    return 0


def lines(settings: Settings, *, origins: bool) -> Iterator[str]:
    """The file, line by line. `--config` itself is left out: a file does not name another one."""
    yield f"apiVersion: {API_VERSION}"
    yield f"kind: {KIND}"
    for group in GROUPS:
        yield ""
        yield f"# {group.title}: {group.help}"
        for option in group.options:
            if option.name == "config":
                continue
            line = f"{option.key}: {_yaml(option, settings.values[option.name])}"
            yield f"{line}  # {settings.origins[option.name]}" if origins else line


def _yaml(option: Option, value: Value) -> str:
    """One value in YAML, on one line, quoted where YAML would read something else."""
    if option.kind in {Kind.BOOLEAN, Kind.INTEGER, Kind.FRACTION}:
        return shown(option, value)
    plain = list(value) if isinstance(value, tuple) else shown(option, value)
    text: str = yaml.safe_dump(plain, default_flow_style=True, width=1 << 20, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")
