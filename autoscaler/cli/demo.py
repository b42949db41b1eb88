"""`autoscaler demo`: the real program against a simulated cluster, to watch; ends by itself, or on Ctrl-C, with 0.

Nothing leaves loopback. Records go to a spool of the demo's own, emptied at every start, never to that of a real `run`
nor to that of another demo, be it another user's; the summary tells how to ask it afterwards. What the program logs
goes to a file, whose name the summary tells, so that it does not run through the picture.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from msgspec import Struct
from rich.console import Console

from autoscaler.app import Application
from autoscaler.audit.lock import SpoolLock
from autoscaler.audit.spoolfile import FILE_NAME
from autoscaler.cli.arguments import typed
from autoscaler.cli.demo_plain import PlainView
from autoscaler.cli.demo_scene import Moment, NodeRow, TargetRow, Totals, View, biggest, target_row
from autoscaler.cli.demo_view import TerminalView
from autoscaler.clock import Clock, SystemClock
from autoscaler.config.load import load, state_dir
from autoscaler.config.settings import Settings
from autoscaler.core.figures import counted
from autoscaler.errors import AutoscalerError, ConfigError, SpoolInUseError
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.objects import NodeName
from autoscaler.sim import story
from autoscaler.sim.world import World
from autoscaler.telemetry.logs import configure_logs

REDRAWN_EVERY = 0.25
AT_ONCE = 8
"""Demos of one user; more would be a mistake somewhere."""
FLAGS = {
    "metric-resolution": "3s",
    "kubelet-allow-loopback": "true",
    "kubelet-use-node-status-port": "true",
    "bind-address": "127.0.0.1",
    "secure-port": "0",
    "sync-period": "5s",
    "evaluation-interval": "3s",
    "audit-kafka-bootstrap-servers": "",
}
"""Faster than the defaults, as the simulated kubelets are: everything has to fit into a minute and a half."""


def run(out: TextIO | None = None) -> int:
    """Play the story to `out` (default: standard output); 0 when it was told or interrupted."""
    import uvloop  # noqa: PLC0415 - tests bring their own loop

    stream = out or sys.stdout
    own = folder(os.environ, os.getuid())
    log = own / "demo.log"
    with log.open("w", encoding="utf-8") as lines:
        configure_logs("info", "text", lines)
        for line in uvloop.run(perform(view_for(stream), SystemClock(), os.environ, own / "spool")):
            print(line, file=stream)
    for line in left(log, os.getuid()):
        print(line, file=stream)
    return 0


def left(log: Path, user: int) -> Iterator[str]:
    """What stays behind, and until when."""
    yield ""
    yield "What the program logged meanwhile is in"
    yield f"  {log}"
    yield f"beside the record. The folder is that of demos of user {user}: the next one replaces both."


def folder(environment: Mapping[str, str], user: int) -> Path:
    """Where the demo leaves what it recorded and logged: of this user alone, and of one demo at a time.

    ConfigError when it cannot be written, or when as many demos run as there are folders.
    """
    base = Path(state_dir(environment))
    names = [f"demo-{user}", *(f"demo-{user}-{number}" for number in range(2, AT_ONCE + 1))]
    for name in names:
        try:
            emptied(base / name / "spool")
        except SpoolInUseError:
            continue
        return base / name
    raise ConfigError(f"{AT_ONCE} demos are running with their records in {base}; end one of them with Ctrl-C")


def emptied(spool: Path) -> Path:
    """The same directory, without the records of earlier demos; SpoolInUseError while another demo uses it."""
    lock = SpoolLock(spool)
    for suffix in ("", "-wal", "-shm"):
        (spool / f"{FILE_NAME}{suffix}").unlink(missing_ok=True)
    lock.release()
    return spool


def view_for(out: TextIO) -> View:
    """A picture on a terminal that can draw, plain lines anywhere else."""
    console = Console(file=out)
    return TerminalView(console) if console.is_terminal and not console.is_dumb_terminal else PlainView(out)


class Play(Struct, frozen=True):
    """What happens, and for how many seconds."""

    beats: Sequence[story.Beat] = story.BEATS
    length: float = story.LENGTH


async def perform(
    view: View,
    clock: Clock,
    environment: Mapping[str, str],
    spool: Path,
    play: Play = Play(),  # noqa: B008 - a frozen value
) -> list[str]:
    """Play to the end or to SIGINT or SIGTERM, with records in `spool`; gives the summary.

    AutoscalerError when the program cannot run.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        with tempfile.TemporaryDirectory() as passing:
            async with story.stage(clock) as world:
                kubeconfig = world.kubeconfig(Path(passing, "kubeconfig"))
                flags = {"kubeconfig": str(kubeconfig), "cert-dir": passing, "audit-spool-dir": str(spool)}
                settings = load({**FLAGS, **flags}, environment)
                performance = Performance(world, settings, clock, play.length, play.beats[0].caption)
                with view:
                    await performance.play(view, tuple(play.beats), stop)
        return list(performance.summary(spool))
    except* AutoscalerError as group:
        raise _first(group) from None
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _first(group: BaseExceptionGroup[AutoscalerError]) -> AutoscalerError:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found


