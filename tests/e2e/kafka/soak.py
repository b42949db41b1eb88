"""A whole program over a simulated cluster of 1,000 targets, while its Kafka is slow, frozen, gone and elsewhere.

`python -m tests.e2e.kafka.soak [--outage 1800]` says what happens as it does, and a verdict; exit code 1 when a record
is lost or out of order, or when decisions waited for Kafka. `make soak` is the full length. In the order of events:
Kafka is away at the start; good and bad windows in pairs, so that what the machine does meanwhile meets both; the
outage, after which the program is killed three times; Kafka returns under another address.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from msgspec import Struct

from autoscaler.audit.verify import verify
from bench.contenders import Contender, Crowd, simulated
from bench.load import buckets
from tests.e2e.eventually import eventually
from tests.e2e.kafka import jars
from tests.e2e.kafka.broker import Broker
from tests.e2e.kafka.passage import Passage
from tests.e2e.kafka.verdict import Latency, Pair, Verdict, Window
from tests.e2e.processes import Process, free_port
from tests.e2e.requirements import need

TOPIC = "soak"
TO_WRITE = "autoscaler_decision_to_write_seconds"
READY, DELIVERED = 240.0, 900.0
KILLS = 3
SLOW = 5.0
HEARTBEAT = 10
"""How old a record may be before it is due at all."""
ASK_EVERY = 0.1
QUESTION = "/apis/apps/v1/namespaces/team-0/deployments/app-0"
"""What the simulated API server is asked; a scale write is of that size."""

Say = Callable[[str], None]


class Lengths(Struct, frozen=True):
    """Seconds of each part, between two peaks of a target's load, and two scrapes. `rounds` are of two pairs each."""

    window: float
    outage: float
    rounds: int
    wave: float
    resolution: float = 15.0


class Program:
    """`autoscaler run`, in one life after another, with one spool."""

    def __init__(self, folder: Path, kubeconfig: Path, bootstrap: str, resolution: float) -> None:
        folder.mkdir()
        self._folder = folder
        self._port = free_port()
        self.spool = folder / "spool"
        self._command = [
            *(sys.executable, "-m", "autoscaler", "run", f"--kubeconfig={kubeconfig}"),
            *("--kubelet-allow-loopback", "--kubelet-use-node-status-port", "--bind-address=127.0.0.1"),
            *(f"--secure-port={self._port}", f"--cert-dir={folder}", f"--audit-spool-dir={self.spool}"),
            *(f"--audit-kafka-bootstrap-servers={bootstrap}", f"--audit-topic={TOPIC}", "--audit-kafka-create-topics"),
            *(f"--audit-heartbeat={HEARTBEAT}s", "--hot-resolution=0s"),
            f"--metric-resolution={resolution:g}s",
        ]
        self._process: Process | None = None
        self._asked: Contender | None = None

    def start(self) -> None:
        """Return when it decides."""
        self._process = Process("autoscaler", self._command, self._folder / "log")
        self._asked = Contender(self._process, self._port, self._folder / "apiserver.crt")  # type: ignore[arg-type]  # it asks for no more than this
        eventually(READY, self._deciding, "the program decides")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._hang_up()

    def stop(self) -> None:
        """SIGTERM, if it runs."""
        if self._process is not None and self._process.running():
            self._process.terminate(30)
        self._hang_up()

    def series(self) -> Mapping[str, float]:
        """Asked anew where the answer is to come later: what is judged are records, not how long a look takes."""
        return eventually(READY, self._answered, "the program tells its series")

    def _answered(self) -> Mapping[str, float] | None:
        assert self._process is not None
        assert self._asked is not None
        self._process.must_run()
        try:
            return self._asked.series()
        except OSError:
            return None

    def _hang_up(self) -> None:
        if self._asked is not None:
            self._asked.close()

    def latency(self) -> Latency:
        """Of all writes of this life."""
        return Latency(buckets(dict(self.series()), f"{TO_WRITE}_bucket"))

    def _deciding(self) -> bool:
        return f"{TO_WRITE}_count" in (series := self._answered() or {}) and series[f"{TO_WRITE}_count"] > 0


