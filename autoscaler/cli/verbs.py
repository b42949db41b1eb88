"""What the program can be asked to do: every verb with its arguments, its help and its examples."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple

from autoscaler.config.option import Group
from autoscaler.config.options import GROUPS, OPTIONS

CHECKS = ("lease", "policies", "kafka")
"""What the doctor looks at by name."""
OUTCOMES = ("written", "held", "shadowed", "observed", "conflicted", "deferred", "failed")

LEAST_BUNDLE = (
    '{"now":"2026-11-23T12:00:00Z","policy":{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler",'
    '"metadata":{"name":"web","namespace":"shop"},"spec":{"scaleTargetRef":{"apiVersion":"apps/v1",'
    '"kind":"Deployment","name":"web"},"maxReplicas":9}},"scale":{"metadata":{"name":"web"},"spec":{"replicas":12}}}'
)
"""An input of `plan`: 12 are more than maxReplicas."""


class Verb(NamedTuple):
    """`usage` is what follows the verb, `examples` are (words after the program, what it does)."""

    name: str
    summary: str
    usage: str
    examples: tuple[tuple[str, str], ...]
    groups: tuple[Group, ...]
    add: Callable[[argparse.ArgumentParser], None]
    epilog: str = ""


def _nothing(_: argparse.ArgumentParser) -> None:
    """A verb without arguments of its own."""


def _add_explain(to: argparse.ArgumentParser) -> None:
    to.add_argument("target", metavar="NAMESPACE/NAME", help="The target (NAMESPACE/KIND/NAME is exact) or its policy.")
    _add_which(to)


def _add_why(to: argparse.ArgumentParser) -> None:
    to.add_argument("name", metavar="NAME", help="The policy, or its target; NAMESPACE/NAME does without -n.")
    to.add_argument("-n", "--namespace", default="", help="Where it is. [default]")
    _add_which(to, elsewhere="the running program")


def _add_from(to: argparse.ArgumentParser, elsewhere: str = "the configured spool") -> None:
    """`elsewhere`: what is asked without it."""
    to.add_argument(
        "--from", dest="source", default="", metavar="SOURCE",
        help="A spool's folder, a file of JSON Lines (gzip is recognized), - for standard input, `kafka` for the "
        f"configured topic, or kafka://HOST:PORT/TOPIC. [{elsewhere}]",
    )  # fmt: skip


def _add_which(to: argparse.ArgumentParser, elsewhere: str = "the configured spool") -> None:
    to.add_argument(
        "--at",
        metavar="WHICH",
        help="The decision in force at a time: RFC 3339, a date, or how long ago, such as 15m; or that of an id or its "
        "beginning (4 characters); or `oldest`, or `latest`. [the last that moved it]",
    )
    to.add_argument(
        "--diff", nargs=2, metavar=("WHICH", "WHICH"), default=(), help="What is different between two of these."
    )
    to.add_argument("-o", "--output", choices=("text", "json", "yaml"), default="text", help="How to tell it. [text]")
    _add_from(to, elsewhere)


def _add_audit(to: argparse.ArgumentParser) -> None:
    actions = ("tail", "show", "verify", "export")
    to.add_argument(
        "action", choices=actions, metavar="tail|show|verify|export",
        help="One line an evaluation; one record in full; is the record whole; all of it in a file.",
    )  # fmt: skip
    to.add_argument(
        "what", nargs="?", default="", metavar="ID", help="For `show`: the id of a decision, or its beginning."
    )
    _add_from(to)
    to.add_argument(
        "--target",
        default="",
        help="For `tail`, `verify`, `export`: only this target: NAMESPACE/NAME or NAMESPACE/KIND/NAME, * matches.",
    )
    to.add_argument(
        "--since",
        default="",
        metavar="TIME",
        help="For `tail`, `export`: not before this time: RFC 3339, a date, or how long ago, such as 15m.",
    )
    to.add_argument("--until", default="", metavar="TIME", help="For `tail`, `export`: not after it.")
    to.add_argument(
        "--reason",
        action="append",
        default=[],
        help="For `tail`, `export`: only this reason; may be given several times.",
    )
    to.add_argument(
        "--outcome", action="append", default=[], choices=OUTCOMES,
        help="For `tail`, `export`: only what came to this; may be given several times.",
    )  # fmt: skip
    to.add_argument("--lines", type=int, default=20, help="For `tail`: so many of the latest, by time. [20]")
    to.add_argument("-f", "--follow", action="store_true", help="For `tail`: and what comes from now on.")
    to.add_argument(
        "-o", "--output", choices=("text", "json"), default="text",
        help="For `tail` (json: the records, as `export` writes them), `show`, `verify`. [text]",
    )  # fmt: skip
    to.add_argument(
        "--to",
        default="-",
        metavar="FILE",
        help="For `export`: JSON Lines (.jsonl, .jsonl.gz), or a table (.parquet). [-]",
    )


def _add_replay(to: argparse.ArgumentParser) -> None:
    _add_from(to)
    to.add_argument(
        "--policy", action="append", default=[], metavar="FILE",
        help="What if this had been the policy? A HorizontalPodScaler or HorizontalPodAutoscaler as it would be "
        "applied, or several, for the targets that they name (* in a name matches any). One run for each FILE.",
    )  # fmt: skip
    to.add_argument("--target", default="", help="Only this target: NAMESPACE/NAME or NAMESPACE/KIND/NAME, * matches.")
    to.add_argument(
        "--since",
        default="",
        metavar="TIME",
        help="Not before this time: RFC 3339, a date, or how long ago, such as 2h.",
    )
    to.add_argument("--until", default="", metavar="TIME", help="Not after it.")
    to.add_argument(
        "--ready-after", default="30s", metavar="SPAN", help="How long a new pod is not ready, what if. [30s]"
    )
    to.add_argument(
        "-o", "--output", choices=("text", "json", "html"), default="",
        help="How to tell it. [by the ending of --to: .json, .html; else text]",
    )  # fmt: skip
    to.add_argument("--to", default="-", metavar="FILE", help="Where to write it. [-]")


def _add_top(to: argparse.ArgumentParser) -> None:
    to.add_argument("kind", choices=("nodes", "pods", "node", "pod"), metavar="nodes|pods", help="What to show.")
    to.add_argument("name", nargs="?", default="", metavar="NAME", help="Only this one.")
    where = to.add_mutually_exclusive_group()
    where.add_argument("-n", "--namespace", help="Pods of this namespace. [default]")
    where.add_argument("-A", "--all-namespaces", action="store_true", help="Pods of all namespaces.")
    to.add_argument("-l", "--selector", default="", help="Only objects with these labels, such as app=web.")
    to.add_argument("--sort-by", choices=("cpu", "memory"), help="Largest first. [by name]")
    to.add_argument("--containers", action="store_true", help="One line for every container of a pod.")


def _add_plan(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--bundle", required=True, metavar="FILE|-",
        help="JSON lines, one evaluation each, as docs/plan.md describes it; - reads stdin.",
    )  # fmt: skip


def _add_doctor(to: argparse.ArgumentParser) -> None:
    to.add_argument(
        "--check", action="append", default=[], choices=CHECKS, metavar="|".join(CHECKS),
        help="Only this; may be given several times. A doubt counts as bad then. `lease`: somebody leads; `policies`: "
        "a dry run admits a good one and refuses a bad one; `kafka`: the brokers know us, topics and rights are there. "
        "[all that running needs]",
    )  # fmt: skip
    to.add_argument(
        "-n", "--namespace", default="default", help="Where `--check policies` tries one; nothing is kept. [default]"
    )
    to.add_argument(
        "--kafka-probe", action="store_true",
        help="Write one record to the topic of decisions: of type dev.hpa-companion.probe.v1, which readers skip.",
    )  # fmt: skip
    to.add_argument("-o", "--output", choices=("table", "json"), default="table", help="How to tell it. [table]")


def _add_config(to: argparse.ArgumentParser) -> None:
    to.add_argument("action", choices=("print",), metavar="print", help="Write the settings that hold, as YAML.")
    to.add_argument("--origins", action="store_true", help="Say of every line where its value comes from.")


def _some(*names: str) -> tuple[Group, ...]:
    return (Group("Settings", "The ones this verb reads.", tuple(OPTIONS[name] for name in names)),)


_READERS = ("audit-spool-dir", "audit-topic", "audit-kafka-bootstrap-servers", "audit-kafka-security-protocol",
            "audit-kafka-sasl-mechanism", "audit-kafka-username-file", "audit-kafka-password-file",
            "audit-kafka-ca-file", "audit-kafka-cert-file", "audit-kafka-key-file")  # fmt: skip
_RECORDS = _some(*_READERS, "config")

_ALL = (
    Verb("run", "Scrape kubelets, serve the Metrics API, scale, record.", "[OPTIONS]",
        (("run --kubeconfig ~/.kube/config", "Against the cluster of a kubeconfig."),
         ("run --config /etc/autoscaler/config.yaml --log-format=json", "With a file, as the chart does."),
         ("run --audit-kafka-bootstrap-servers=kafka-0:9092,kafka-1:9092", "With the record delivered to Kafka.")),
        GROUPS, _nothing),
    Verb("demo", "The same program against a simulated cluster, to watch (about 90 s).", "",
        (("demo", "Load rises, pods follow, a kubelet dies, load falls."),), (), _nothing,
        "Its record and its log stay in ~/.local/state/hpa-companion/demo-UID\n"
        "(below $XDG_STATE_HOME, if that is set); UID is your user's number, so root has\n"
        "demo-0. The next demo of the same user replaces them; one that is started\n"
        "meanwhile has demo-UID-2. The end tells the command that asks the record."),
    Verb("explain", "Why has a target this many replicas? The sums of one decision.",
        "NAMESPACE/NAME [OPTIONS]",
        (("explain shop/web", "The last decision that moved it."),
         ("explain shop/web --at 2026-11-23T09:54:00Z -o json", "The one that held then, for a program."),
         ("explain shop/web --diff 2026-11-23T09:54:00Z 2026-11-23T10:00:00Z", "What had changed by then.")),
        _RECORDS, _add_explain),
    Verb("why", "As `explain`, asked of the running program through the API server.",
        "[NAMESPACE/]NAME [-n NAMESPACE] [OPTIONS]",
        (("why web -n shop", "The last decision that moved it."),),
        _some("kubeconfig", *_READERS, "config"), _add_why,
        "Each replica has what it decided while it led. Where those who answer may not have the newest decision, that\n"
        "comes first, with why, and the exit code is 1; it is 1, too, where only the policy's status could be told."),
    Verb("audit", "Read the record of decisions: list, show, check, export.",
        "tail|show|verify|export [ID] [OPTIONS]",
        (("audit tail -f --target 'shop/*'", "What is decided in a namespace, as it happens."),
         ("audit tail --outcome written --since 2026-11-23T00:00:00Z", "What moved since then."),
         ("audit show 4f2a9c0d81e64b5f9d3a7c1e2b6f8a90", "One record in full."),
         ("audit verify --from kafka://kafka:9092/autoscaler.decisions", "Is the topic complete and in order?"),
         ("audit export --to decisions.parquet", "Every evaluation as a row.")),
        _RECORDS, _add_audit,
        "What is chosen by --reason or --outcome is a selection: `verify` and `replay` may miss records in it.\n"
        "Exit code of `verify`: 0 the record is whole, 1 something is missing, out of order or unreadable, a record\n"
        "is not what its own sums give, contradicts itself, has the number or id of another one or is of before\n"
        "the one before it, or nothing was there to check. Of `export`: 1 nothing matched, or some was left out. Of\n"
        "`tail`: 1 some could not be read."),
    Verb("replay", "Decide a record again, as it was decided or by another policy.",
        "[--from SOURCE] [--policy FILE]... [OPTIONS]",
        (("replay --from decisions.jsonl.gz", "Every decision again, from its record alone."),
         ("replay --policy new.yaml --since 2026-11-16T00:00:00Z", "A week under another policy."),
         ("replay --policy new.yaml -o html --to week.html", "The same as a page with plots."),
         ("replay --from kafka://kafka:9092/autoscaler.decisions --target 'shop/*'", "A namespace, from the topic.")),
        _some(*_READERS, "compat", "config"), _add_replay,
        "Exit code: 0 every decision that was made again came out as it was recorded, and a reason is told for each\n"
        "that was not; 1 one did not, records are missing, out of order or cut off, or none could be made again;\n"
        "2 something to correct first. What was left out is counted; what the record cannot answer is said, never\n"
        "guessed."),
    Verb("top", "CPU and memory of nodes or pods, with the age of every sample.",
        "nodes|pods [NAME] [-n NAMESPACE | -A] [-l SELECTOR] [--sort-by cpu|memory] [--containers]",
        (("top nodes", "Every node."),
         ("top pods -A --sort-by memory", "All pods, the largest first.")),
        _some("kubeconfig", "config"), _add_top),
    Verb("plan", "Evaluate recorded inputs offline: JSON lines in, a result line each.", "--bundle FILE|- [OPTIONS]",
        (("plan --bundle bundles.jsonl", "From a file."),
         ("plan --bundle - < bundles.jsonl", "From standard input.")),
        _some("compat", "config"), _add_plan, f"The least that can be decided, on one line:\n  {LEAST_BUNDLE}"),
    Verb("doctor", "Check what running needs: cluster, rights, kubelets, Kafka, spool.", "[OPTIONS]",
        (("doctor", "With the settings run would have; give it the same flags."),
         ("doctor --check policies -n shop", "Does the API server take an hps in shop, and refuse a bad one?"),
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
