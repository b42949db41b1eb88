"""The command line: words in, a `Command` out. Nothing is imported here that a verb runs."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from autoscaler.cli.verbs import VERBS, Verb
from autoscaler.config.nearest import hint
from autoscaler.config.option import Kind, Option
from autoscaler.config.options import OPTIONS
from autoscaler.errors import ConfigError

_NO_FLAG = re.compile(r"-\d+(\.\d*)?[smhd]?$")
"""A number, or how long ago: the value of a flag, though it begins as one does."""


class Command(NamedTuple):
    """What was asked: the settings' flags by option name, the verb's own arguments, and words nobody knows."""

    verb: str
    flags: dict[str, str]
    own: argparse.Namespace
    faults: tuple[str, ...]


class Parser(argparse.ArgumentParser):
    """Argparse that raises ConfigError instead of leaving the process."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would have printed."""
        raise ConfigError(f"{message}\nusage: {' '.join(self.format_usage().split()[1:])}")


class _Help(argparse.RawDescriptionHelpFormatter):
    """Never breaks a line inside the name of a flag."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)  # argparse would import what unpacks archives to find it out

    def _split_lines(self, text: str, width: int) -> list[str]:
        import textwrap  # noqa: PLC0415 - who asks for no help does not wait for it

        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)


def _columns() -> int:
    """As `shutil.get_terminal_size` has them."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or 80 if sys.__stdout__ else 80
    except (OSError, ValueError):
        return 80


def program_name(argv0: str) -> str:
    """What the user typed: `kubectl hps` when kubectl started us as its plugin."""
    name = os.path.basename(argv0)
    return "kubectl " + name.removeprefix("kubectl-").replace("_", "-") if name.startswith("kubectl-") else "autoscaler"


def typed(argv0: str) -> str:
    """What a person types to get the program again from where it was started: `make demo` has it off the PATH."""
    if argv0.endswith("__main__.py"):
        return "python -m autoscaler"
    import shutil  # noqa: PLC0415 - nor for what it unpacks

    return "autoscaler" if shutil.which("autoscaler") or os.path.basename(argv0) != "autoscaler" else argv0


def find_verb(word: str) -> Verb:
    """The verb of that name; ConfigError names the nearest one."""
    if word not in VERBS:
        names = ", ".join(VERBS)
        kind = "option" if word.startswith("-") else "verb"
        guess = hint(word, [*VERBS, "--help", "--version"])
        raise ConfigError(f"unknown {kind} {word!r}{guess}; there are: {names}")
    return VERBS[word]


def parse(verb: Verb, words: Sequence[str], program: str) -> Command:
    """The command; arguments that a person must correct at once raise ConfigError, unknown ones become faults.

    Unknown ones come first in that error, too: what is missing may be what was misspelt.
    """
    made = parser(verb, program)
    kept, faults = _understood(words, [flag for action in made._actions for flag in action.option_strings])
    if faults:
        _need_nothing(made)
    try:
        own, unknown = made.parse_known_args(kept)
    except ConfigError as exc:
        faults += _too_many(made, kept)
        raise ConfigError("\n".join([*faults, str(exc)])) from exc
    given = vars(own)
    flags = {name: given.pop(name) for name in OPTIONS if name in given}
    return Command(verb.name, flags, own, (*faults, *map(_unexpected, unknown)))


def parser(verb: Verb, program: str) -> Parser:
    """The argument parser of one verb."""
    made = Parser(
        prog=f"{program} {verb.name}",
        usage=f"{program} {verb.name} {verb.usage}".rstrip(),
        description=verb.summary,
        epilog=_epilog(verb, program),
        formatter_class=_Help,
        allow_abbrev=False,
        add_help=False,
    )
    made._negative_number_matcher = _NO_FLAG
    verb.add(made)
    made.add_argument("-h", "--help", action="store_true", help="Show this text.")
    for group in verb.groups:
        section = made.add_argument_group(group.title, group.help)
        for option in group.options:
            _add(section, option)
    return made


def _add(section: argparse._ArgumentGroup, option: Option) -> None:
    default = option.default_shown or option.default
    told = f"{option.help} [{default}]" if default else option.help
    told = told.replace("%", "%%")
    if option.kind is Kind.BOOLEAN:
        section.add_argument(
            option.flag, dest=option.name, nargs="?", const="true", default=argparse.SUPPRESS,
            metavar=option.placeholder, help=told,
        )  # fmt: skip
        return
    section.add_argument(
        option.flag, dest=option.name, default=argparse.SUPPRESS, metavar=option.placeholder, help=told
    )


def _epilog(verb: Verb, program: str) -> str:
    parts = [verb.epilog] if verb.epilog else []
    if verb.examples:
        lines = [f"  {program} {words}\n      {what}" for words, what in verb.examples]
        parts.append("examples:\n" + "\n".join(lines))
    if verb.groups:
        parts.append(_SOURCES)
    return "\n\n".join(parts)


def _understood(words: Sequence[str], known: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words without flags that nobody knows and the value behind each, and what to say of these flags."""
    kept, faults, value_may_follow = [], [], False
    for word in words:
        name, equals, _ = word.partition("=")
        found = name in known or word[:2] in known  # -nshop
        if not found and word.startswith("-") and word not in {"-", "--"} and not _NO_FLAG.match(word):
            faults.append(f"unknown flag {name}{hint(name, known)}")
            value_may_follow = not equals
            continue
        if found or not value_may_follow:
            kept.append(word)
        value_may_follow = False
    return kept, faults


def _too_many(made: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    """What was given in place of what is missing; nothing where something else is wrong."""
    _need_nothing(made)
    try:
        return [_unexpected(word) for word in made.parse_known_args(words)[1]]
    except ConfigError:
        return []


def _need_nothing(made: argparse.ArgumentParser) -> None:
    for action in made._actions:
        action.required = False


def _unexpected(word: str) -> str:
    return f"unexpected argument {word!r}"


def overview(program: str) -> str:
    """`autoscaler --help`."""
    width = max(len(name) for name in VERBS)
    verbs = "\n".join(f"  {verb.name:<{width}}  {verb.summary}" for verb in VERBS.values())
    return f"""usage: {program} VERB [OPTIONS]

Serves the Kubernetes Metrics API from memory, scales Deployments exactly as
the HorizontalPodAutoscaler would, and records every decision so that it
explains its number.

verbs:
{verbs}

first steps:
  {program} demo
      Watch it work against a simulated cluster; no Kubernetes needed.
  {program} doctor --kubeconfig ~/.kube/config
      See what is missing before it can run against a real one.
  {program} run --kubeconfig ~/.kube/config --metric-resolution 15s
      Run it.
  {program} explain shop/web
      Why does shop/web have as many replicas as it has?

`{program} VERB --help` tells the options of a verb.
{_SOURCES}
Exit codes: 0 done, 1 the answer is no, 2 something must be corrected first.
"""


_SOURCES = """Every option can also be set by a variable (--metric-resolution:
AUTOSCALER_METRIC_RESOLUTION) or in the file named by --config
(metricResolution: 15s). A flag wins over a variable, a variable over the file,
the file over the default. `config print --origins` shows what holds, and why."""
