"""The `autoscaler` command, which is also `kubectl hps`: one module per verb, imported when it runs.

Exit codes: 0 done, 1 the answer is no or the outside world failed, 2 something to correct first, 130 interrupted.
"""

# ruff: noqa: PLC0415 - a verb imports only what it runs, and that after its words were found good
from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout, suppress
from typing import TYPE_CHECKING, TextIO, cast

from autoscaler import __version__
from autoscaler.cli.arguments import Command, find_verb, overview, parse, parser, program_name
from autoscaler.cli.output import guarded
from autoscaler.errors import AutoscalerError, ConfigError

if TYPE_CHECKING:
    from autoscaler.config.settings import Settings

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
BROKEN_PIPE = 141  # 128 + SIGPIPE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and say how it went; expected failures are one message on stderr, never a traceback."""
    with redirect_stdout(guarded(sys.stdout)):
        code = _outcome(sys.argv[1:] if arguments is None else arguments, program_name(sys.argv[0]))
        with suppress(AutoscalerError, BrokenPipeError):  # what was printed before a failure; the failure is the news
            sys.stdout.flush()
    return code


def _outcome(words: Sequence[str], program: str) -> int:
    try:
        code = _answer(words, program)
        sys.stdout.flush()
    except ConfigError as exc:
        print(f"{program}: {exc}", file=sys.stderr)
        return 2
    except AutoscalerError as exc:
        print(f"{program}: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return BROKEN_PIPE
    return code


def _answer(words: Sequence[str], program: str) -> int:
    if not words:
        print(overview(program), end="", file=sys.stderr)
        return 2
    if words[0] in {"-h", "--help", "help"}:
        print(overview(program), end="")
        return 0
    if words[0] == "--version":
        from autoscaler.core.compiled import COMPILED

        print(f"hpa-companion {__version__} ({'compiled' if COMPILED else 'not compiled'})")
        return 0
    verb = find_verb(words[0])
    if {"-h", "--help"} & set(words[1:]):
        print(parser(verb, program).format_help(), end="")
        return 0
    return _RUN[verb.name](parse(verb, words[1:], program))


def _run(command: Command) -> int:
    settings = _settings(command)
    from autoscaler.lean import lean

    lean()
    from autoscaler import app
    from autoscaler.telemetry.logs import configure_logs, unread
    from autoscaler.telemetry.sink import Sink, last_words

    log = cast("TextIO", Sink(sys.stderr, unread))
    configure_logs(settings.log.level, "json" if settings.log.format == "json" else "text", log)
    try:
        return app.run(settings)
    finally:
        last_words()


def _demo(command: Command) -> int:
    _refuse(command)
    from autoscaler.cli import demo

    return demo.run()


def _explain(command: Command) -> int:
    import gc

    gc.disable()  # of what is loaded nothing is garbage, and a person waits
    settings = _settings(command)
    from autoscaler.cli import explain
    from autoscaler.cli.recordsource import record_source

    gc.enable()
    own = command.own
    target = own.target if command.verb == "explain" else "/".join(_where(own.name, own.namespace))
    if command.verb == "why" and not own.source:
        from autoscaler.cli import why

        namespace, name = target.split("/")
        return why.run(
            settings.kubeconfig, namespace, name, at=own.at, diff=own.diff, output=own.output, out=sys.stdout
        )
    source = record_source(own.source, settings)
    return explain.run(target, source=source, at=own.at, diff=own.diff, output=own.output, out=sys.stdout)


def _where(name: str, namespace: str) -> tuple[str, str]:
    """Namespace and name of what `why` is asked about: NAME with or without -n, or NAMESPACE/NAME, as `explain`."""
    parts = name.split("/")
    if len(parts) == 1:
        return namespace or "default", name
    if len(parts) > 2 or not all(parts):
        place = parts[0] or "NAMESPACE"
        raise ConfigError(f"{name!r} is neither NAME nor NAMESPACE/NAME: ask `why {parts[-1] or 'NAME'} -n {place}`")
    if namespace not in ("", parts[0]):
        raise ConfigError(f"{name!r} is in namespace {parts[0]}, and -n says {namespace}: leave one of the two out")
    return parts[0], parts[1]


def _audit(command: Command) -> int:
    settings = _settings(command)
    from autoscaler.cli import audit

    own = command.own
    request = audit.Request(
        action=own.action,
        what=own.what,
        source=own.source,
        target=own.target,
        since=own.since,
        until=own.until,
        reasons=tuple(own.reason),
        outcomes=tuple(own.outcome),
        lines=own.lines,
        follow=own.follow,
        output=own.output,
        to=own.to,
    )
    return audit.run(settings, request, sys.stdout)


def _replay(command: Command) -> int:
    settings = _settings(command)
    from autoscaler.cli import replay

    own = command.own
    request = replay.Request(
        source=own.source,
        policies=tuple(own.policy),
        target=own.target,
        since=own.since,
        until=own.until,
        ready_after=own.ready_after,
        output=own.output,
        to=own.to,
    )
    return replay.run(settings, request, sys.stdout)


def _top(command: Command) -> int:
    settings = _settings(command)
    from autoscaler.cli import top

    own = command.own
    if own.kind in {"node", "nodes"}:
        given = {"-n": own.namespace, "-A": own.all_namespaces, "--containers": own.containers}
        if idle := [flag for flag, value in given.items() if value]:
            raise ConfigError(f"top nodes: {', '.join(idle)} is for pods only: leave it out, or ask for `top pods`")
    request = top.Request(
        kind=own.kind.removesuffix("s"),
        name=own.name,
        namespace="" if own.all_namespaces else own.namespace or "default",
        selector=own.selector,
        sort_by=own.sort_by or "name",
        containers=own.containers,
    )
    return top.run(settings.kubeconfig, request, sys.stdout)


def _plan(command: Command) -> int:
    settings = _settings(command)
    from autoscaler.cli import plan

    return plan.run(command.own.bundle, sys.stdout, settings.control.controller.compat)


def _doctor(command: Command) -> int:
    settings = _settings(command)
    from autoscaler.cli import doctor

    return doctor.run(
        settings,
        doctor.Asked(tuple(command.own.check), command.own.namespace, command.own.kafka_probe),
        output=command.own.output,
        out=sys.stdout,
    )


def _config(command: Command) -> int:
    settings = _settings(command)
    from autoscaler.cli import config

    return config.run(settings, origins=command.own.origins, out=sys.stdout)


def _settings(command: Command) -> Settings:
    from autoscaler.config.load import load

    return load(command.flags, os.environ, command.faults)


def _refuse(command: Command) -> None:
    """A verb without settings still minds its arguments."""
    if command.faults:
        raise ConfigError("; ".join(command.faults))


_RUN: dict[str, Callable[[Command], int]] = {
    "run": _run,
    "demo": _demo,
    "explain": _explain,
    "why": _explain,
    "audit": _audit,
    "replay": _replay,
    "top": _top,
    "plan": _plan,
    "doctor": _doctor,
    "config": _config,
}
