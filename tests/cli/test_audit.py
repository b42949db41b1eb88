from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from autoscaler.audit import codec
from autoscaler.audit.entry import Entry
from autoscaler.audit.sources import FileSource, live
from autoscaler.audit.spool import Spool
from autoscaler.audit.wanted import Wanted
from autoscaler.cli import audit, audittail, main, replay
from autoscaler.cli.audit import Request
from autoscaler.cli.selection import Selection
from autoscaler.clock import SystemClock
from autoscaler.config.load import load
from autoscaler.config.settings import Settings
from autoscaler.core.repeats import repeat
from autoscaler.errors import AuditError, ConfigError
from autoscaler.model.decision import Decision, Outcome
from autoscaler.model.instant import parse_instant
from autoscaler.model.plan import Action
from tests.audit.samples import NOON, decision
from tests.clock import settle

HELD = {"action": Action.HOLD, "outcome": Outcome.HELD, "current": 5, "desired": 5, "basis": None}


def entry(made: Decision) -> Entry:
    return Entry(made.key, parse_instant(made.time), False, codec.encode(made))


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """shop/web was scaled at second 1 and held at 2 and 3, in one record; shop/db was scaled at 4."""
    first = decision(2, **HELD)
    with closing(Spool(tmp_path / "spool", now=NOON, forwarding=True)) as spool:
        held = replace(first, repeats=(repeat(first, decision(3, **HELD)),))
        spool.append([entry(decision(1)), entry(held), entry(decision(4, "db"))])
        yield load({"audit-spool-dir": str(tmp_path / "spool")}, {})


def said(settings: Settings, action: str, code: int = 0, **words: object) -> str:
    out = io.StringIO()
    assert audit.run(settings, Request(action=action, **words), out) == code
    return out.getvalue()


def test_tail_has_a_line_for_every_evaluation(settings: Settings) -> None:
    assert said(settings, "tail").splitlines() == [
        "2027-01-15T08:00:01Z       1  shop/Deployment/web: 3 -> 5 replicas, written  (AboveTarget)  web-1",
        "2027-01-15T08:00:02Z       2  shop/Deployment/web: stays at 5 replicas  (AboveTarget)  web-2",
        "2027-01-15T08:00:03Z       2  shop/Deployment/web: stays at 5 replicas  (AboveTarget)  web-2",
        "2027-01-15T08:00:04Z       1  shop/Deployment/db: 3 -> 5 replicas, written  (AboveTarget)  db-4",
    ]


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        pytest.param({"lines": 1}, ["db-4"], id="the last"),
        pytest.param({"lines": 0}, [], id="none of them"),
        pytest.param({"target": "shop/web"}, ["web-1", "web-2", "web-2"], id="of a target"),
        pytest.param({"outcomes": ["held"]}, ["web-2", "web-2"], id="of an outcome"),
        pytest.param({"reasons": ["OnTarget"]}, [], id="of a reason"),
        pytest.param({"since": "2027-01-15T08:00:03Z"}, ["web-2", "db-4"], id="from a time on"),
        pytest.param({"until": "2027-01-15T08:00:01.5Z"}, ["web-1"], id="up to a time"),
    ],
)
def test_tail_shows_what_is_wanted(settings: Settings, words: dict[str, object], ids: list[str]) -> None:
    assert [line.split()[-1] for line in said(settings, "tail", **words).splitlines()] == ids


def test_tail_is_in_order_of_time_where_a_record_has_many_evaluations(tmp_path: Path) -> None:
    first = decision(1, **HELD)
    with closing(Spool(tmp_path / "spool", now=NOON, forwarding=True)) as spool:
        spool.append([entry(replace(first, repeats=(repeat(first, decision(9, **HELD)),))), entry(decision(4, "db"))])
        settings = load({"audit-spool-dir": str(tmp_path / "spool")}, {})
        assert [line.split()[-1] for line in said(settings, "tail").splitlines()] == ["web-1", "db-4", "web-1"]
        assert said(settings, "tail", lines=1).startswith("2027-01-15T08:00:09Z")


