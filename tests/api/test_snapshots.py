import asyncio
from collections.abc import Sequence

import pytest
from msgspec import structs

from autoscaler.api.items import SLICE
from autoscaler.api.ledger import Ledger
from autoscaler.api.selection import Selection
from autoscaler.api.snapshots import KEPT_SECONDS, Snapshot, Snapshots
from autoscaler.core import selectors
from autoscaler.model.objects import Pod
from autoscaler.turnstile import Turnstile
from tests.api.cluster import NOW, Cluster, pod_usage
from tests.clock import FakeClock

ALL = Selection("pods", "", selectors.Selector(), selectors.FieldSelector())
WEB = structs.replace(ALL, labels=selectors.parse("app=web"))


class Made:
    """A cluster of `count` pods and what takes snapshots of it."""

    def __init__(self, count: int, **limits: int) -> None:
        self.cluster = Cluster()
        self.pods = [
            Pod(namespace=f"ns-{number % 3}", name=f"p{number:05}", uid=str(number), labels={"app": "web"})
            for number in range(count)
        ]
        for pod in self.pods:
            self.cluster.add_pod(pod, ("c", 1, 1))
        self.clock = FakeClock(NOW)
        self.ledger = Ledger(self.cluster, self.cluster, self.cluster, self.clock)
        self.snapshots = Snapshots(self.ledger, self.clock, Turnstile(1), **limits)

    def sample(self, *pods: Pod, cpu: int) -> None:
        """New numbers in one commit."""
        for pod in pods:
            self.cluster.usages[(pod.namespace, pod.name)] = pod_usage(pod, ("c", cpu, 1))
        self.cluster.commit(*pods)


def cpus(snapshot: Snapshot) -> dict[str, int]:
    return {item.subject.name: item.pairs()[1][0] for item in snapshot.items}


def names(snapshot: Snapshot) -> Sequence[str]:
    return [item.subject.name for item in snapshot.items]


async def test_it_is_everything_selected_in_order_as_of_the_revision() -> None:
    made = Made(7)
    made.cluster.change(made.pods[0], structs.replace(made.pods[0], labels={}))
    snapshot = await made.snapshots.current(WEB)
    assert names(snapshot) == ["p00003", "p00006", "p00001", "p00004", "p00002", "p00005"]
    assert snapshot.revision == made.ledger.revision
    assert names(await made.snapshots.current(structs.replace(ALL, namespace="ns-0"))) == ["p00000", "p00003", "p00006"]


async def test_what_is_served_later_does_not_change_it() -> None:
    made = Made(3)
    before = await made.snapshots.current(ALL)
    made.sample(*made.pods, cpu=2)
    after = await made.snapshots.current(ALL)
    assert set(cpus(before).values()) == {1}
    assert set(cpus(after).values()) == {2}


async def test_it_is_exact_although_it_is_read_in_slices() -> None:
    """While it is read, early pods get new numbers and labels, late ones go, new ones come: all as of its revision."""
    made = Made(SLICE * 8)
    order = sorted(made.pods, key=lambda pod: (pod.namespace, pod.name))
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(made.snapshots.current(WEB))
        await asyncio.sleep(0)
        for number in range(4):
            await asyncio.sleep(0)
            made.sample(*order[: SLICE * 2], cpu=number + 2)
        made.cluster.change(order[0], structs.replace(order[0], labels={"app": "db"}))
        made.cluster.change(order[1], None)
        made.cluster.change(order[-1], None)
        new = Pod(namespace="ns-0", name="a-new-one", uid="new", labels={"app": "web"})
        made.cluster.change(None, new)
        made.sample(new, cpu=9)
        assert not reading.done()
    snapshot = reading.result()
    assert snapshot.revision == made.ledger.revision
    assert names(snapshot) == ["a-new-one", *(pod.name for pod in order[2:-1])]
    assert set(names(snapshot)) == set(names(await made.snapshots.current(WEB)))
    assert cpus(snapshot) == cpus(await made.snapshots.current(WEB))
    assert cpus(snapshot)[order[2].name] == 5


async def test_it_ends_though_more_changes_in_every_turn_than_is_read_in_one() -> None:
    made = Made(SLICE * 3)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(made.snapshots.current(ALL))
        for turn in range(40):
            await asyncio.sleep(0)
            if reading.done():
                break
            made.sample(*made.pods, cpu=turn)
        assert reading.done()
    assert len(reading.result().items) == SLICE * 3


