from __future__ import annotations

import gzip
import io
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet
import pytest
from msgspec.structs import replace

from autoscaler.audit import codec
from autoscaler.audit.event import Event, from_line, from_spool
from autoscaler.audit.wanted import Wanted
from autoscaler.cli.auditexport import Exported, export
from autoscaler.core.repeats import repeat
from autoscaler.errors import AuditError, ConfigError, LaterError, MalformedError, OtherError
from autoscaler.model.decision import Outcome
from autoscaler.model.plan import Action
from tests.audit.samples import NOON, decision, record

HELD = decision(2, action=Action.HOLD, outcome=Outcome.HELD, current=5, desired=5)
TWICE = replace(HELD, repeats=(repeat(HELD, replace(HELD, time="2027-01-15T08:00:07.500000Z")),))
EVENTS = [from_spool(record(1)), from_spool(record(2, body=codec.encode(TWICE)))]
WRITTEN = Wanted(outcomes=("written",))


async def stream(*found: Event | MalformedError) -> AsyncIterator[Event | MalformedError]:
    for each in found:
        yield each


async def test_json_lines_are_the_records(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    assert await export(stream(*EVENTS), Wanted(), str(file), io.StringIO()) == Exported(2)
    assert [from_line(line, "").body for line in file.read_bytes().splitlines()] == [each.body for each in EVENTS]
    out = io.StringIO()
    assert await export(stream(*EVENTS), WRITTEN, "-", out) == Exported(1)
    assert out.getvalue().count("\n") == 1


async def test_packed_lines_are_the_same_and_the_same_every_time(tmp_path: Path) -> None:
    plain, *packed = (tmp_path / name for name in ("x.jsonl", "x.jsonl.gz", "y.jsonl.gz"))
    for file in (plain, *packed):
        assert await export(stream(*EVENTS), Wanted(), str(file), io.StringIO()) == Exported(2)
    assert gzip.decompress(packed[0].read_bytes()) == plain.read_bytes()
    assert packed[0].read_bytes() == packed[1].read_bytes()


async def test_parquet_has_a_row_for_every_evaluation(tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    assert await export(stream(*EVENTS), Wanted(), str(file), io.StringIO()) == Exported(3)
    rows = pyarrow.parquet.read_table(file).to_pylist()
    assert [row["time"] for row in rows] == [
        datetime(2027, 1, 15, 8, 0, second, microsecond, tzinfo=UTC)
        for second, microsecond in ((1, 0), (2, 0), (7, 500_000))
    ]
    assert [(row["seq"], row["name"], row["outcome"], row["desired"]) for row in rows] == [
        (1, "web", "written", 5), (2, "web", "held", 5), (2, "web", "held", 5),
    ]  # fmt: skip
    assert await export(stream(*EVENTS), WRITTEN, str(file), io.StringIO()) == Exported(1)
    assert pyarrow.parquet.read_table(file).num_rows == 1


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "x.parquet"])
async def test_what_cannot_be_read_leaves_no_half_a_file(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    for there in ([], [file]):
        with pytest.raises(AuditError, match="line 7: broken; `audit verify` lists all"):
            await export(stream(EVENTS[0], MalformedError("line 7: broken")), Wanted(), str(file), io.StringIO())
        assert list(tmp_path.iterdir()) == there
        file.write_text("an older export")
    assert file.read_text() == "an older export"


@pytest.mark.parametrize(
    ("name", "told"),
    [("x.jsonl", "2 records"), ("x.jsonl.gz", "2 records"), ("x.parquet", "3 evaluations"), ("-", "2 records")],
)
async def test_what_was_counted_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str) -> None:
    monkeypatch.chdir(tmp_path)
    done = await export(stream(*EVENTS), Wanted(), name, io.StringIO())
    assert done.lines(name) == [f"{told} written to {name}"]


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("x.jsonl", {"body": b"{}"}),
        ("x.parquet", {"body": b"{}"}),
        ("x.jsonl", {"type": "dev.hpa-companion.decision.v2", "time": "noon"}),
    ],
)
async def test_a_body_that_cannot_be_read_is_named_with_its_place(
    tmp_path: Path, name: str, broken: dict[str, object]
) -> None:
    found = stream(EVENTS[0], replace(EVENTS[1], where="in.jsonl:9", **broken))
    with pytest.raises(AuditError, match=r"^in.jsonl:9: shop/Deployment/web: .*`audit verify` lists all"):
        await export(found, Wanted(), str(tmp_path / name), io.StringIO())
    assert list(tmp_path.iterdir()) == []


