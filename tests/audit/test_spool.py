from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from autoscaler.audit.entry import Entry
from autoscaler.audit.read import SpoolReader
from autoscaler.audit.room import OnFull, Pressure
from autoscaler.audit.spool import Spool
from autoscaler.audit.spoolfile import FILE_NAME
from autoscaler.audit.verify import Number, verify
from autoscaler.errors import AuditError, SpoolFullError
from tests.audit.samples import NOON

SMALL = 2 << 20
BODY = b"x" * 1400


def entry(key: str = "shop/Deployment/web", at: float = NOON, *, changed: bool = False, body: bytes = BODY) -> Entry:
    return Entry(key, at, changed, body)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with closing(Spool(tmp_path, now=NOON, forwarding=True, max_bytes=SMALL)) as opened:
        yield opened


def fill(spool: Spool) -> int:
    """Append until there is no room; how many were taken."""
    count = 0
    while True:
        try:
            spool.append([entry(f"shop/Deployment/web{index}") for index in range(10)])
        except SpoolFullError:
            return count
        count += 10


def fill_singly(spool: Spool) -> None:
    for _ in range(10):
        spool.append([entry()])


class TestNumbers:
    def test_every_target_counts_for_itself(self, spool: Spool) -> None:
        spool.append([entry("a"), entry("b"), entry("a")])
        spool.append([entry("a"), entry("b")])
        assert [(record.key, record.seq) for record in spool.undelivered(1 << 20, 10)] == [
            ("a", 1), ("b", 1), ("a", 2), ("a", 3), ("b", 2),
        ]  # fmt: skip

    def test_the_count_goes_on_after_a_restart_in_the_same_epoch(self, tmp_path: Path) -> None:
        for _ in range(2):
            with closing(Spool(tmp_path, now=NOON, forwarding=True)) as opened:
                opened.append([entry()])
        with closing(Spool(tmp_path, now=NOON + 99, forwarding=True)) as opened:
            assert [(record.epoch, record.seq) for record in opened.undelivered(1 << 20, 10)] == [
                (1_800_000_000_000, 1),
                (1_800_000_000_000, 2),
            ]

    def test_a_new_spool_has_a_higher_epoch(self, tmp_path: Path) -> None:
        with (
            closing(Spool(tmp_path / "one", now=NOON, forwarding=True)) as one,
            closing(Spool(tmp_path / "two", now=NOON + 0.001, forwarding=True)) as two,
        ):
            assert two.epoch > one.epoch

    def test_a_refused_group_leaves_a_hole_that_is_told(self, spool: Spool) -> None:
        fill(spool)
        spool.delivered(100)
        spool.append([entry("shop/Deployment/web0")])
        with SpoolReader(spool.path.parent) as reader:
            numbers = [Number(each.key, each.epoch, each.seq, each.shed) for each in reader.records()]
        verdict = verify(numbers, from_start=False)
        assert verdict.whole
        [gap] = verdict.shed
        assert (gap.key, gap.last - gap.first) == ("shop/Deployment/web0", 0)


class TestDelivery:
    def test_the_oldest_come_first_and_the_cursor_survives(self, tmp_path: Path) -> None:
        with closing(Spool(tmp_path, now=NOON, forwarding=True)) as opened:
            opened.append([entry(at=NOON + second) for second in range(3)])
            opened.delivered(1)
            assert opened.backlog() == (2, NOON + 1)
        with closing(Spool(tmp_path, now=NOON, forwarding=True)) as opened:
            assert [record.at for record in opened.undelivered(1 << 20, 10)] == [NOON + 1, NOON + 2]
            opened.delivered(3)
            assert opened.undelivered(1 << 20, 10) == []
            assert opened.backlog() == (0, None)

    def test_a_round_stops_below_its_size_but_never_empty(self, spool: Spool) -> None:
        spool.append([entry() for _ in range(5)])
        assert len(spool.undelivered(3000, 10)) == 2
        assert len(spool.undelivered(10, 10)) == 1
        assert len(spool.undelivered(1 << 20, 4)) == 4


