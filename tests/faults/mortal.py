"""Lives of the program that end at a named line: from the status to the scale write, the spool, Kafka and its mark.

The lines of the code itself are the failpoints: a tracer counts them, and at the one that is asked for the process
kills itself with SIGKILL. So every line is one, new ones too, and the program knows nothing of it. What outlives a
process is in files: the scale and the status (`cluster.json`, replaced whole), the topic (`topic.jsonl`), what was
acknowledged.

`python -m tests.faults.mortal` forks a life for each line of JSON on stdin, and says on stdout how it ended;
`python -m tests.faults.mortal --list DIRECTORY shed|halt` names the failpoints, with how often a life passes them.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import structlog
from aiokafka.errors import MessageSizeTooLargeError

from autoscaler.audit import (
    deadletters,
    finished,
    kafka,
    numbering,
    outbox,
    readahead,
    rescue,
    sharing,
    spool,
    spoolfile,
    standing,
    worker,
    writer,
)
from autoscaler.audit.codec import Headers
from autoscaler.audit.event import Event, from_message, line
from autoscaler.audit.kafka import Forwarder
from autoscaler.audit.outbox import Outbox
from autoscaler.audit.room import OnFull
from autoscaler.audit.spool import Spool
from autoscaler.control import journal, postbox, reconciler, teller
from autoscaler.errors import ConflictError
from autoscaler.kube import journal as wire
from autoscaler.model.decision import Decision
from autoscaler.model.objects import Scale
from autoscaler.model.plan import EventNote, History
from autoscaler.model.policy import Policy, TargetRef
from autoscaler.model.status import Pending, PolicyStatus
from autoscaler.telemetry import Telemetry
from tests.control.shop import Shop, policy

MODULES = (
    spool, spoolfile, finished, numbering, standing, rescue, sharing, worker, writer, outbox, deadletters, kafka,
    readahead, reconciler, teller, postbox, journal,
)  # fmt: skip
LOADS = (120, 60, 61, 240, 240, 62, 63, 20)
"""Of each evaluation of a life: up, held, up again, held."""
SIZE = 1 << 20
_POLICY = policy()
POINT_FILES = {module.__file__: module.__name__.rpartition(".")[2] for module in MODULES}

Visit = Callable[[str], None]


class Cluster(Shop):
    """One life's view of what outlives it."""

    box: Outbox

    def __init__(self, directory: Path, life: int) -> None:
        self.directory, self.life = directory, life
        super().__init__()
        self.clock.set(100.0 * life)
        ids = iter(range(1000))
        self.reconciler._teller._new_id = lambda: f"{life}-{next(ids)}"
        self.reconciler._teller._journal = self
        self.postbox._policies = _Statuses(self)

    @property
    def state(self) -> dict[str, Any]:
        path = self.directory / "cluster.json"
        return (
            json.loads(path.read_text()) if path.exists() else {"replicas": 2, "version": 7, "status": {}, "puts": []}
        )

    def change(self, **fields: object) -> None:
        """All at once, as etcd does."""
        made = self.directory / "cluster.new"
        made.write_text(json.dumps(self.state | fields, default=_plain))
        made.replace(self.directory / "cluster.json")

    @property
    def epoch(self) -> int:
        return self.life

    def pending(self, policy: Policy) -> Pending | None:
        return wire.pending(self.state["status"])

    def history(self, policy: Policy) -> History | None:
        return wire.history(self.state["status"])

    async def read(self, namespace: str, target: TargetRef, *, live: bool = False) -> Scale:
        state = self.state
        return Scale(
            namespace=namespace, name=target.name, uid="d1", resource_version=str(state["version"]),
            replicas=state["replicas"], observed=state["replicas"], selector="app=web",
        )  # fmt: skip

    async def write(self, scale: Scale, target: TargetRef, replicas: int) -> Scale:
        state = self.state
        if scale.resource_version != str(state["version"]):
            raise ConflictError("modified", status=409)
        puts = [*state["puts"], [state["replicas"], replicas]]
        self.change(replicas=replicas, version=state["version"] + 1, puts=puts)
        return scale

    async def record(self, decision: Decision) -> str:
        record_id = await self.box.record(decision)
        with (self.directory / "acknowledged").open("a") as file:
            file.write(f"{record_id}\n")
        return record_id

    @property
    def halting(self) -> bool:
        return self.box.halting

    async def reserve(self, decision: Decision) -> None:
        await self.box.reserve(decision)

    async def reserved(self, key: str) -> Decision | None:
        return await self.box.reserved(key)


