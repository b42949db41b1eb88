"""`autoscaler doctor`: what running needs, looked at one by one, each bad line with what to do about it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TextIO

import msgspec
from msgspec import Struct

from autoscaler.audit import reasons
from autoscaler.audit.brokerlog import BrokerLog
from autoscaler.audit.brokers import KafkaSettings as ProducerSettings
from autoscaler.audit.producer import KafkaProducer
from autoscaler.cli import clusterchecks, kubeletcheck, leasecheck, localchecks, policycheck
from autoscaler.cli.finding import Finding, State, bad
from autoscaler.clock import Clock, SystemClock
from autoscaler.config.settings import KafkaSettings, KubeletSettings, LeaseSettings, Settings
from autoscaler.core.table import GAP, aligned, plain
from autoscaler.errors import AuditError, ConfigError
from autoscaler.kube.client import KubeClient
from autoscaler.kube.connection import Connections, connect
from autoscaler.kube.lease import LeaseClient
from autoscaler.kube.serverclock import ServerClock
from autoscaler.kubelets import kubelet_client
from autoscaler.model.metrics import Source
from autoscaler.telemetry import Telemetry
from autoscaler.telemetry.logs import configure_logs


class Asked(Struct, frozen=True):
    """`checks` by name (`cli.verbs.CHECKS`), () for all that running needs; policies are tried in `namespace`."""

    checks: tuple[str, ...] = ()
    namespace: str = "default"


EVERYTHING = Asked()


def run(settings: Settings, asked: Asked = EVERYTHING, *, output: str, out: TextIO) -> int:
    """Print the report as a table or as JSON; 0 when nothing is bad, else 1. What is asked by name must be good."""
    configure_logs("critical", "text")  # the report says it
    clock = SystemClock()
    findings = asyncio.run(examine_named(settings, asked, clock) if asked.checks else examine(settings, clock))
    if output == "json":
        print(msgspec.json.format(msgspec.json.encode(findings)).decode(), file=out)
    else:
        print("\n".join(report(findings)), file=out)
    tolerated = {State.OK} if asked.checks else {State.OK, State.WARN}
    return int(any(finding.state not in tolerated for finding in findings))


def report(findings: Sequence[Finding]) -> list[str]:
    """The table; what to do stands below its line."""
    table = aligned([(finding.state.upper(), finding.check, finding.detail) for finding in findings])
    widths = (max(len(finding.state) for finding in findings), max(len(finding.check) for finding in findings))
    indent = " " * (sum(widths) + 2 * len(GAP))
    lines = []
    for line, finding in zip(table, findings, strict=True):
        lines += [line, f"{indent}→ {plain(finding.todo)}"] if finding.todo else [line]
    count = sum(finding.state is State.BAD for finding in findings)
    return [*lines, "", f"{count} to mend" if count else "nothing stands in the way"]


async def examine(settings: Settings, clock: Clock) -> list[Finding]:
    """Every finding, in the order in which mending them makes sense."""
    return [
        localchecks.configuration(settings),
        *await _cluster(settings, clock),
        await _kafka(settings.audit.kafka, clock),
        localchecks.spool(settings.audit),
    ]


async def examine_named(settings: Settings, asked: Asked, clock: Clock) -> list[Finding]:
    """One finding for each check, in the order they are asked for."""
    examined = {
        "lease": lambda: _asking(settings, clock, lambda client: _leader(client, settings.lease, clock)),
        "policies": lambda: _asking(settings, clock, lambda client: policycheck.examine(client, asked.namespace)),
        "kafka": lambda: _kafka(settings.audit.kafka, clock),
    }
    return [await examined[name]() for name in asked.checks]


async def _asking(settings: Settings, clock: Clock, examine: Callable[[KubeClient], Awaitable[Finding]]) -> Finding:
    try:
        connections = await connect(settings.kubeconfig, clock)
    except ConfigError as exc:
        return _no_cluster(exc)
    async with KubeClient(connections, Telemetry().kube) as client:
        return await examine(client)


async def _leader(client: KubeClient, settings: LeaseSettings, clock: Clock) -> Finding:
    return await leasecheck.leader(LeaseClient(client, settings.namespace, settings.name).read, settings, clock)


async def _kafka(settings: KafkaSettings, clock: Clock) -> Finding:
    return await localchecks.kafka(settings, lambda: _start_producer(settings, clock))


def _no_cluster(exc: ConfigError) -> Finding:
    return bad("API server", str(exc), "name the cluster's kubeconfig with --kubeconfig")


async def _cluster(settings: Settings, clock: Clock) -> list[Finding]:
    try:
        connections = await connect(settings.kubeconfig, clock)
    except ConfigError as exc:
        return [_no_cluster(exc)]
    kubelet, telemetry = settings.kubelet, Telemetry().kube
    async with KubeClient(connections, telemetry) as client:
        found = await clusterchecks.examine(client, Source(kubelet.source), kubelet.token_account)
        if len(found) > 1:  # the API server answers
            lease = LeaseClient(client, settings.lease.namespace, settings.lease.name)
            found.append(await leasecheck.clocks(ServerClock(client, clock, telemetry).ahead))
            found += await leasecheck.examine(client, lease.read, settings.lease, clock)
            found += await _kubelets(settings.kubelet, client, connections, clock)
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


async def _start_producer(settings: KafkaSettings, clock: Clock) -> None:
    """AuditError carries what aiokafka only logs: that is where a wrong password shows (audit.md §2)."""
    broker_log = BrokerLog(clock)
    with broker_log.attached():
        producer = KafkaProducer(ProducerSettings(**msgspec.structs.asdict(settings)))
        try:
            await producer.start()
        except Exception as exc:
            raise AuditError(reasons.told(exc, broker_log.last_error, "")) from exc
        finally:
            await producer.close()
