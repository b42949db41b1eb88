"""Killed at any line on the way from the status to Kafka's mark in the spool, the program makes good for it next time.

The failpoints are the lines of the code (`tests.faults.mortal`). In CI half of them die once, at passes that the seed
chooses, and what it left goes on living under the next ones: most deaths are of a process that inherited something.
`make fuzz` does that at all of them with 20 seeds: 10,000 deaths.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from autoscaler.audit.deadletters import FILE_NAME
from autoscaler.audit.event import Event, from_line
from autoscaler.audit.read import SpoolReader
from autoscaler.audit.verify import verify
from autoscaler.model.decision import Outcome
from tests.faults.mortal import MODULES

pytestmark = pytest.mark.fuzz

SEEDS, PART = (range(20), 1) if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else (range(1), 2)
"""How often, and one of how many failpoints."""
LIVES = 12
"""Deaths of one spool, then a life that ends well."""
ROOMS = sorted(module.__name__.rpartition(".")[2] for module in MODULES)


class Lives:
    """Forks lives from a process that has everything imported."""

    def __init__(self, server: subprocess.Popen[str]) -> None:
        self._server = server

    def end(self, directory: Path, life: int, point: str = "", passes: int = 1, *, on_full: str = "shed") -> int:
        """How a life ended: 0, or minus the signal."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        job = {"directory": str(directory), "life": life, "point": point, "passes": passes, "on_full": on_full}
        self._server.stdin.write(json.dumps(job) + "\n")
        self._server.stdin.flush()
        return int(json.loads(self._server.stdout.readline())["ended"])


@pytest.fixture(scope="module")
def lives() -> Iterator[Lives]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.mortal"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        yield Lives(server)
        server.stdin.close()  # type: ignore[union-attr]  # it is a pipe


def listed(directory: Path, on_full: str) -> Counter[str]:
    """Every failpoint, and how often an undisturbed life passes it."""
    found = subprocess.run(
        [sys.executable, "-m", "tests.faults.mortal", "--list", directory, on_full],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [line.split(maxsplit=1) for line in found.stdout.splitlines()]
    return Counter({name: int(count) for count, name in lines})


@pytest.fixture(scope="module")
def passes(tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    return listed(tmp_path_factory.mktemp("list"), "shed")


def test_there_are_failpoints_on_the_whole_way(passes: Counter[str]) -> None:
    assert len(passes) >= 400
    functions = {name.rpartition("+")[0] for name in passes}
    assert functions >= {
        "reconciler:Reconciler._promise", "reconciler:Reconciler._write", "reconciler:Reconciler._tell",
        "teller:Teller.record", "outbox:Outbox.record", "worker:Worker._appended", "writer:Writer._told",
        "spool:Spool._append", "spoolfile:transaction", "standing:join", "standing:finish", "kafka:Forwarder._round",
        "spool:Spool._tell_cursor", "deadletters:DeadLetters.add",
    }  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("room", ROOMS)
def test_p01_l12_q15_killed_at_any_line_of(
    room: str, seed: int, passes: Counter[str], lives: Lives, tmp_path: Path
) -> None:
    chance = random.Random(f"{room} {seed}")
    points = [name for name in sorted(passes) if name.startswith(f"{room}:")]
    chance.shuffle(points)
    points = points[: len(points) // PART + 1]
    killed = 0
    for first in range(0, len(points), LIVES):
        directory = tmp_path / str(first)
        directory.mkdir()
        some = points[first : first + LIVES]
        died = [
            (name, lives.end(directory, life, name, chance.randint(1, min(passes[name], 12))))
            for life, name in enumerate(some, 1)
        ]
        assert {how for _, how in died} <= {0, -9}, died
        killed += sum(how == -9 for _, how in died)
        assert lives.end(directory, len(some) + 1) == 0, died
        judge(directory, f"seed {seed}, {died}")
    enough = 0.5 * len(points) if len(points) >= LIVES else 0  # of four lines chance may choose later passes of all
    assert killed > enough, "the others were not passed by who inherited something"


@pytest.mark.parametrize("seed", SEEDS)
def test_p01_q03_where_nothing_is_scaled_without_a_record_the_one_that_a_death_left_is_whole(
    seed: int, lives: Lives, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    passes = listed(tmp_path, "halt")
    ways = ("reconciler:Reconciler._write", "reconciler:Reconciler._tell", "reconciler:Reconciler._resume",
            "spool:Spool._reserve", "spool:Spool._append", "teller:Teller.whole", "teller:Teller.record")  # fmt: skip
    points = [name for name in sorted(passes) if name.startswith(ways)]
    for first, name in enumerate(points):
        directory = tmp_path / str(first)
        directory.mkdir()
        for life in (1, 2):
            ended = lives.end(directory, life, name, chance.randint(1, min(passes[name], 3)), on_full="halt")
            assert ended in (0, -9), name
        assert lives.end(directory, 3, on_full="halt") == 0, name
        judge(directory, f"seed {seed}, {name}")
        sent = [from_line(text, "topic") for text in lines(directory / "topic.jsonl")]
        bodies = [each.decision() for each in sent if not each.parked]
        written = [each for each in bodies if each.outcome is Outcome.WRITTEN]
        whole = {each.id for each in written if each.stages and each.basis}
        assert {each.id for each in written} == whole, name  # where it was recorded before, it may come again, thin


def judge(directory: Path, story: str) -> None:
    """Nothing acknowledged is lost, every number once and in order, duplicates under one id, no write twice."""
    sent = [found for text in lines(directory / "topic.jsonl") if isinstance(found := from_line(text, "topic"), Event)]
    ids: dict[tuple[int, int], str] = {}
    for event in sent:
        assert ids.setdefault((event.number.epoch, event.number.seq), event.id) == event.id, story
    verdict = verify(event.number for event in sent)
    assert verdict.whole, (story, verdict)
    assert not verdict.shed
    acknowledged = set((directory / "acknowledged").read_text().split())
    assert acknowledged <= set(ids.values()), story
    refused = {event.id for event in sent if event.parked}
    aside = {from_line(text, "dead letters").id for text in lines(directory / FILE_NAME)}
    assert refused == aside, story
    bodies = {event.id: event.decision() for event in sent if not event.parked}
    moved = sorted((each.current, each.desired) for each in bodies.values() if each.outcome is Outcome.WRITTEN)
    puts = [tuple(each) for each in json.loads((directory / "cluster.json").read_text())["puts"]]
    assert moved == sorted(puts), story
    assert all(before != after for before, after in puts), story
    assert all(one[1] == other[0] for one, other in pairwise(puts)), story
    with SpoolReader(directory) as reader:
        assert {record.epoch for record in reader.records()} <= {epoch for epoch, _ in ids}, story


def lines(path: Path) -> list[bytes]:
    """A process that was killed leaves whole lines only where they were written at once."""
    return path.read_bytes().splitlines()