async def test_labels_that_change_while_known_matches_are_read_count() -> None:
    """What a selector took before is read without comparing labels, until they change."""
    made = Made(SLICE * 3)
    order = sorted(made.pods, key=lambda pod: (pod.namespace, pod.name))
    few = structs.replace(WEB, namespace="ns-1")
    known = [pod for pod in order if pod.namespace == "ns-1"]
    terms = [f"x{number}" for number in range(40)]  # so that a slice is less than they are
    few = structs.replace(few, labels=selectors.parse(f"app=web,app notin ({','.join(terms)})"))
    assert names(await made.snapshots.current(few)) == [pod.name for pod in known]
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(made.snapshots.current(few))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        made.cluster.change(known[0], structs.replace(known[0], labels={"app": "db"}))
        made.cluster.change(known[-1], structs.replace(known[-1], labels={"app": "db"}))
        assert not reading.done()
    assert names(reading.result()) == [pod.name for pod in known[1:-1]]


@pytest.mark.parametrize("when", range(12))
async def test_it_is_as_of_its_revision_whatever_happens_when(when: int) -> None:
    """A pod goes and comes again, one comes before and one behind what was read, another in the midst goes."""
    made = Made(SLICE * 3)
    order = sorted(made.pods, key=lambda pod: (pod.namespace, pod.name))
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(made.snapshots.current(WEB))
        for _ in range(when):
            await asyncio.sleep(0)
        for pod in (order[1], order[-2]):
            made.cluster.change(pod, None)
            made.cluster.change(None, pod)
            made.sample(pod, cpu=7)
        made.cluster.change(order[SLICE], None)
        for namespace in ("ns-0", "ns-9"):
            new = Pod(namespace=namespace, name="new", uid="new", labels={"app": "web"})
            made.cluster.change(None, new)
            made.sample(new, cpu=9)
    snapshot = reading.result()
    if snapshot.revision != made.ledger.revision:
        assert len(snapshot.items) == SLICE * 3, "it was complete before"
        assert set(cpus(snapshot).values()) == {1}
        return
    now = await made.snapshots.current(WEB)
    assert names(snapshot) == names(now)
    assert cpus(snapshot) == cpus(now)
    assert {len(part) for part in snapshot.items.parts[:-1]} == {SLICE}
    assert "new" in names(snapshot)


async def test_what_nobody_reads_to_its_end_is_left_to_be_let_go() -> None:
    made = Made(SLICE * 3)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(made.snapshots.current(ALL))
        for _ in range(3):
            await asyncio.sleep(0)
        reading.cancel()
    assert sum(len(part) for left in made.snapshots.leavings._left for part in left) >= SLICE
    await made.snapshots.let_go()
    assert not made.snapshots.leavings._left


async def test_who_asks_the_same_meanwhile_shares_it() -> None:
    made = Made(SLICE * 3)
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(made.snapshots.current(ALL)) for _ in range(50)]
        other = tasks.create_task(made.snapshots.current(WEB))
    assert len({id(task.result()) for task in asked}) == 1
    assert other.result() is not asked[0].result()


async def test_who_leaves_takes_nobody_along() -> None:
    made = Made(SLICE * 3)
    async with asyncio.TaskGroup() as tasks:
        first, second = (tasks.create_task(made.snapshots.current(ALL)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
    assert len(second.result().items) == SLICE * 3


async def test_a_kept_one_is_found_for_more_than_five_minutes_of_updates() -> None:
    made = Made(3)
    snapshot = await made.snapshots.current(ALL)
    made.snapshots.keep(snapshot)
    for _ in range(21):
        await made.clock.advance(15)
        made.sample(*made.pods, cpu=2)
    assert made.snapshots.find(ALL, snapshot.revision) is snapshot
    assert made.snapshots.find(WEB, snapshot.revision) is None
    assert made.snapshots.find(ALL, made.ledger.revision) is None
    await made.clock.advance(KEPT_SECONDS - 1)
    assert made.snapshots.find(ALL, snapshot.revision) is snapshot, "each page counts as a use"
    await made.clock.advance(KEPT_SECONDS + 1)
    made.snapshots.tidy()
    assert made.snapshots.find(ALL, snapshot.revision) is None
    assert made.snapshots.leavings._left, "it is let go part by part"


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        pytest.param({"most": 2}, [False, True, True], id="so many snapshots"),
        pytest.param({"most_items": 6}, [False, True, True], id="so many items"),
        pytest.param({"most_items": 1}, [False, False, True], id="the newest always fits"),
    ],
)
async def test_there_is_an_end_to_what_is_kept(limits: dict[str, int], left: list[bool]) -> None:
    made = Made(3, **limits)
    revisions = []
    for number in range(3):
        made.sample(made.pods[0], cpu=number)
        snapshot = await made.snapshots.current(ALL)
        made.snapshots.keep(snapshot)
        made.snapshots.keep(snapshot)
        revisions.append(snapshot.revision)
    assert [made.snapshots.find(ALL, revision) is not None for revision in revisions] == left