class Performance:
    """One run of the program in one world; also the `Scene` that the view reads. `sizes`: of each target, in turn."""

    def __init__(self, world: World, settings: Settings, clock: Clock, length: float, caption: str) -> None:
        self._world = world
        self._clock = clock
        self._length = length
        self.witnessed: list[Decision] = []
        self._application = Application(settings, clock=clock, witness=self.witnessed.append)
        self._caption = caption
        self.sizes: dict[str, list[int]] = {}

    async def play(self, view: View, beats: tuple[story.Beat, ...], stop: asyncio.Event) -> None:
        """Run program, story and view together until the story is over or `stop` is set."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._application.run(stop), name="application")
            telling = group.create_task(self._tell(beats, stop), name="story")
            while not stop.is_set():
                self._watch_sizes()
                view.show(Moment(self._world.elapsed(), self._length, self._caption), self)
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), REDRAWN_EVERY)
            telling.cancel()

    async def _tell(self, beats: tuple[story.Beat, ...], stop: asyncio.Event) -> None:
        async for beat in story.told(self._world, beats, self._length):
            self._caption = beat.caption
        stop.set()

    def _watch_sizes(self) -> None:
        for row in self.targets():
            sizes = self.sizes.setdefault(row.name, [row.replicas])
            if sizes[-1] != row.replicas:
                sizes.append(row.replicas)

    def nodes(self) -> Sequence[NodeRow]:
        """All nodes of the world, as far as the program knows them."""
        return [self._node(name) for name in self._world.kubelets]

    def _node(self, name: str) -> NodeRow:
        cores = float(self._world.shape.node_cores)
        storage = getattr(self._application, "storage", None)  # there once the program has begun
        if storage is None:
            return NodeRow(name=name, cores=cores)
        found = storage.node_usage(name)
        if found is None:
            node = self._application.cluster.node(NodeName(name))
            causes = storage.absence(node) if node and self.witnessed else ()
            return NodeRow(name=name, cores=cores, trouble=str(causes[0]) if causes else "")
        age = self._clock.now() - found.usage.at_ns / 1e9
        return NodeRow(name=name, cores=cores, cpu=found.usage.cpu / 1e9, memory=found.usage.memory, age=age)

    def targets(self) -> Sequence[TargetRow]:
        """Both Deployments as they are, and as the latest decisions saw them."""
        rows = []
        for workload in self._world.workloads:
            found = self._world.deployment(workload.namespace, workload.name)
            name = f"{workload.namespace}/{workload.name}"
            about = (each for each in reversed(self.witnessed) if each.target.name == workload.name)
            ready = found["status"]["readyReplicas"]
            rows.append(target_row(name, found["spec"]["replicas"], ready, next(about, None)))
        return rows

    def decisions(self) -> Sequence[Decision]:
        """Every decision so far."""
        return self.witnessed

    def totals(self) -> Totals:
        """Counts since the start."""
        telemetry = self._application.telemetry
        by_success = {
            sample.labels["success"]: int(sample.value)
            for metric in telemetry.engine.requests.collect()
            for sample in metric.samples
            if sample.name.endswith("_total")
        }
        failed = by_success.get("false", 0)
        return Totals(
            evaluations=len(self.witnessed),
            scrapes=sum(by_success.values()),
            scrapes_failed=failed,
        )

    def summary(self, spool: Path) -> Iterator[str]:
        """What came of it, and the command that explains the biggest change: a path is broken by no line of ours."""
        totals = self.totals()
        count = sum(each.outcome is Outcome.WRITTEN for each in self.witnessed)
        kubelets = counted(len(self._world.kubelets), "kubelet")
        yield ""
        yield f"{min(self._world.elapsed(), self._length):.0f} s of {self._length:.0f} s played."
        yield f"  {counted(totals.evaluations, 'evaluation')}, {counted(count, 'change')} of replicas"
        yield f"  {counted(totals.scrapes, 'scrape')} of {kubelets}, {totals.scrapes_failed} failed"
        for name, sizes in self.sizes.items():
            if len(sizes) == 1:
                yield f"  {name}: {counted(sizes[0], 'replica')}"
            else:
                yield f"  {name}: between {min(sizes)} and {max(sizes)} replicas seen"
                yield f"    {' -> '.join(map(str, sizes))}"
        most = biggest(self.witnessed)
        if most is not None:
            name = f"{most.namespace}/{most.target.name}"
            yield ""
            yield f"Why did {name} go from {most.current} to {most.desired}? Ask its record:"
            yield f"  {typed(sys.argv[0])} explain {name} \\"
            yield f"    --at {most.time} \\"
            yield f"    --audit-spool-dir {shlex.quote(str(spool))}"