class _Statuses:
    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    async def write(self, policy: Policy, status: PolicyStatus) -> None:
        self.cluster.change(status=dict(wire.merged(self.cluster.state["status"], status)))

    async def event(self, policy: Policy, note: EventNote) -> None:
        pass


class Topic:
    """A broker that is a file. What is sent at once is one batch, and refused as a whole for one record too large."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "topic.jsonl"
        self._batch: list[tuple[Event, asyncio.Future[object]]] = []

    asked = "a file"

    def stale(self) -> bool:
        return False

    async def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def send(self, topic: str, *, key: bytes, value: bytes, headers: Headers) -> asyncio.Future[object]:
        loop = asyncio.get_running_loop()
        if not self._batch:
            loop.call_soon(self._take)
        self._batch.append((from_message(key, headers, value, ""), loop.create_future()))
        return self._batch[-1][1]

    def _take(self) -> None:
        batch, self._batch = self._batch, []
        if any(_too_large(event) for event, _ in batch):
            for _, done in batch:
                done.set_exception(MessageSizeTooLargeError())
            return
        for event, done in batch:
            with self._path.open("ab") as file:
                file.write(line(event) + b"\n")
            done.set_result(None)


def _too_large(event: Event) -> bool:
    """For this topic: what holds, and nothing joined it."""
    return not event.parked and b'"outcome":"held"' in event.body and event.body.endswith(b'"repeats":[]}')


async def live(directory: Path, life: int, on_full: OnFull) -> None:
    """Decide, record and deliver, then end in order."""
    telemetry, now = Telemetry().audit, 1_800_000_000.0 + life
    kept = Spool(directory, now=now, forwarding=True, max_bytes=SIZE, keep_bytes=SIZE // 16, on_full=on_full)
    cluster = Cluster(directory, life)
    async with (
        Outbox(kept, cluster.clock, telemetry, window=0.0, quiet=0.0, patience=30.0) as box,
        asyncio.TaskGroup() as group,
    ):
        cluster.box = box
        telling = group.create_task(cluster.postbox.run())
        forwarder = Forwarder(box, lambda: Topic(directory), "t", cluster.clock, telemetry)
        for number, load in enumerate(LOADS):
            cluster.used = load
            await cluster.reconciler.reconcile(_POLICY)
            await cluster.clock.advance(5)
            if number % 4 == 3:
                await forwarder.finish()
        telling.cancel()
        await cluster.postbox.flush()
        for _ in range(2 + len(LOADS)):  # one that is refused ends a round
            await forwarder.finish()


def traced(visit: Visit) -> None:
    """Call `visit` with the name of every line of `MODULES` before it is executed, in every thread."""

    def local(frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line":
            code = frame.f_code
            name = code.co_qualname.replace(".<locals>", "").replace("<lambda>", "lambda")
            visit(f"{POINT_FILES[code.co_filename]}:{name}+{frame.f_lineno - code.co_firstlineno}")
        return local

    def tracer(frame: FrameType, _event: str, _argument: object) -> Any:
        return local if frame.f_code.co_filename in POINT_FILES else None

    threading.settrace(tracer)
    sys.settrace(tracer)


def failpoints(directory: Path, on_full: OnFull) -> Counter[str]:
    """How often a life passes each."""
    passed: Counter[str] = Counter()
    traced(lambda name: passed.update((name,)))
    try:
        asyncio.run(live(directory, 1, on_full))
    finally:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]  # as sys.settrace
    return passed


def die_at(point: str, passes: int) -> None:
    """Be killed when `point` is passed for that time."""
    left = [passes]

    def visit(name: str) -> None:
        if name == point:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    traced(visit)


def _life(job: dict[str, Any]) -> int:
    """How a forked life ended: 0, or minus the signal."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        if job["point"]:
            die_at(job["point"], job["passes"])
        asyncio.run(live(Path(job["directory"]), job["life"], OnFull(job["on_full"])))
        code = 0
    finally:
        os._exit(code)


def _plain(value: object) -> object:
    return value.__json__() if hasattr(value, "__json__") else str(value)


def _main(arguments: list[str]) -> None:
    if arguments[:1] == ["--list"]:
        for name, count in sorted(failpoints(Path(arguments[1]), OnFull(arguments[2])).items()):
            print(f"{count:>5}  {name}")  # noqa: T201 - what it is for
        return
    for text in sys.stdin:
        print(json.dumps({"ended": _life(json.loads(text))}), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    _main(sys.argv[1:])
