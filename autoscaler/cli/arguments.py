"""Verbs, their arguments and their help: words in, a `Command` out. Nothing is imported here that a verb runs."""

from __future__ import annotations

import argparse
import os
import shutil
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, NoReturn

from autoscaler.config.nearest import hint
from autoscaler.config.option import Group, Kind, Option
from autoscaler.config.options import GROUPS, OPTIONS
from autoscaler.errors import ConfigError


class Verb(NamedTuple):
    """`usage` is what follows the verb, `examples` are (words after the program, what it does)."""

    name: str
    summary: str
    usage: str
    examples: tuple[tuple[str, str], ...]
    groups: tuple[Group, ...]
    add: Callable[[argparse.ArgumentParser], None]
    epilog: str = ""


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

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)


def program_name(argv0: str) -> str:
    """What the user typed: `kubectl hps` when kubectl started us as its plugin."""
    name = os.path.basename(argv0)
    return "kubectl " + name.removeprefix("kubectl-").replace("_", "-") if name.startswith("kubectl-") else "autoscaler"


def typed(argv0: str) -> str:
    """What a person types to get the program again from where it was started: `make demo` has it off the PATH."""
    if argv0.endswith("__main__.py"):
        return "python -m autoscaler"
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
    """The command; arguments that a person must correct at once raise ConfigError, unknown ones become faults."""
    own, unknown = parser(verb, program).parse_known_args(list(words))
    given = vars(own)
    flags = {name: given.pop(name) for name in OPTIONS if name in given}
    known = [option.flag for group in verb.groups for option in group.options]
    known += [flag for action in parser(verb, program)._actions for flag in action.option_strings]
    return Command(verb.name, flags, own, tuple(_unknown(unknown, known)))


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


def _unknown(words: Iterable[str], known: Sequence[str]) -> Iterable[str]:
    for word in words:
        name = word.partition("=")[0]
        if name.startswith("-"):
            yield f"unknown flag {name}{hint(name, known)}"
        else:
            yield f"unexpected argument {word!r}"


def overview(program: str) -> str:
    """`autoscaler --help`."""
    width = max(len(name) for name in VERBS)
    verbs = "\n".join(f"  {verb.name:<{width}}  {verb.summary}" for verb in VERBS.values())
    return f"""usage: {program} VERB [OPTIONS]

Serves the Kubernetes Metrics API from memory, scales Deployments exactly as the HorizontalPodAutoscaler
would, and keeps a record of every decision that explains its number.

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

`{program} VERB --help` tells the options of a verb, `{program} --version` the version.
{_SOURCES}
Exit codes: 0 done, 1 the answer is no, 2 something must be corrected first.
"""


_SOURCES = """Every option can also be set by a variable (--metric-resolution: AUTOSCALER_METRIC_RESOLUTION) or in the
file named by --config (metricResolution: 15s). A flag wins over a variable, a variable over the file, the file
over the default. `config print --origins` shows what holds and where it comes from."""


def _nothing(_: argparse.ArgumentParser) -> None:
    """A verb without arguments of its own."""


def _add_explain(to: argparse.ArgumentParser) -> None:
    to.add_argument("target", metavar="NAMESPACE/NAME", help="The target (NAMESPACE/KIND/NAME is exact) or its policy.")
    _add_which(to)


def _add_why(to: argparse.ArgumentParser) -> None:
    to.add_argument("name", metavar="NAME", help="The policy, or its target.")
    to.add_argument("-n", "--namespace", default="default", help="Where it is. [default]")
    _add_which(to)


def _add_which(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--at", metavar="TIME", help="The decision in force at this RFC 3339 time. [the last that moved it]"
    )
    to.add_argument(
        "--diff", nargs=2, metavar=("TIME", "TIME"), default=(), help="What is different between those of two times."
    )
    to.add_argument("-o", "--output", choices=("text", "json", "yaml"), default="text", help="How to tell it. [text]")


def _add_audit(to: argparse.ArgumentParser) -> None:
    actions = ("tail", "show", "verify", "export")
    to.add_argument(
        "action", choices=actions, metavar="tail|show|verify|export",
        help="One line an evaluation; one record in full; is the record whole; all of it in a file.",
    )  # fmt: skip
    to.add_argument("what", nargs="?", default="", metavar="ID", help="For `show`: the id of a decision.")
    to.add_argument(
        "--from", dest="source", default="", metavar="SOURCE",
        help="A spool's folder, a file of JSON Lines (gzip is recognized), - for standard input, `kafka` for the "
        "configured topic, or kafka://HOST:PORT/TOPIC. [the configured spool]",
    )  # fmt: skip
    to.add_argument("--target", default="", help="Only this target: NAMESPACE/NAME or NAMESPACE/KIND/NAME, * matches.")
    to.add_argument("--since", default="", metavar="TIME", help="Not before this RFC 3339 time.")
    to.add_argument("--until", default="", metavar="TIME", help="Not after it.")
    to.add_argument("--reason", action="append", default=[], help="Only this reason; may be given several times.")
    to.add_argument(
        "--outcome", action="append", default=[],
        choices=("written", "held", "shadowed", "conflicted", "deferred", "failed"),
        help="Only what came to this; may be given several times.",
    )  # fmt: skip
    to.add_argument("--lines", type=int, default=20, help="For `tail`: so many of the last. [20]")
    to.add_argument("-f", "--follow", action="store_true", help="For `tail`: and what comes from now on.")
    to.add_argument("-o", "--output", choices=("text", "json"), default="text", help="For `show`, `verify`. [text]")
    to.add_argument(
        "--to", default="-", metavar="FILE", help="For `export`: JSON Lines, or a table where it ends in .parquet. [-]"
    )