LATER = replace(EVENTS[0], where="x.jsonl:1", body=codec.encode(decision(1)).replace(b"AboveTarget", b"LunarTide"))


@pytest.mark.parametrize(
    ("name", "wanted", "written", "left_out"),
    [
        pytest.param("x.jsonl", Wanted(), 2, 0, id="it is copied as it is"),
        pytest.param("x.jsonl.gz", Wanted(since=NOON + 2), 1, 0, id="by its time"),
        pytest.param("x.jsonl", Wanted(outcomes=("held",)), 1, 1, id="nobody knows its outcome"),
        pytest.param("x.parquet", Wanted(), 2, 1, id="a table has no room for it"),
    ],
)
async def test_a_record_of_a_later_release_ends_nothing(
    tmp_path: Path, name: str, wanted: Wanted, written: int, left_out: int
) -> None:
    done = await export(stream(LATER, EVENTS[1]), wanted, str(tmp_path / name), io.StringIO())
    assert (done.written, done.left_out) == (written, left_out)
    said = "\n".join(done.lines("x"))
    assert ("  x.jsonl:1: audit record of a later release: reason 'LunarTide'" in said) is bool(left_out)


PARKED = replace(EVENTS[0], where="t[0]@1", type=codec.PARKED_TYPE, body=codec.stub(record(1), "too large").body)


@pytest.mark.parametrize(
    ("name", "wanted", "written", "left_out"),
    [
        pytest.param("x.jsonl", Wanted(), 2, 0, id="it is copied as it is"),
        pytest.param("x.jsonl", Wanted(since=NOON + 2), 1, 0, id="too early"),
        pytest.param("x.jsonl.gz", Wanted(until=NOON + 1), 1, 0, id="all else is too late"),
        pytest.param("x.jsonl", Wanted(reasons=("AboveTarget",)), 1, 1, id="nobody knows its reason"),
        pytest.param("x.parquet", Wanted(), 2, 1, id="a table has no room for it"),
    ],
)
async def test_what_the_broker_refused_is_chosen_by_its_time_or_named(
    tmp_path: Path, name: str, wanted: Wanted, written: int, left_out: int
) -> None:
    done = await export(stream(PARKED, EVENTS[1]), wanted, str(tmp_path / name), io.StringIO())
    assert (done.written, done.left_out) == (written, left_out)
    assert ("  t[0]@1: Kafka refused the record itself" in done.lines("x")) is bool(left_out)


async def test_events_of_other_types_end_nothing(tmp_path: Path) -> None:
    later = replace(EVENTS[0], type="dev.hpa-companion.decision.v2", where="x.jsonl:1")
    found = (later, OtherError("an order"), LaterError("x.jsonl:3: of later"), EVENTS[1])
    for name, written, left_out in (("x.jsonl", 2, 1), ("x.parquet", 2, 2)):
        done = await export(stream(*found), Wanted(), str(tmp_path / name), io.StringIO())
        assert (done.written, done.left_out, done.others) == (written, left_out, 1)
        assert done.lines("x")[1] == "1 passed over: events of other types, no records of ours"
        assert "  x.jsonl:3: of later" in done.lines("x")
    assert from_line((tmp_path / "x.jsonl").read_bytes().splitlines()[0], "").type == later.type


async def test_of_very_many_that_were_left_out_some_are_named(tmp_path: Path) -> None:
    done = await export(stream(*[LATER] * 30), Wanted(), str(tmp_path / "x.parquet"), io.StringIO())
    first, second, *_, last = done.lines("x")
    assert (first, second, last) == ("nothing written to x", "30 records left out:", "  and 10 more")


async def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--to .*nowhere/x.jsonl: No such file"):
        await export(stream(*EVENTS), Wanted(), str(tmp_path / "nowhere" / "x.jsonl"), io.StringIO())
    (tmp_path / "file").touch()
    for name in ("x.jsonl", "x.parquet"):
        with pytest.raises(ConfigError, match=rf"--to .*file/{name}: .*Not a directory"):
            await export(stream(*EVENTS), Wanted(), str(tmp_path / "file" / name), io.StringIO())


@pytest.mark.parametrize("name", ["d.csv", "d.gz", "d"])
async def test_a_form_there_is_not_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"--to .*{name}: its name must end in .jsonl, .jsonl.gz or .parquet"):
        await export(stream(*EVENTS), Wanted(), str(tmp_path / name), io.StringIO())
    assert list(tmp_path.iterdir()) == []


async def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"pip install 'hpa-companion\[parquet\]'"):
        await export(stream(*EVENTS), Wanted(), str(tmp_path / "x.parquet"), io.StringIO())
