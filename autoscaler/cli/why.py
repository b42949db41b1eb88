"""`kubectl hps why web -n shop`: what `explain` tells, asked of the running program through the API server.

With the caller's own kubeconfig and nothing else; the answer is the record itself. A replica that never led has none:
then the policy's status tells what it can.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Protocol, TextIO

import msgspec
from msgspec import Struct

from autoscaler.audit.collected import Collected
from autoscaler.audit.event import Event, from_line
from autoscaler.cli import explain
from autoscaler.clock import SystemClock
from autoscaler.core.explanation import printable
from autoscaler.errors import MalformedError, NotFoundError
from autoscaler.kube.client import KubeClient, Params, segment
from autoscaler.kube.connection import connect
from autoscaler.telemetry import Telemetry
from autoscaler.telemetry.logs import configure_logs

MOST = 500


class Getter(Protocol):
    """`kube.client.KubeClient`."""

    async def get(self, path: str, params: Params = ()) -> bytes: ...


class _Condition(Struct, frozen=True):
    type: str = ""
    status: str = ""
    reason: str = ""
    message: str = ""


class _Status(Struct, frozen=True, rename="camel"):
    current_replicas: int | None = None
    desired_replicas: int | None = None
    last_decision_id: str = ""
    conditions: tuple[_Condition, ...] = ()


class _Policy(Struct, frozen=True):
    status: _Status = _Status()


def run(
    kubeconfig: str, namespace: str, name: str, *, at: str | None, diff: Sequence[str], output: str, out: TextIO
) -> int:
    """0 when the decision was told, 1 when only the status could be. Raises KubeError, AuditError, ConfigError."""
    found = asyncio.run(_ask(kubeconfig, namespace, name))
    if isinstance(found, Collected):
        return explain.tell(found, f"{namespace}/{name}", at=at, diff=diff, output=output, out=out)
    for each in found:
        print(printable(each), file=out)
    return 1


async def _ask(kubeconfig: str, namespace: str, name: str) -> Collected | list[str]:
    configure_logs("critical", "text")  # what goes wrong ends in one message
    async with KubeClient(await connect(kubeconfig, SystemClock()), Telemetry().kube) as client:
        return await asked(client, namespace, name)


async def asked(client: Getter, namespace: str, name: str) -> Collected | list[str]:
    """The records, or the lines of a status where whoever answered has none."""
    where = f"namespaces/{segment(namespace)}"
    path = f"/apis/metrics.k8s.io/v1beta1/{where}/decisions/{segment(name)}"
    try:
        body = await client.get(path, (("limit", str(MOST)),))
    except NotFoundError as exc:
        policy = f"/apis/hpa-companion.dev/v1alpha1/{where}/horizontalpodscalers/{segment(name)}"
        try:
            return list(_told(await client.get(policy), f"{namespace}/{name}", str(exc)))
        except NotFoundError:
            raise exc from None
    made = Collected(path)
    await made.take(_events(body, path), namespace)
    return made


async def _events(body: bytes, path: str) -> AsyncIterator[Event | MalformedError]:
    for number, line in enumerate(body.splitlines(), 1):
        try:
            yield from_line(line, f"{path}:{number}")
        except MalformedError as exc:
            yield exc


def _told(body: bytes, name: str, why: str) -> Iterator[str]:
    status = msgspec.json.decode(body, type=_Policy).status
    yield f"{name}: {status.current_replicas} replicas, {status.desired_replicas} wanted; of its status only, as {why}"
    for each in status.conditions:
        yield f"  {each.type} {each.status} {each.reason}: {each.message}"
    if status.last_decision_id:
        yield f"last decision {status.last_decision_id}: kubectl hps audit show {status.last_decision_id} --from SOURCE"