def _add_top(to: argparse.ArgumentParser) -> None:
    to.add_argument("kind", choices=("nodes", "pods", "node", "pod"), metavar="nodes|pods", help="What to show.")
    to.add_argument("name", nargs="?", default="", metavar="NAME", help="Only this one.")
    where = to.add_mutually_exclusive_group()
    where.add_argument("-n", "--namespace", default="default", help="Pods of this namespace. [default]")
    where.add_argument("-A", "--all-namespaces", action="store_true", help="Pods of all namespaces.")
    to.add_argument("-l", "--selector", default="", help="Only objects with these labels, such as app=web.")
    to.add_argument("--sort-by", choices=("cpu", "memory"), help="Largest first. [by name]")
    to.add_argument("--containers", action="store_true", help="One line for every container of a pod.")


def _add_plan(to: argparse.ArgumentParser) -> None:
    to.add_argument("--bundle", required=True, metavar="FILE|-", help="JSON lines, one evaluation each; - reads stdin.")


def _add_doctor(to: argparse.ArgumentParser) -> None:
    to.add_argument("-o", "--output", choices=("table", "json"), default="table", help="How to tell it. [table]")


def _add_config(to: argparse.ArgumentParser) -> None:
    to.add_argument("action", choices=("print",), metavar="print", help="Write the settings that hold, as YAML.")
    to.add_argument("--origins", action="store_true", help="Say of every line where its value comes from.")


def _some(*names: str) -> tuple[Group, ...]:
    return (Group("Settings", "The ones this verb reads.", tuple(OPTIONS[name] for name in names)),)


_ALL = (
    Verb("run", "Scrape kubelets, serve the Metrics API, scale, record.", "[OPTIONS]",
        (("run --kubeconfig ~/.kube/config", "Against the cluster of a kubeconfig."),
         ("run --config /etc/autoscaler/config.yaml --log-format=json", "With a file, as the chart does."),
         ("run --audit-kafka-bootstrap-servers=kafka-0:9092,kafka-1:9092", "With the record delivered to Kafka.")),
        GROUPS, _nothing),
    Verb("demo", "The same program against a simulated cluster, to watch (about 90 s).", "",
        (("demo", "Load rises, pods follow, a kubelet dies, load falls."),), (), _nothing),
    Verb("explain", "Why has a target this many replicas? The sums of one decision.",
        "NAMESPACE/NAME [OPTIONS]",
        (("explain shop/web", "The last decision that moved it."),
         ("explain shop/web --at 2026-11-23T09:54:00Z -o json", "The one that held then, for a program."),
         ("explain shop/web --diff 2026-11-23T09:54:00Z 2026-11-23T10:00:00Z", "What had changed by then.")),
        _some("audit-spool-dir", "config"), _add_explain),
    Verb("why", "The same as `explain`, with kubectl's way to name a namespace.",
        "NAME [-n NAMESPACE] [OPTIONS]",
        (("why web -n shop", "The last decision that moved it."),),
        _some("audit-spool-dir", "config"), _add_why),
    Verb("audit", "Read the record of decisions: list, show, check, export.",
        "tail|show|verify|export [ID] [OPTIONS]",
        (("audit tail -f --target 'shop/*'", "What is decided in a namespace, as it happens."),
         ("audit tail --outcome written --since 2026-11-23T00:00:00Z", "What moved since then."),
         ("audit show 4f2a9c0d81e64b5f9d3a7c1e2b6f8a90", "One record in full."),
         ("audit verify --from kafka://kafka:9092/autoscaler.decisions", "Is the topic complete and in order?"),
         ("audit export --to decisions.parquet", "Every evaluation as a row.")),
        _some("audit-spool-dir", "audit-topic", "audit-kafka-bootstrap-servers", "audit-kafka-security-protocol",
              "audit-kafka-sasl-mechanism", "audit-kafka-username-file", "audit-kafka-password-file",
              "audit-kafka-ca-file", "audit-kafka-cert-file", "audit-kafka-key-file", "config"), _add_audit,
        "Exit code of `verify`: 0 the record is whole, 1 something is missing, out of order or unreadable."),
    Verb("top", "CPU and memory of nodes or pods, with the age of every sample.",
        "nodes|pods [NAME] [-n NAMESPACE | -A] [-l SELECTOR] [--sort-by cpu|memory] [--containers]",
        (("top nodes", "Every node."),
         ("top pods -A --sort-by memory", "All pods, the largest first.")),
        _some("kubeconfig", "config"), _add_top),
    Verb("plan", "Evaluate recorded inputs offline: JSON lines in, one result line each.", "--bundle FILE|- [OPTIONS]",
        (("plan --bundle bundles.jsonl", "From a file."),
         ("plan --bundle - < bundles.jsonl", "From standard input.")),
        _some("compat", "config"), _add_plan),
    Verb("doctor", "Check what running needs: cluster, rights, registration, kubelets, Kafka, spool.", "[OPTIONS]",
        (("doctor", "With the settings run would have; give it the same flags."),
         ("doctor -o json", "For a program.")),
        GROUPS, _add_doctor,
        "The API server is asked with the credentials of the kubeconfig: to check those of the installed program, run\n"
        "it in the pod. Exit code 0: nothing stands in the way, 1: a line is bad."),
    Verb("config", "Show the settings that hold.", "print [--origins] [OPTIONS]",
        (("config print > config.yaml", "A file to begin with: `run --config config.yaml`."),
         ("config print --origins", "Flag, environment, file or default?")),
        GROUPS, _add_config),
)  # fmt: skip
VERBS: dict[str, Verb] = {verb.name: verb for verb in _ALL}
