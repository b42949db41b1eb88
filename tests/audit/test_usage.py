from __future__ import annotations

import asyncio
import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from autoscaler.audit.codec import headers
from autoscaler.audit.entry import Entry
from autoscaler.audit.outbox import Outbox
from autoscaler.audit.spool import Spool
from autoscaler.audit.usage import PART, USAGE_TYPE, WAITING, UsageStore
from autoscaler.errors import ScrapeError, ScrapeReason, SpoolFullError
from autoscaler.model.metrics import ContainerId, Page, Sample
from autoscaler.model.objects import Node, NodeName, Pod
from autoscaler.telemetry import Telemetry
from tests.clock import FakeClock, settle

NOON = 1_795_435_200.0
NODE = Node(name=NodeName("n1"), uid="u1")


class Journal:
    """Keeps entries, or refuses them, or hangs."""

    def __init__(self) -> None:
        self.kept: list[Entry] = []
        self.refuses = False
        self.open = asyncio.Event()
        self.open.set()

    async def keep(self, entry: Entry) -> None:
        await self.open.wait()
        if self.refuses:
            raise SpoolFullError("the audit spool is full")
        self.kept.append(entry)

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(entry.body) for entry in self.kept]


class Made:
    """A store that runs, and what it hands over."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.telemetry = Telemetry()
        numbers = count(1)
        self.store = UsageStore(self.journal, FakeClock(NOON), self.telemetry.usage, lambda: f"id-{next(numbers)}")

    def put(self, *pods: Pod, containers: tuple[str, ...] = ("app",), node: Node = NODE, own: bool = True) -> None:
        lines = {
            ContainerId(pod.namespace, pod.name, name): Sample(7, 1_000, 64, 3) for pod in pods for name in containers
        }
        lines[ContainerId("shop", "foreign", "c")] = Sample(7, 1, 1)
        page = Page(
            node=Sample(9, 2_000, 128) if own else None, containers=lines, pods={("shop", "whole"): Sample(8, 5)}
        )
        self.store.put(node, page, pods, int(NOON * 1e9))

    @property
    def dropped(self) -> float | None:
        return self.telemetry.registry.get_sample_value("autoscaler_usage_dropped_total")


def pod(name: str) -> Pod:
    return Pod(namespace="shop", name=name, uid=f"uid of {name}")


async def running(made: Made) -> None:
    """Let it hand over what there is."""
    task = asyncio.get_running_loop().create_task(made.store.run())
    await settle()
    task.cancel()


async def test_a_page_is_one_record_of_what_is_bound_to_the_node() -> None:
    made = Made()
    made.put(pod("web"), pod("silent"), pod("whole"))
    await running(made)
    (entry,) = made.journal.kept
    assert (entry.key, entry.at, entry.changed) == ("n1", NOON, False)
    reading = {"at_ns": 7, "cpu_ns": 1000, "memory": 64, "start_ns": 3}
    assert json.loads(entry.body) == {
        "id": "id-1",
        "time": "2026-11-23T12:00:00.000000Z",
        "node": "n1",
        "node_uid": "u1",
        "own": {"at_ns": 9, "cpu_ns": 2000, "memory": 128},
        "pods": [
            {"namespace": "shop", "name": "web", "uid": "uid of web", "containers": {"app": reading}},
            {"namespace": "shop", "name": "silent", "uid": "uid of silent", "containers": {"app": reading}},
            {
                "namespace": "shop",
                "name": "whole",
                "uid": "uid of whole",
                "containers": {"app": reading},
                "whole": {"at_ns": 8, "cpu_ns": 5},
            },
        ],
    }


async def test_pods_without_a_line_are_left_out_and_an_empty_page_is_a_record_too() -> None:
    made = Made()
    made.put(pod("web"), containers=(), own=False)
    await running(made)
    (body,) = made.journal.bodies()
    assert body["pods"] == []
    assert "own" not in body


async def test_a_large_page_is_cut_into_parts() -> None:
    made = Made()
    made.put(*(pod(f"web-{number}") for number in range(PART * 2 + 1)))
    await running(made)
    bodies = made.journal.bodies()
    assert [(body.get("part", 1), body["parts"], len(body["pods"])) for body in bodies] == [
        (1, 3, PART), (2, 3, PART), (3, 3, 1),
    ]  # fmt: skip
    assert ["own" in body for body in bodies] == [True, False, False]


async def test_what_the_spool_refuses_is_dropped_counted_and_told_with_the_next_record() -> None:
    made = Made()
    made.journal.refuses = True
    with capture_logs() as logs:
        for _ in range(3):
            made.put(pod("web"))
            await running(made)
        made.journal.refuses = False
        made.put(pod("web"))
        made.put(pod("web"))
        await running(made)
    assert made.dropped == 3
    assert [body.get("missed", 0) for body in made.journal.bodies()] == [3, 0]
    assert [entry["event"] for entry in logs] == ["Usage is not kept"]


async def test_a_disk_that_hangs_costs_the_oldest_records_and_no_memory() -> None:
    made = Made()
    made.journal.open.clear()
    for _ in range(WAITING + 5):
        made.put()
    assert made.dropped == 5
    made.journal.open.set()
    await running(made)
    await made.store.finish()
    assert len(made.journal.kept) == WAITING


@pytest.mark.looptime
async def test_in_the_end_what_is_left_is_handed_over_for_a_second_at_most() -> None:
    made = Made()
    made.put(pod("web"))
    await made.store.finish()
    assert len(made.journal.kept) == 1
    made.journal.open.clear()
    made.put(pod("web"))
    await made.store.finish()
    assert len(made.journal.kept) == 1


async def test_a_failure_and_a_node_that_goes_keep_nothing() -> None:
    made = Made()
    made.store.failed(NODE, ScrapeError("n1", ScrapeReason.TIMEOUT, "slow"))
    made.store.forget(NODE.name)
    await running(made)
    assert made.journal.kept == []


async def test_records_are_numbered_per_node_in_the_spool_and_are_cloudevents(tmp_path: Path) -> None:
    telemetry, clock = Telemetry(), FakeClock(NOON)
    spool = Spool(tmp_path, now=NOON, forwarding=True)
    async with Outbox(spool, clock, telemetry.usage.stream) as outbox:
        store = UsageStore(outbox, clock, telemetry.usage, lambda: "an-id")
        page = Page(node=Sample(9, 2_000, 128), containers={})
        for node in (NODE, Node(name=NodeName("n2"), uid="u2"), NODE):
            store.put(node, page, [], int(NOON * 1e9))
        await store.finish()
        records = await outbox.undelivered(1 << 20, 10)
    assert [(record.key, record.seq) for record in records] == [("n1", 1), ("n2", 1), ("n1", 2)]
    found = dict(headers(records[0], USAGE_TYPE))
    assert (found["ce_type"], found["ce_id"]) == (b"dev.hpa-companion.usage.v1", b"an-id")
    assert telemetry.registry.get_sample_value("autoscaler_usage_committed_total") == 3
    assert telemetry.registry.get_sample_value("autoscaler_audit_committed_total") == 0
