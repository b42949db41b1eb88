"""One thing that can be set: its name everywhere, its kind, its default and its explanation.

Light on purpose: `autoscaler --help` prints the table and must start in 150 ms, so no dataclasses, no msgspec here.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """How the text of a value is read; the value is the placeholder that `--help` shows."""

    DURATION = "DURATION"  # 15s, 1m30s, 500ms; seconds as float
    SIZE = "SIZE"  # 64Mi, 1Gi, 500M; bytes as int
    INTEGER = "NUMBER"
    FRACTION = "FRACTION"  # 0.1
    BOOLEAN = "true|false"
    CHOICE = "WORD"
    TEXT = "TEXT"
    LIST = "A,B,..."
    FILE = "FILE"  # must be there and readable before anything starts
    FILES = "FILE|FOLDER"  # one, or a folder of them; the same
    PATH = "PATH"  # may appear later, or is made by us


class Option(NamedTuple):
    """`default` is text, as a person would write it; `field` the place in Settings, dotted.

    `least` and `most` bound the parsed value (seconds, bytes, number), both included. `choices` are the words of a
    CHOICE, or the only ones allowed in a LIST. `default_shown` replaces a default that depends on the machine.
    """

    name: str
    kind: Kind
    default: str
    field: str
    help: str
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    default_shown: str = ""

    @property
    def flag(self) -> str:
        """`--metric-resolution`."""
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        """`AUTOSCALER_METRIC_RESOLUTION`."""
        return f"{VARIABLE_PREFIX}{self.name.replace('-', '_').upper()}"

    @property
    def key(self) -> str:
        """`metricResolution`, in the configuration file."""
        first, *others = self.name.split("-")
        return first + "".join(word.capitalize() for word in others)

    @property
    def placeholder(self) -> str:
        """What stands for the value in help texts."""
        return "|".join(self.choices) if self.kind is Kind.CHOICE else self.kind.value


class Group(NamedTuple):
    """Options that are read together; `help` is one sentence."""

    title: str
    help: str
    options: tuple[Option, ...]


VARIABLE_PREFIX = "AUTOSCALER_"
