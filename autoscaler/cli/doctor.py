"""`autoscaler doctor`: what running needs, looked at one by one, each bad line with what to do about it."""

from __future__ import annotations

import asyncio
import shutil
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TextIO

import msgspec
from msgspec import Struct

from autoscaler.audit import inquiry
from autoscaler.audit.brokers import KafkaSettings
from autoscaler.cli import (
    clusterchecks,
    frontproxycheck,
    kafkacheck,
    kubeletcheck,
    leasecheck,
    localchecks,
    policycheck,
    registrationcheck,
    targetcheck,
)
from autoscaler.cli.finding import Finding, State, bad
from autoscaler.cli.needs import needed
from autoscaler.clock import Clock, SystemClock
from autoscaler.config.settings import KubeletSettings, LeaseSettings, Settings
from autoscaler.core.compiled import COMPILED, FAULT
from autoscaler.core.table import GAP, aligned, plain
from autoscaler.errors import ConfigError
from autoscaler.kube.client import KubeClient
from autoscaler.kube.connection import Connections, connect
from autoscaler.kube.discovery import Discovery
from autoscaler.kube.lease import LeaseClient
from autoscaler.kube.serverclock import ServerClock
from autoscaler.kubelets import kubelet_client
from autoscaler.model.metrics import Source
from autoscaler.telemetry import KubeTelemetry, Telemetry
from autoscaler.telemetry.logs import configure_logs


class Asked(Struct, frozen=True):
    """`checks` by name (`cli.verbs.CHECKS`), () for all that running needs; policies are tried in `namespace`.

    `probe`: write a record to Kafka.
    """

    checks: tuple[str, ...] = ()
    namespace: str = "default"
    probe: bool = False


EVERYTHING = Asked()
CONNECT_SECONDS = 20.0
CLUSTER_SECONDS = 60.0
"""For all that the API server is asked; each kubelet, and Kafka, have limits of their own."""


def run(settings: Settings, asked: Asked = EVERYTHING, *, output: str, out: TextIO) -> int:
    """Print the report as a table or as JSON; 0 when nothing is bad, else 1. What is asked by name must be good."""
    configure_logs("critical", "text")  # the report says it
    clock = SystemClock()
    findings = asyncio.run(examine_named(settings, asked, clock) if asked.checks else examine(settings, clock, asked))
    if output == "json":
        print(msgspec.json.format(msgspec.json.encode(findings)).decode(), file=out)
    else:
        print("\n".join(report(findings, shutil.get_terminal_size().columns if out.isatty() else None)), file=out)
    tolerated = {State.OK} if asked.checks else {State.OK, State.WARN}
    return int(any(finding.state not in tolerated for finding in findings))


def report(findings: Sequence[Finding], width: int | None = None) -> list[str]:
    """A line for each, and what to do below its line; where these are wider than `width`, a paragraph for each."""
    lines = _table(findings)
    if width is not None and max(map(len, lines)) > width:
        lines = [line for finding in findings for line in _paragraph(finding, width)]
    return [*lines, "", _summary(findings)]


def _summary(findings: Sequence[Finding]) -> str:
    wrong, unsure = (sum(finding.state is state for finding in findings) for state in (State.BAD, State.WARN))
    told = f"{wrong} to mend" if wrong else "nothing stands in the way"
    return f"{told}, {unsure} in doubt" if unsure else told


def _table(findings: Sequence[Finding]) -> list[str]:
    table = aligned([(finding.state.upper(), finding.check, finding.detail) for finding in findings])
    widths = (max(len(finding.state) for finding in findings), max(len(finding.check) for finding in findings))
    indent = " " * (sum(widths) + 2 * len(GAP))
    lines = []
    for line, finding in zip(table, findings, strict=True):
        lines += [line, f"{indent}→ {plain(finding.todo)}"] if finding.todo else [line]
    return lines


def _paragraph(finding: Finding, width: int) -> list[str]:
    """Words stay whole, so that what is to be typed can be copied."""
    indent = " " * (len(State.WARN) + len(GAP))
    texts = [f"{indent}{plain(finding.detail)}", *([f"{indent}→ {plain(finding.todo)}"] if finding.todo else [])]
    wrapped = [
        textwrap.wrap(text, width, subsequent_indent=f"{indent}  ", break_long_words=False, break_on_hyphens=False)
        for text in texts
    ]
    return [
        f"{finding.state.upper():{len(indent)}}{plain(finding.check)}",
        *(line for each in wrapped for line in each),
    ]


async def examine(settings: Settings, clock: Clock, asked: Asked = EVERYTHING) -> list[Finding]:
    """Every finding, in the order in which mending them makes sense."""
    return [
        localchecks.configuration(settings),
        localchecks.build(compiled=COMPILED, fault=FAULT),
        *await _cluster(settings, clock),
        *await _kafka(settings, asked, clock),
        localchecks.spool(settings.audit),
    ]


