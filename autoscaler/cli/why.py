"""`kubectl hps why web -n shop`: what `explain` tells, asked of the running program through the API server.

With the caller's own kubeconfig and nothing else; the answer is the record itself. A replica that never led has none:
then the policy's status tells what it can. One that led before has what it decided then: the status names the newest.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Protocol, TextIO

import msgspec
from msgspec import Struct

from autoscaler.audit import codec
from autoscaler.audit.collected import Collected
from autoscaler.audit.event import Event, from_line
from autoscaler.audit.naming import keys_of
from autoscaler.cli import explain
from autoscaler.clock import SystemClock
from autoscaler.core.explanation import printable
from autoscaler.core.figures import counted
from autoscaler.errors import ForbiddenError, MalformedError, NotFoundError
from autoscaler.kube.client import KubeClient, Params, segment
from autoscaler.kube.connection import connect
from autoscaler.telemetry import Telemetry
from autoscaler.telemetry.logs import configure_logs

MOST = 500
TRIES = 6
"""Questions, of which each may meet another replica: of two, one is missed by all of them once in 64 times."""


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


class Answer(Struct, frozen=True):
    """What was found: `records`, None where whoever answered has none; the policy's status; why that is not all."""

    records: Collected | None
    status: _Status
    note: str = ""


def run(
    kubeconfig: str, namespace: str, name: str, *, at: str | None, diff: Sequence[str], output: str, out: TextIO
) -> int:
    """0 when the decision was told, 1 when only the status or an older one could be, or not all could be read. Raises
    KubeError, AuditError, ConfigError.
    """
    found = asyncio.run(_ask(kubeconfig, namespace, name))
    return tell(found, f"{namespace}/{name}", at=at, diff=diff, output=output, out=out)


def tell(found: Answer, name: str, *, at: str | None, diff: Sequence[str], output: str, out: TextIO) -> int:
    """The same from an answer that is at hand. What is not the newest says so first: as text, or on standard error."""
    if found.records is None:
        if output != "text":
            out.write(explain.document({"target": name, "note": found.note, "status": found.status}, output))
            return 1
        for each in _told(found.status, name, found.note):
            print(printable(each), file=out)
        return 1
    if found.note:
        print(printable(found.note), file=out if output == "text" else sys.stderr)
    try:
        code = explain.tell(found.records, name, at=at, diff=diff, output=output, out=out)
    finally:
        missed = explain.warn(found.records)
    return code or int(missed or bool(found.note))


async def _ask(kubeconfig: str, namespace: str, name: str) -> Answer:
    configure_logs("critical", "text")  # what goes wrong ends in one message
    async with KubeClient(await connect(kubeconfig, SystemClock()), Telemetry().kube) as client:
        return await asked(client, namespace, name)


async def asked(client: Getter, namespace: str, name: str) -> Answer:
    """What one of the replicas has. Which one answers is chance, and one that led before has only what it decided:
    where the policy's status names a decision that is not there, others are asked too. NotFoundError: nobody has any.
    """
    best: Collected | None = None
    missing: NotFoundError | None = None
    status: _Status | None = None
    for _ in range(TRIES):
        try:
            records = await _records(client, namespace, name)
        except NotFoundError as exc:
            missing, records = exc, None
        policy = name if records is None else _policy_of(records, f"{namespace}/{name}") or name
        status = await _status(client, namespace, policy) or status
        wanted = "" if status is None else status.last_decision_id
        if records is not None:
            best = records
            if not wanted or records.holds(wanted):
                return Answer(records, status or _Status())
    if status is None and missing is not None:
        raise missing
    told = status or _Status()
    if best is None:
        return Answer(None, told, str(missing))
    newest = told.last_decision_id
    return Answer(
        best,
        told,
        f"NOT the newest decision: that is {newest}, and no replica that answered has it; "
        f"kubectl hps audit show {newest} --from SOURCE",
    )


async def _records(client: Getter, namespace: str, name: str) -> Collected:
    path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{segment(namespace)}/decisions/{segment(name)}"
    made = Collected(path)
    await made.take(_events(await client.get(path, (("limit", str(MOST)),)), path), namespace)
    return made


async def _status(client: Getter, namespace: str, policy: str) -> _Status | None:
    where = f"namespaces/{segment(namespace)}/horizontalpodscalers/{segment(policy)}"
    try:
        body = await client.get(f"/apis/hpa-companion.dev/v1alpha1/{where}")
    except (NotFoundError, ForbiddenError):
        return None  # an HPA that is observed has no status of ours, and records may be read without policies
    return msgspec.json.decode(body, type=_Policy).status


def _policy_of(records: Collected, target: str) -> str:
    """The policy of ours that made the newest decision, "" when there is not the one."""
    keys = keys_of(records, target.split("/"))
    newest = records.newest(keys[0]) if len(keys) == 1 else None
    try:
        policy = None if newest is None else codec.decode(newest.body).policy
    except MalformedError:
        return ""
    return "" if policy is None or policy.kind != "HorizontalPodScaler" else policy.name


async def _events(body: bytes, path: str) -> AsyncIterator[Event | MalformedError]:
    for number, line in enumerate(body.splitlines(), 1):
        try:
            yield from_line(line, f"{path}:{number}")
        except MalformedError as exc:
            yield exc


def _told(status: _Status, name: str, why: str) -> Iterator[str]:
    size = "of unknown size" if status.current_replicas is None else counted(status.current_replicas, "replica")
    wanted = "no number" if status.desired_replicas is None else status.desired_replicas
    yield f"{name}: {size}, {wanted} wanted; of its status only, as {why}"
    for each in status.conditions:
        yield f"  {each.type} {each.status} {each.reason}: {each.message}"
    if status.last_decision_id:
        yield f"last decision {status.last_decision_id}: kubectl hps audit show {status.last_decision_id} --from SOURCE"