class Soak:
    """One run; `say` hears what happens. `server` answers questions beside the program's."""

    def __init__(
        self, broker: Broker, program: Program, server: Contender, entrance: Passage, lengths: Lengths, say: Say
    ) -> None:
        self._broker = broker
        self._program = program
        self._server = server
        self._entrance = entrance
        self._beyond: list[Passage] = []
        self._lengths = lengths
        self._say = say

    def run(self) -> Verdict:
        """Everything, in its order."""
        lengths, broker, program = self._lengths, self._broker, self._program
        program.start()
        self._window("no Kafka from the start", lengths.window / 2)
        startless = program.latency().writes
        broker.launch()
        self._lead_to_broker()
        self._delivered()
        pairs = []
        for number in range(lengths.rounds):
            turn = f"round {number + 1} of {lengths.rounds}"
            good = self._window(f"good, {turn}")
            broker.freeze()
            pairs.append(Pair(good, self._window("frozen")))
            broker.thaw()
            self._delivered()
            self._slow(SLOW)
            bad = self._window(f"answers take {SLOW:g} s")
            self._slow(0.0)
            self._delivered()
            pairs.append(Pair(self._window(f"good again, {turn}"), bad))
        good = self._window("good")
        broker.stop()
        pairs.append(Pair(good, self._window("gone", lengths.outage)))
        for life in range(KILLS):
            program.kill()
            program.start()
            self._say(f"  killed and started again, {life + 1} of {KILLS}")
        broker.move()
        broker.launch()
        self._lead_to_broker()
        self._say("Kafka is back, under another address")
        self._delivered()
        program.stop()
        return self._judged(pairs, startless)

    def close(self) -> None:
        self._server.close()
        for passage in (self._entrance, *self._beyond):
            passage.stop()

    def _lead_to_broker(self) -> None:
        """The address we were given leads to where it is now, as a name in DNS would."""
        listeners = self._broker.listeners
        self._entrance.target = listeners.inside
        self._beyond.append(Passage(listeners.inside, listeners.outside))

    def _slow(self, delay: float) -> None:
        for passage in (self._entrance, *self._beyond):
            passage.delay = delay / 2

    def _window(self, what: str, seconds: float | None = None) -> Window:
        """What happens from now on, for `window` seconds or as many as are given; with a line a minute."""
        before, asked = self._program.latency().counts, list[float]()
        now = begun = time.monotonic()
        end = begun + (self._lengths.window if seconds is None else seconds)
        told = -math.inf
        while now < end:
            if now - told > 60.0:
                told = now
                self._tell(f"{what}: {end - now:.0f} s left")
            asked += self._server.seconds(QUESTION, 1)
            time.sleep(ASK_EVERY)
            now = time.monotonic()
        after = self._program.latency().counts
        return Window(Latency({bound: count - before.get(bound, 0.0) for bound, count in after.items()}), asked)

    def _tell(self, what: str) -> None:
        series = self._program.series()
        waiting, writes = series["autoscaler_audit_undelivered"], series[f"{TO_WRITE}_count"]
        self._say(f"{what}, {waiting:.0f} undelivered, {writes:.0f} writes")

    def _delivered(self) -> None:
        """Return once Kafka has what was recorded until now; records go on to be made."""
        arrived = self._program.series()["autoscaler_audit_delivered_total"]

        def caught_up() -> bool:
            series = self._program.series()
            young = series["autoscaler_audit_oldest_undelivered_seconds"] < HEARTBEAT + SLOW
            return young and series["autoscaler_audit_delivered_total"] > arrived

        began = time.monotonic()
        eventually(DELIVERED, caught_up, "Kafka has the records")
        self._say(f"  caught up within {time.monotonic() - began:.0f} s")

    def _judged(self, pairs: Sequence[Pair], startless: float) -> Verdict:
        messages = asyncio.run(self._broker.messages(TOPIC))
        verdict = verify(message.number for message in messages)
        ids: dict[object, set[str]] = {}
        for message in messages:
            ids.setdefault(message.number, set()).add(message.headers["ce_id"])
        highest: dict[str, int] = {}
        for message in messages:
            highest[message.key] = max(highest.get(message.key, 0), message.number.seq)
        # numbers are given in the spool: what it gave last and does not keep must be there, else the end is lost
        unsent = sum(max(0, last - highest.get(key, 0)) for key, last in numbers(self._program.spool).items())
        return Verdict(
            records=verdict.records,
            lost=sum(each.last - each.first + 1 for each in verdict.missing) + unsent,
            late=len(verdict.late),
            duplicates=len(verdict.duplicates),
            strangers=sum(len(found) > 1 for found in ids.values()),
            pairs=pairs,
            startless=startless,
        )


def numbers(spool: Path) -> Mapping[str, int]:
    """The last number of each target that Kafka is to have: the end takes 2 s, what is left then waits in the spool."""
    delivered = "SELECT value FROM meta WHERE name = 'delivered'"
    waiting = f"SELECT count(*) FROM records WHERE target = id AND position > ({delivered})"
    with sqlite3.connect(f"file:{spool / 'spool.db'}?mode=ro", uri=True) as db:
        return dict(db.execute(f"SELECT key, seq - ({waiting}) FROM targets"))


@contextmanager
def prepared(folder: Path, broker: Broker, targets: int, lengths: Lengths, say: Say) -> Iterator[Soak]:
    """A cluster of so many targets of two pods each, and `broker`, which is not running."""
    with ExitStack() as stack:
        crowd = Crowd(
            nodes=math.ceil(targets / 15), pods=30, containers=1, sample_period=lengths.resolution / 1.5, scaled=True
        )
        words = ("--team=2", f"--wave={lengths.wave:g}", "--restless")
        world = stack.enter_context(simulated(folder, crowd, words))
        entrance = Passage(free_port())
        program = Program(folder / "program", world.kubeconfig, f"127.0.0.1:{entrance.port}", lengths.resolution)
        stack.callback(program.stop)
        soak = Soak(broker, program, world.server(), entrance, lengths, say)
        stack.callback(soak.close)
        yield soak


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when the verdict is good."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=1000)
    parser.add_argument("--outage", type=float, default=1800.0, help="seconds without Kafka")
    parser.add_argument("--window", type=float, default=30.0, help="seconds of each of the other parts")
    parser.add_argument("--rounds", type=int, default=12, help="how often good and bad parts come in turn")
    parser.add_argument("--wave", type=float, default=240.0, help="seconds between two peaks of a target's load")
    chosen = parser.parse_args(arguments)
    fetched = jars.folder() if jars.folder().exists() else jars.build(need("mvn"))
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:7.0f} s  {text}", flush=True)  # noqa: T201 - a program of its own

    with tempfile.TemporaryDirectory() as name:
        broker = Broker(need("java"), fetched, Path(name) / "broker")
        lengths = Lengths(chosen.window, chosen.outage, chosen.rounds, chosen.wave)
        try:
            with prepared(Path(name), broker, chosen.targets, lengths, say) as soak:
                verdict = soak.run()
        finally:
            broker.remove()
    say(str(verdict))
    return int(not verdict.passed)


if __name__ == "__main__":
    sys.exit(main())