class TestSize:
    def test_undelivered_records_fill_it_up_and_none_is_lost(self, spool: Spool) -> None:
        count = fill(spool)
        assert count * len(BODY) > SMALL // 2
        assert spool.backlog() == (count, NOON)
        with pytest.raises(SpoolFullError, match="full"):
            fill_singly(spool)  # less than a group may still find room

    def test_delivered_records_make_room_in_a_full_one(self, spool: Spool) -> None:
        count = fill(spool)
        spool.delivered(count)
        spool.append([entry()])
        assert spool.backlog() == (1, NOON)

    def test_the_newest_delivered_records_stay_for_explain(self, spool: Spool) -> None:
        for _ in range(60):
            spool.append([entry() for _ in range(50)])
            spool.delivered(spool.undelivered(1 << 20, 50)[-1].position)
        with SpoolReader(spool.path.parent) as reader:
            kept = [record.position for record in reader.records()]
        assert kept == list(range(3001 - len(kept), 3001))
        assert SMALL // 4 < len(kept) * len(BODY) < SMALL // 2

    def test_without_kafka_the_oldest_make_room(self, tmp_path: Path) -> None:
        with closing(Spool(tmp_path, now=NOON, forwarding=False, max_bytes=SMALL)) as opened:
            for _ in range(60):
                opened.append([entry() for _ in range(50)])
        with SpoolReader(tmp_path) as reader:
            kept = [record.position for record in reader.records()]
        assert kept[-1] == 3000
        assert len(kept) * len(BODY) < SMALL // 2

    def test_the_disk_gets_its_space_back_after_an_outage(self, tmp_path: Path) -> None:
        with closing(Spool(tmp_path, now=NOON, forwarding=True, max_bytes=40 << 20, keep_bytes=1 << 20)) as opened:
            opened.append([entry() for _ in range(20_000)])
            opened.delivered(20_000)
            for _ in range(60):
                opened.append([entry() for _ in range(500)])
                opened.delivered(opened.undelivered(1 << 30, 1 << 20)[-1].position)
        assert (tmp_path / FILE_NAME).stat().st_size < 16 << 20

    def test_a_record_larger_than_the_spool_is_refused_not_looped_over(self, spool: Spool) -> None:
        spool.append([entry()])
        spool.delivered(1)
        with pytest.raises(SpoolFullError):
            spool.append([entry(body=b"x" * SMALL)])
        spool.append([entry()])


def test_room_that_a_life_reserved_is_its_targets_in_the_next_and_goes_where_nothing_halts(tmp_path: Path) -> None:
    with closing(Spool(tmp_path, now=NOON, forwarding=True, on_full=OnFull.HALT)) as first:
        first.reserve("shop/Deployment/web", BODY)
    with closing(Spool(tmp_path, now=NOON, forwarding=True, on_full=OnFull.HALT)) as second:
        assert second.keeps_room == {"shop/Deployment/web"}
    with closing(Spool(tmp_path, now=NOON, forwarding=True)) as third:
        assert not third.keeps_room
    with closing(Spool(tmp_path, now=NOON, forwarding=True, on_full=OnFull.HALT)) as fourth:
        assert not fourth.keeps_room
        fourth.reserve("shop/Deployment/web", BODY)
        assert fourth.reserved("shop/Deployment/web") == BODY
        fourth.append([replace(entry(), spare=True)])
        assert fourth.reserved("shop/Deployment/web") == BODY, "to hold is not what it was for"
        fourth.append([entry()])
        assert fourth.reserved("shop/Deployment/web") is None
        assert not fourth.keeps_room, "used"