def test_tail_for_a_program_can_be_piped_on_to_replay(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "tail.jsonl"
    file.write_text(said(settings, "tail", output="json"))
    assert file.read_text().count("\n") == 3
    assert sorted(file.read_text().splitlines()) == sorted(said(settings, "export").splitlines())
    assert said(settings, "tail", source=str(file)) == said(settings, "tail")
    out = io.StringIO()
    replay.run(settings, replay.Request(source=str(file), output="json"), out)
    assert json.loads(out.getvalue())["evaluations"] == 4


def test_an_export_by_outcome_warns_that_it_is_a_selection(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    warning = "a selection by --outcome: `audit verify` and `replay` may find records missing in it\n"
    said(settings, "export", outcomes=["held"])
    assert capsys.readouterr().err == "1 record written to -\n" + warning
    said(settings, "tail", output="json", outcomes=["held"])
    assert capsys.readouterr().err == warning
    said(settings, "export", outcomes=["held"], to=str(tmp_path / "x.parquet"))
    said(settings, "export", target="shop/web", since="2027-01-15T08:00:02Z")
    assert "selection" not in capsys.readouterr().err


def test_an_export_of_nothing_says_so(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(settings, "export", 1, target="shop/nobody") == ""
    told = "nothing matched: no record is about shop/nobody; there are\n  shop/Deployment/db\n  shop/Deployment/web\n"
    assert capsys.readouterr().err == "nothing written to -\n" + told


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz", "x.parquet"])
@pytest.mark.parametrize("words", [{"target": "shop/nobody"}, {"since": "2028-01-01"}], ids=["target", "time"])
def test_an_export_of_nothing_leaves_the_file_that_is_there(
    settings: Settings, tmp_path: Path, name: str, words: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "exports" / name
    file.parent.mkdir()
    said(settings, "export", 1, to=str(file), **words)
    assert list(file.parent.iterdir()) == []
    said(settings, "export", to=str(file))
    whole = file.read_bytes()
    capsys.readouterr()
    said(settings, "export", 1, to=str(file), **words)
    assert (file.read_bytes(), list(file.parent.iterdir())) == (whole, [file])
    told, why, *_ = capsys.readouterr().err.splitlines()
    assert (told, why.partition(":")[0]) == (f"nothing written to {file}", "nothing matched")


class Lines(io.StringIO):
    """Calls `after` once when the first line was written."""

    def __init__(self, after: Callable[[], None]) -> None:
        super().__init__()
        self._after = [after]

    def flush(self) -> None:
        if self._after:
            self._after.pop()()


async def test_following_goes_on_behind_the_latest_lines(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    await asyncio.to_thread(said, settings, "export", to=str(file))
    whole = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(whole[:2]))

    def grow() -> None:
        with file.open("ab") as more:
            more.write(whole[2])

    out = Lines(grow)
    source = FileSource(str(file))
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        task = group.create_task(
            audittail.tail(live(source, SystemClock()), Selection(Wanted(), source), 1, "text", out)
        )
        while out.getvalue().count("\n") < 2:
            await settle()
        task.cancel()
    assert [line.split()[-1] for line in out.getvalue().splitlines()] == ["web-2", "db-4"]


def test_show_tells_a_record_in_full(settings: Settings, tmp_path: Path) -> None:
    text = said(settings, "show", what="web-2")
    assert text.count("shop/Deployment/web: stays at 5 replicas") == 1, "once, however many share it"
    assert text.splitlines()[-1] == (
        "2 evaluations share this record, from 2027-01-15T08:00:02Z to 2027-01-15T08:00:03Z; told is the last, "
        "another by its time: `explain shop/Deployment/web "
        f"--audit-spool-dir {tmp_path}/spool --at 2027-01-15T08:00:02Z`"
    )
    assert "share this record" not in said(settings, "show", what="web-1")
    assert said(settings, "show", what="d") == said(settings, "show", what="db-4"), "the only one that begins so"
    assert json.loads(said(settings, "show", what="web-1", output="json")) == json.loads(codec.encode(decision(1)))


@pytest.mark.parametrize(
    ("action", "words", "error", "message"),
    [
        pytest.param("show", {"what": "nobody"}, AuditError, "no record nobody", id="an unknown id"),
        pytest.param("show", {}, ConfigError, "name the id", id="no id"),
        pytest.param("show", {"what": "web-"}, ConfigError, "web- begins several ids, give more of it: web-1, web-2",
                     id="the beginning of two ids"),
        pytest.param("tail", {"since": "2027-01-16", "until": "2027-01-15"}, ConfigError,
                     "--since 2027-01-16 is later than --until 2027-01-15", id="an end before the beginning"),
        pytest.param("tail", {"since": "noon"}, ConfigError, "--since: 'noon'", id="no time"),
        pytest.param("tail", {"reasons": ["Because"]}, ConfigError, "--reason Because: there are", id="a word"),
        pytest.param("tail", {"lines": -1}, ConfigError, "--lines -1: 0 or more", id="fewer lines than none"),
        pytest.param("tail", {"what": "web-1"}, ConfigError, "audit tail: ID is for show only", id="tail of an id"),
        pytest.param("verify", {"lines": 3}, ConfigError, "--lines is for tail only", id="verify of some lines"),
        pytest.param("verify", {"since": "2027-01-15T08:00:03Z"}, ConfigError, "--since is for tail, export only",
                     id="verify of a time"),
        pytest.param("export", {"output": "json"}, ConfigError, "--output is for tail, show, verify only",
                     id="export in another form"),
        pytest.param("tail", {"source": "nowhere"}, ConfigError, "--from nowhere: no such file", id="no source"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_says_why(
    settings: Settings, action: str, words: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        said(settings, action, **words)


def test_an_export_is_a_source_like_any_other(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    said(settings, "export", to=str(file))
    assert said(settings, "tail", source=str(file)) == said(settings, "tail")
    assert "3 records of 2 targets, 4 evaluations" in said(settings, "verify", source=str(file))


@pytest.mark.parametrize(
    "verb", ["audit tail", "audit verify", "audit show x", "audit export", "explain shop/web", "replay"]
)
def test_every_reader_tells_what_to_name_instead_of_a_file_of_another_form(
    settings: Settings, tmp_path: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "x.parquet"
    said(settings, "export", to=str(table))
    capsys.readouterr()
    for file, told in ((tmp_path / "spool" / "spool.db", "is an SQLite file"), (table, "is Parquet")):
        assert main([*verb.split(), "--from", str(file)]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n"), f"{file} {told}" in err) == ("", 1, True), err


def test_broken_lines_are_shown_in_their_place_and_counted(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "broken.jsonl"
    file.write_text("\x1b[31mgarbage\nmore\n")
    assert said(settings, "tail", 1, source=str(file)).startswith(f"broken: {file}:1: no record of ours")
    assert said(settings, "tail", 1, source=str(file), lines=0) == "", "not shown, but met"
    assert capsys.readouterr().err == "2 could not be read: `audit verify` names them\n" * 2


def test_what_could_not_be_read_may_have_been_the_record_that_is_looked_for(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "broken.jsonl"
    file.write_text("garbage\n")
    with pytest.raises(AuditError, match="there is no record web-1; 1 could not be read: `audit verify` names them"):
        said(settings, "show", source=str(file), what="web-1")


def test_a_later_type_is_told_as_that_and_other_types_are_passed_over(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "mixed.jsonl"
    said(settings, "export", to=str(file))
    first, *rest = file.read_text().splitlines()
    later = first.replace("decision.v1", "decision.v2")
    file.write_text("\n".join([later, first.replace("dev.hpa-companion.decision.v1", "com.example.order"), *rest]))
    told = said(settings, "tail", source=str(file)).splitlines()
    assert [line.split()[-1] for line in told] == ["dev.hpa-companion.decision.v2", "web-2", "web-2", "db-4"]
    assert told[0].startswith(f"later: {file}:1: audit record of a later release")
    assert json.loads(said(settings, "show", source=str(file), what="web-1", output="json")) == json.loads(
        codec.encode(decision(1))
    )
    with pytest.raises(AuditError, match=r"of a later release: .*; `--output json` shows it as it is"):
        said(settings, "show", source=str(file), what="web-1")
