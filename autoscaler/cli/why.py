"""`kubectl hps why web -n shop`: what `explain` tells, asked of the running program through the API server.

With the caller's own kubeconfig and nothing else; the answer is the record itself. A replica that never led has none:
then the policy's status tells what it can. One that led before has what it decided then, which its age betrays, or the
status, which names the newest decision that changed anything.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Protocol, TextIO

import msgspec
from msgspec import Struct

from autoscaler.audit import codec
from autoscaler.audit.codec import Record
from autoscaler.audit.collected import Collected
from autoscaler.audit.event import Event, from_line
from autoscaler.audit.naming import keys_of
from autoscaler.cli import explain
from autoscaler.cli.absence import API, is_ours, unnamed, unserved
from autoscaler.clock import SystemClock
from autoscaler.core.explanation import printable
from autoscaler.core.figures import counted, span
from autoscaler.core.repeats import latest
from autoscaler.errors import AutoscalerError, ForbiddenError, MalformedError, NotFoundError
from autoscaler.kube.client import KubeClient, Params, segment
from autoscaler.kube.connection import connect
from autoscaler.model.instant import parse_instant, seconds_text
from autoscaler.telemetry import Telemetry
from autoscaler.telemetry.logs import configure_logs

MOST = 500
TRIES = 6
"""Questions, of which each may meet another replica: of two, one is missed by all of them once in 64 times."""
QUIET_SECONDS = 60.0
"""Without an evaluation: four of the usual `--sync-period`, within which whoever leads evaluates every target."""


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
    """0 when the decision was told, 1 when only the status could be, one that is older or may be, or not all could be
    read. Raises KubeError, AuditError, ConfigError.
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
    clock = SystemClock()
    async with KubeClient(await connect(kubeconfig, clock), Telemetry().kube) as client:
        return await asked(client, namespace, name, clock.now())


async def asked(client: Getter, namespace: str, name: str, now: float) -> Answer:
    """What one of the replicas has. Which one answers is chance, and one that led before has only what it decided:
    where its latest evaluation is old, or the policy's status names a decision that it has not, others are asked too.
    NotFoundError: nobody has any,
    or whoever serves the API is another program.
    """
    heard = [await _heard(client, namespace, name)]
    if (foreign := heard[0].missing) is not None and not is_ours(foreign):
        instead = await unserved(client, namespace, name)
        if heard[0].status is None:
            raise instead
        return Answer(None, heard[0].status, str(instead))
    if heard[0].records is None or _doubt(heard[0].records, heard[0].status, now):
        heard += await _heard_at_once(client, namespace, name)
    status = next((each.status for each in reversed(heard) if each.status is not None), None)
    answers = [each.records for each in heard if each.records is not None]
    if not answers and (missing := heard[0].missing) is not None:
        if status is None:
            raise await unnamed(client, namespace, name) or missing
        return Answer(None, status, str(missing))
    best = min(answers, key=lambda each: (not _holds(each, status), -_reached(each)))
    return Answer(best, status or _Status(), _doubt(best, status, now))


class _Heard(Struct, frozen=True):
    """Of one question: the records of whoever answered, or what was said instead, and the policy's status."""

    records: Collected | None = None
    missing: NotFoundError | None = None
    status: _Status | None = None


async def _heard(client: Getter, namespace: str, name: str) -> _Heard:
    records, missing = None, None
    try:
        records = await _records(client, namespace, name)
    except NotFoundError as exc:
        missing = exc
    policy = name if records is None else _policy_of(records, f"{namespace}/{name}") or name
    return _Heard(records, missing, await _status(client, namespace, policy))


async def _heard_at_once(client: Getter, namespace: str, name: str) -> list[_Heard]:
    """Of all questions but the first. One after the other the API server would ask them over one connection, and so
    the same replica.
    """

    async def again() -> _Heard:
        try:
            return await _heard(client, namespace, name)
        except AutoscalerError:
            return _Heard()  # the first question had an answer, and one more may fail

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(again(), name=f"question {number}") for number in range(1, TRIES)]
    return [task.result() for task in tasks]


def _doubt(records: Collected, status: _Status | None, now: float) -> str:
    """Why these may not have the newest decision; "" when they do."""
    if not _holds(records, status):
        newest = status.last_decision_id if status else ""
        return (
            f"NOT the newest decision: that is {newest}, and no replica that answered has it; "
            f"kubectl hps audit show {newest} --from SOURCE"
        )
    reached = _reached(records)
    if now - reached < QUIET_SECONDS or not reached:
        return ""
    return (
        f"PERHAPS not the newest decision: whoever leads evaluates every --sync-period, and the latest evaluation of "
        f"those who answered is of {seconds_text(reached)}, {span(now - reached)} ago; another replica may have led "
        "since then: --from SOURCE reads what all of them recorded"
    )


def _holds(records: Collected, status: _Status | None) -> bool:
    """Whether the last decision is there that the policy's status names; it may lag behind, or name none."""
    return status is None or not status.last_decision_id or records.holds(status.last_decision_id)


def _reached(records: Collected) -> float:
    """When the latest evaluation was made, in seconds since 1970; 0 where there is none."""
    return max((_evaluated(record) for key in records.targets() if (record := records.newest(key))), default=0.0)


def _evaluated(record: Record) -> float:
    try:
        return parse_instant(latest(codec.decode(record.body)).time)
    except MalformedError:
        return record.at


async def _records(client: Getter, namespace: str, name: str) -> Collected:
    path = f"{API}/namespaces/{segment(namespace)}/decisions/{segment(name)}"
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
