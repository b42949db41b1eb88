"""Whoever reads the record finds the same in the spool, in the topic of a real broker and in what was exported."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet
import pytest
from aiokafka import AIOKafkaProducer
from msgspec import Struct
from msgspec.structs import replace

from autoscaler.audit import codec
from autoscaler.audit.codec import Record
from autoscaler.model.decision import Outcome
from autoscaler.model.instant import micro_text
from autoscaler.model.plan import Action, Limited
from bench import week
from tests.audit.samples import NOON, decision
from tests.e2e.eventually import eventually
from tests.e2e.kafka import jars
from tests.e2e.kafka.broker import Broker
from tests.e2e.kafka.courier import courier
from tests.e2e.processes import Process, free_port
from tests.e2e.requirements import need

pytestmark = [pytest.mark.timeout(300)]

EACH = 300
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


class Recorded(Struct):
    """Where five targets' decisions are."""

    spool: Path
    topic: str


@pytest.fixture
async def recorded(broker: Broker, topic: str, tmp_path: Path) -> Recorded:
    async with courier(tmp_path / "spool", lambda: broker.bootstrap, topic) as working:
        await working.record(1, EACH)
        await working.delivered()
    return Recorded(tmp_path / "spool", f"kafka://{broker.bootstrap}/{topic}")