async def examine_named(settings: Settings, asked: Asked, clock: Clock) -> list[Finding]:
    """The findings of each check, in the order they are asked for."""
    examined: dict[str, Callable[[], Awaitable[list[Finding]]]] = {
        "lease": lambda: _asking(settings, clock, lambda client: _leader(client, settings.lease, clock)),
        "policies": lambda: _asking(settings, clock, lambda client: policycheck.examine(client, asked.namespace)),
        "kafka": lambda: _kafka(settings, asked, clock),
    }
    return [finding for name in asked.checks for finding in await examined[name]()]


async def _asking(
    settings: Settings, clock: Clock, examine: Callable[[KubeClient], Awaitable[Finding]]
) -> list[Finding]:
    connections = await connected(settings.kubeconfig, clock)
    if isinstance(connections, Finding):
        return [connections]
    async with KubeClient(connections, Telemetry().kube) as client:
        return [await examine(client)]


async def _leader(client: KubeClient, settings: LeaseSettings, clock: Clock) -> Finding:
    return await leasecheck.leader(LeaseClient(client, settings.namespace, settings.name).read, settings, clock)


async def _kafka(settings: Settings, asked: Asked, clock: Clock) -> list[Finding]:
    kafka = KafkaSettings(**msgspec.structs.asdict(settings.audit.kafka))
    return await kafkacheck.examine(
        settings.audit,
        settings.usage,
        lambda topics: inquiry.inquire(kafka, topics, clock),
        (lambda: inquiry.probe(kafka, clock)) if asked.probe else None,
    )


async def connected(kubeconfig: str, clock: Clock, within: float = CONNECT_SECONDS) -> Connections | Finding:
    """The way to the API server, or why there is none."""
    try:
        async with asyncio.timeout(within):
            return await connect(kubeconfig, clock)
    except TimeoutError:
        told = f"no credentials within {within:g} s"
        return bad(
            clusterchecks.CHECK, told, "see what the credential plugin of the kubeconfig waits for: kubectl version"
        )
    except ConfigError as exc:
        return bad(clusterchecks.CHECK, str(exc), "mend what is named, or name another kubeconfig with --kubeconfig")


async def _cluster(settings: Settings, clock: Clock) -> list[Finding]:
    connections = await connected(settings.kubeconfig, clock)
    if isinstance(connections, Finding):
        return [connections]
    telemetry = Telemetry().kube
    async with KubeClient(connections, telemetry) as client:
        found = await in_time(_of_api_server(settings, client, telemetry, clock))
        if len(found) > 1:  # the API server answers
            found += await _kubelets(settings.kubelet, client, connections, clock)
    return found


async def _of_api_server(
    settings: Settings, client: KubeClient, telemetry: KubeTelemetry, clock: Clock
) -> AsyncIterator[Finding]:
    """As they are found; one alone when it does not answer."""
    first = await clusterchecks.answers(client)
    yield first
    if first.state is State.BAD:
        return
    scaled = await targetcheck.scaled(client, Discovery(client, clock).resource)
    reviews = True
    async for finding in clusterchecks.examine(client, needed(settings, scaled)):
        reviews &= finding.check != clusterchecks.RIGHTS
        yield finding
    for finding in await registrationcheck.examine(client, observing=settings.control.observe_hpas):
        yield finding
    yield await frontproxycheck.examine(client, clock)
    yield await leasecheck.clocks(ServerClock(client, clock, telemetry).ahead)
    lease = LeaseClient(client, settings.lease.namespace, settings.lease.name)
    for finding in await leasecheck.examine(client, lease.read, settings.lease, clock, reviews=reviews):
        yield finding


async def in_time(findings: AsyncIterator[Finding]) -> list[Finding]:
    """What is found within `CLUSTER_SECONDS`, and a line that says so where that is not all."""
    found: list[Finding] = []
    try:
        async with asyncio.timeout(CLUSTER_SECONDS):
            async for finding in findings:
                found.append(finding)  # noqa: PERF401 - what came in time is kept
    except TimeoutError:
        told = f"it is slow: what is missing in this report was not answered within {CLUSTER_SECONDS:g} s"
        found.append(bad(clusterchecks.CHECK, told, clusterchecks.ITSELF))
    return found


async def _kubelets(
    settings: KubeletSettings, client: KubeClient, connections: Connections, clock: Clock
) -> list[Finding]:
    try:
        kubelets = await kubelet_client(settings, connections, client, clock)
    except ConfigError as exc:
        return [bad(kubeletcheck.CHECK, str(exc), "correct the named file")]
    try:
        return await kubeletcheck.examine(client, kubelets, Source(settings.source), settings.node_selector, clock)
    finally:
        await kubelets.close()