class TestPressure:
    """Half-full, crowded, full; a small spool on a large disk. `tests/faults/test_disk.py` has full disks."""

    @staticmethod
    def held(key: str = "shop/Deployment/idle") -> Entry:
        return Entry(key, NOON, changed=False, body=BODY, spare=True)

    def crowd(self, spool: Spool) -> None:
        while all(spool.append([entry(), self.held()] * 10)):
            pass

    def test_from_four_fifths_on_what_says_nothing_new_is_dropped_with_its_number(self, spool: Spool) -> None:
        self.crowd(spool)
        assert spool.pressure is Pressure.CROWDED
        assert 0.7 * SMALL < spool.backlog()[0] * len(BODY) * 1.15 < 0.9 * SMALL
        count = spool.backlog()[0]
        assert spool.append([self.held(), self.held(), entry()]) == [False, False, True]
        assert spool.backlog()[0] == count + 1
        spool.delivered(count)
        assert spool.append([self.held()]) == [True]
        assert spool.pressure is Pressure.NONE
        [_, record] = spool.undelivered(1 << 20, 10)
        assert (record.key, record.shed) == ("shop/Deployment/idle", 12)

    def test_what_is_dropped_ends_the_record_it_would_have_joined(self, spool: Spool) -> None:
        first = Entry("a", NOON, changed=False, body=b'{"repeats":[]}', standing=True, spare=True)
        row = replace(first, at=NOON + 1, joins=NOON, body=b"1", whole=lambda: first.body)
        spool.append([first])
        self.crowd(spool)
        assert spool.append([row]) == [False]
        [one] = [each for each in spool.undelivered(1 << 30, 10_000) if each.key == "a"]
        spool.delivered(spool.backlog()[0])
        assert spool.append([replace(row, body=b"2")]) == [True]
        spool.settle()
        [two] = spool.undelivered(1 << 30, 10_000)
        assert (one.seq, two.seq, two.shed) == (1, 3, 1)
        assert one.body == two.body == b'{"repeats":[]}'

    def test_in_a_full_one_nothing_is_kept_and_the_numbers_are_told_later(self, spool: Spool) -> None:
        fill_to_the_brim(spool)
        assert spool.pressure is Pressure.FULL
        with pytest.raises(SpoolFullError):
            spool.append([entry("b")])
        spool.delivered(spool.backlog()[0])
        spool.append([entry("b")])
        [record] = spool.undelivered(1 << 20, 10)
        assert (record.key, record.seq, record.shed) == ("b", 2, 1)

    def test_numbers_of_a_full_one_survive_the_process(self, tmp_path: Path) -> None:
        for _ in range(2):
            with closing(Spool(tmp_path, now=NOON, forwarding=True, max_bytes=SMALL)) as opened:
                fill_to_the_brim(opened)
                with pytest.raises(SpoolFullError):
                    opened.append([entry("b")])
        with closing(Spool(tmp_path, now=NOON, forwarding=True, max_bytes=SMALL)) as opened:
            opened.delivered(opened.backlog()[0])
            opened.append([entry("b")])
            assert [(each.seq, each.shed) for each in opened.undelivered(1 << 20, 10)] == [(3, 2)]

    def test_who_halts_drops_nothing_early_and_has_room_for_what_was_reserved(self, tmp_path: Path) -> None:
        with closing(Spool(tmp_path, now=NOON, forwarding=True, max_bytes=SMALL, on_full=OnFull.HALT)) as opened:
            opened.append([entry("big")])
            opened.reserve("big", b"y" * 60_000)
            fill_to_the_brim(opened, self.held())
            with pytest.raises(SpoolFullError):
                opened.reserve("other", b"y" * 60_000)
            opened.append([entry("big", body=b"z" * 60_000)])
            assert opened.undelivered(1 << 30, 10_000)[-1].body == b"z" * 60_000


def fill_to_the_brim(spool: Spool, made: Entry | None = None) -> None:
    """Of one target, until a single record is refused."""
    for group in (50, 1):
        with suppress(SpoolFullError):
            while all(spool.append([made or entry()] * group)):
                pass


def test_a_spool_whose_file_is_gone_says_so_and_keeps_nothing_that_would_go_with_it(tmp_path: Path) -> None:
    with closing(Spool(tmp_path, now=NOON, forwarding=True)) as spool:
        spool.append([entry()])
        spool.path.rename(tmp_path / "away")
        with pytest.raises(AuditError, match="was moved or removed while it was in use"):
            spool.append([entry()])
        with pytest.raises(AuditError, match="was moved or removed while it was in use"):
            spool.reserve("shop/Deployment/web", BODY)
        assert len(spool.undelivered(1 << 20, 10)) == 1, "Kafka still gets what it has"
        (tmp_path / "away").rename(spool.path)
        spool.append([entry()])
        assert [(each.seq, each.shed) for each in spool.undelivered(1 << 20, 10)] == [(1, 0), (3, 1)]