def autoscaler(*words: object, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "autoscaler", *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


async def test_all_places_tell_the_same(recorded: Recorded, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    autoscaler("audit", "export", "--from", recorded.topic, "--to", file)
    for place in (recorded.spool, recorded.topic, file):
        report = autoscaler("audit", "verify", "--from", place)
        assert f"{5 * EACH} records of 5 targets, {5 * EACH} evaluations" in report
        assert report.endswith("the record is whole\n")
        told = autoscaler("audit", "tail", "--from", place, "--target", "shop/web3", "--lines", 2).splitlines()
        assert [line.split()[-1] for line in told] == [f"web3-{EACH - 1}", f"web3-{EACH}"]
        assert "shop/Deployment/web1: 3 -> 5 replicas" in autoscaler("audit", "show", "web1-7", "--from", place)


async def test_topic_and_spool_as_one_show_a_change_that_nothing_else_follows_from(
    recorded: Recorded, tmp_path: Path
) -> None:
    topic, spool, both = (tmp_path / f"{name}.jsonl" for name in ("topic", "spool", "both"))
    autoscaler("audit", "export", "--from", recorded.topic, "--to", topic)
    autoscaler("audit", "export", "--from", recorded.spool, "--to", spool)
    both.write_bytes(topic.read_bytes() + spool.read_bytes())
    assert f"duplicates        {5 * EACH} (legal" in autoscaler("audit", "verify", "--from", both)
    *lines, newest = topic.read_bytes().splitlines(keepends=True)
    event = json.loads(newest)
    event["data"]["policy"]["generation"] += 1
    topic.write_bytes(b"".join((*lines, json.dumps(event).encode() + b"\n")))
    assert "the record is whole" in autoscaler("audit", "verify", "--from", topic), "by itself it shows nothing"
    both.write_bytes(topic.read_bytes() + spool.read_bytes())
    assert "conflicting       1" in autoscaler("audit", "verify", "--from", both, code=1)


async def test_a_table_has_them_all(recorded: Recorded, tmp_path: Path) -> None:
    file = tmp_path / "all.parquet"
    autoscaler("audit", "export", "--from", recorded.topic, "--to", file)
    table = pyarrow.parquet.read_table(file)
    assert table.num_rows == 5 * EACH
    assert set(table.column("seq").to_pylist()) == set(range(1, EACH + 1))


async def test_a_topic_is_decided_again(broker: Broker, topic: str, tmp_path: Path) -> None:
    made = list(week.decisions(week.daily(), 1800))
    async with courier(tmp_path / "spool", lambda: broker.bootstrap, topic) as working:
        for each in made:
            await working.outbox.record(each)
        await working.delivered()
    file = tmp_path / "found.json"
    autoscaler("replay", "--from", f"kafka://{broker.bootstrap}/{topic}", "-o", "json", "--to", file)
    found = json.loads(file.read_bytes())
    assert (found["identical"], found["differing"], found["unanswerable"]) == (len(made), 0, [])


async def test_a_topic_that_is_not_there_is_named(broker: Broker) -> None:
    told = autoscaler("audit", "verify", "--from", f"kafka://{broker.bootstrap}/nowhere", code=1)
    assert "there is no topic nowhere; the brokers have" in told


def at(hours: float, seq: int, size: int, *, before: int | None = None, epoch: int = 7, **changes: object) -> Record:
    """A record of a target whose maximum is 5: `size` replicas so many hours after eight in the morning."""
    made = decision(
        seq,
        time=micro_text(NOON + hours * 3600),
        action=Action.HOLD if before is None else Action.RESIZE,
        outcome=Outcome.HELD if before is None else Outcome.WRITTEN,
        current=size if before is None else before,
        desired=size,
        stages=(Limited(wanted=size, replicas=size, min_replicas=1, max_replicas=5, reason="TooManyReplicas"),),
        **changes,
    )
    return Record(position=seq, key=made.key, epoch=epoch, seq=seq, at=NOON, body=codec.encode(made))


STREAM = (
    at(0, 1, 5, before=3),
    at(2, 2, 5),
    at(2, 2, 5),  # delivered once more
    at(15, 3, 5),
    at(17, 4, 2, before=5),  # after midnight
    at(17.5, 5, 5, before=2),
    at(18, 8, 5),  # two are missing: who knows what was meanwhile
    replace(at(19, 10, 5), shed=1),  # one was dropped on purpose
    at(19, 1, 5, before=2, epoch=8, id="web-5"),  # the next leader records the last change once more
)
TURNS = (  # leadership 1 has epoch 9, leadership 2 the older spool with epoch 4, and so on by turns
    at(1, 1, 5, before=3, epoch=9, leadership=1, id="a1"),
    at(2, 1, 2, before=5, epoch=4, leadership=2, id="b1"),
    at(3, 2, 5, before=2, epoch=9, leadership=3, id="a2"),
    at(4, 2, 2, before=5, epoch=4, leadership=4, id="b2"),
    at(3.5, 3, 5, epoch=9, leadership=3, id="a3"),  # its tail comes late: it was at its maximum until 4
    at(5, 3, 5, before=2, epoch=4, leadership=4, id="b3"),
    at(3.5, 3, 5, epoch=9, leadership=3, id="a3"),  # and is delivered once more
    at(6, 4, 2, before=5, epoch=9, leadership=5, id="a4"),
)


@pytest.fixture
async def stream(broker: Broker, topic: str) -> str:
    """A topic with `STREAM`."""
    await sent(broker, topic, STREAM)
    return topic


@pytest.fixture
async def turns(broker: Broker, topic: str) -> str:
    """A topic with `TURNS`."""
    await sent(broker, topic, TURNS)
    return topic


async def sent(broker: Broker, topic: str, records: Sequence[Record]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap)
    await producer.start()
    try:
        for record in records:
            headers = codec.headers(record)
            await producer.send_and_wait(topic, record.body, record.key.encode(), headers=headers)
    finally:
        await producer.stop()


def daily_summary(*words: str) -> subprocess.CompletedProcess[str]:
    """The example in Java, with the client that the broker's jars have."""
    need("javac")  # it is compiled as it starts
    command = [need("java"), "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", f"{jars.folder()}/*"]
    source = EXAMPLES / "consumer-java" / "DailySummary.java"
    return subprocess.run([*command, source, *words], capture_output=True, text=True, check=False, timeout=120)


async def test_the_consumer_in_java_sums_up_days(broker: Broker, stream: str) -> None:
    done = daily_summary(broker.bootstrap, stream)
    # at the maximum: 8 to 24; 0 to 1; not from 1:30 on, which ends in a gap; 2 to 3
    assert done.stdout.splitlines() == [
        "target,day,evaluations,changes,minutes_at_max",
        "shop/Deployment/web,2027-01-15,3,1,960.0",
        "shop/Deployment/web,2027-01-16,4,2,120.0",
    ]
    assert "shop/Deployment/web 7/8: 2 missing before it" in done.stderr
    assert done.returncode == 1


async def test_everybody_counts_the_turns_of_two_leaders(broker: Broker, turns: str) -> None:
    done = daily_summary(broker.bootstrap, turns)
    # at the maximum: 1 to 2, 3 to 4, 5 to 6
    assert done.stdout.splitlines()[1:] == ["shop/Deployment/web,2027-01-15,7,6,180.0"]
    assert (done.returncode, done.stderr) == (0, "")
    source = f"kafka://{broker.bootstrap}/{turns}"
    told = autoscaler("audit", "verify", "--from", source, code=1)  # the sums are made up
    for line in ("duplicates        1 (legal", "missing           0", "out of order      0", "unreadable        0"):
        assert line in told
    told = autoscaler("explain", "shop/web", "--from", source)
    assert told.startswith("shop/Deployment/web: 5 -> 2 replicas, written\n")


async def test_the_consumer_in_java_finds_a_whole_topic_whole(broker: Broker, recorded: Recorded) -> None:
    done = daily_summary(broker.bootstrap, recorded.topic.rpartition("/")[2])
    assert done.stdout.splitlines()[1:] == [
        f"shop/Deployment/web{each},2027-01-15,{EACH},{EACH},0.0" for each in range(5)
    ]
    assert done.returncode == 0


async def test_the_consumer_in_java_names_what_it_cannot_read(broker: Broker) -> None:
    done = daily_summary(broker.bootstrap, "nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{broker.bootstrap}, topic nowhere: " in done.stderr
    assert "\tat " not in done.stderr


async def test_the_consumer_in_python_follows(broker: Broker, stream: str, tmp_path: Path) -> None:
    command = [sys.executable, EXAMPLES / "consume_decisions.py", broker.bootstrap, "--topic", stream, "--from-start"]
    consumer = Process("consumer", command, tmp_path / "log")
    try:
        eventually(60, lambda: consumer.must_run() or len(consumer.output().splitlines()) > len(STREAM), "it tells all")
        told = consumer.output().splitlines()
        assert told[0] == "2027-01-15T08:00:00.000000Z shop/Deployment/web 7/1 3 → 5 (AboveTarget, written)"
        assert told[2] == "shop/Deployment/web 7/2 duplicate of web-2, skipped"
        assert told[6] == "shop/Deployment/web 7/8 gap: 2 missing"
        assert len(told) == len(STREAM) + 1
        consumer.signal(signal.SIGINT)
        eventually(30, lambda: not consumer.running(), "it ends")
        assert consumer.output().splitlines() == told
    finally:
        consumer.kill()


@pytest.mark.parametrize("where", ["no broker", "no topic"])
async def test_the_consumer_in_python_tells_in_a_line_what_is_not_there(broker: Broker, where: str) -> None:
    servers = broker.bootstrap if where == "no topic" else f"127.0.0.1:{free_port()}"
    command = [sys.executable, EXAMPLES / "consume_decisions.py", servers, "--topic", "nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{servers}: ")
    assert len(done.stderr.splitlines()) == 1
