"""Whoever reads the record finds the same in the spool, in the topic of a real broker and in what was exported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
import pytest
from msgspec import Struct

from tests.e2e.kafka.broker import Broker
from tests.e2e.kafka.courier import courier

pytestmark = [pytest.mark.timeout(300)]

EACH = 300


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


async def test_a_table_has_them_all(recorded: Recorded, tmp_path: Path) -> None:
    file = tmp_path / "all.parquet"
    autoscaler("audit", "export", "--from", recorded.topic, "--to", file)
    table = pyarrow.parquet.read_table(file)
    assert table.num_rows == 5 * EACH
    assert set(table.column("seq").to_pylist()) == set(range(1, EACH + 1))


async def test_a_topic_that_is_not_there_is_named(broker: Broker) -> None:
    told = autoscaler("audit", "verify", "--from", f"kafka://{broker.bootstrap}/nowhere", code=1)
    assert "there is no topic nowhere; the brokers have" in told
