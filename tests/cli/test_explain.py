from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace

from autoscaler.audit import codec
from autoscaler.audit.entry import Entry
from autoscaler.audit.event import from_spool, line
from autoscaler.audit.read import SpoolReader
from autoscaler.audit.sharing import changed
from autoscaler.audit.sources import FileSource, SpoolSource
from autoscaler.audit.spool import Spool
from autoscaler.cli import explain
from autoscaler.errors import AuditError, AutoscalerError, ConfigError
from autoscaler.model.decision import Decision, Outcome, PolicyRef, Repeat
from autoscaler.model.instant import parse_instant
from autoscaler.model.plan import Action
from autoscaler.model.policy import TargetRef
from tests.audit.samples import NOON, decision
from tests.core.explained import NO_METRICS

HELD = {"action": Action.HOLD, "outcome": Outcome.HELD, "current": 5, "desired": 5, "stages": ()}


def write(spool: Spool, *decisions: Decision) -> None:
    spool.append([Entry(each.key, parse_instant(each.time), changed(each), codec.encode(each)) for each in decisions])


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """shop/web was held at second 1, scaled at 2, held at 3; shop/db was only ever held."""
    with closing(Spool(tmp_path, now=NOON, forwarding=True)) as opened:
        write(opened, decision(1, **HELD), decision(2), decision(3, **HELD))
        write(opened, decision(4, "db", **HELD, policy=PolicyRef("HorizontalPodScaler", "shop", "database", "u", 1)))
        yield opened


def told(spool: Spool, target: str, at: str | None = None, output: str = "text") -> str:
    out = io.StringIO()
    assert explain.run(target, source=SpoolSource(spool.path.parent), at=at, output=output, out=out) == 0
    return out.getvalue()


def test_the_newest_change_is_told_and_what_came_after(spool: Spool) -> None:
    text = told(spool, "shop/web")
    assert text.startswith("shop/Deployment/web: 3 -> 5 replicas, written\n")
    assert "2027-01-15T08:00:02Z" in text
    latest = "2027-01-15T08:00:03Z: shop/Deployment/web: stays at 5 replicas (AboveTarget)"
    assert text.endswith(f"\nLatest evaluation, {latest}\n")


def test_a_latest_evaluation_that_failed_comes_first_and_with_its_error(spool: Spool) -> None:
    write(spool, replace(NO_METRICS, id="web-9", time=decision(9).time, error="no sample\nof any pod"))
    first, blank, headline, *_, last = told(spool, "shop/web").splitlines()
    assert (blank, headline) == ("", "shop/Deployment/web: 3 -> 5 replicas, written")
    latest = "shop/Deployment/web: stays at 3 replicas (FailedGetResourceMetric): no sample\ufffdof any pod"
    assert first == f"NOT the present state: the latest evaluation failed, 2027-01-15T08:00:09Z: {latest}"
    assert last == f"Latest evaluation, 2027-01-15T08:00:09Z: {latest}"
    assert json.loads(told(spool, "shop/web", output="json"))["latest"] == {
        "id": "web-9",
        "time": decision(9).time,
        "headline": "shop/Deployment/web: stays at 3 replicas",
        "reason": "FailedGetResourceMetric",
        "error": "no sample\nof any pod",
    }
    assert told(spool, "shop/web", "latest").startswith("shop/Deployment/web: stays at 3 replicas\n")


def test_without_a_change_the_newest_is_told(spool: Spool) -> None:
    text = told(spool, "shop/db")
    assert text.startswith("shop/Deployment/db: stays at 5 replicas\n")
    assert "Latest evaluation" not in text


@pytest.mark.parametrize("target", ["shop/web", "shop/Deployment/web", "shop/deployment/web", "shop/deployments/web"])
def test_a_target_may_be_named_with_its_kind(spool: Spool, target: str) -> None:
    assert told(spool, target).startswith("shop/Deployment/web:")


def test_a_policy_may_be_named_instead(spool: Spool) -> None:
    assert told(spool, "shop/database").startswith("shop/Deployment/db:")


@pytest.mark.parametrize(
    ("at", "headline"),
    [
        pytest.param("2027-01-15T08:00:01Z", "stays at 5", id="the very instant"),
        pytest.param("2027-01-15T08:00:02.900Z", "3 -> 5", id="in force since then"),
        pytest.param("2027-01-15T09:00:03+01:00", "stays at 5", id="another time zone"),
        pytest.param("2030-01-01T00:00:00Z", "stays at 5", id="the future"),
    ],
)
def test_the_decision_in_force_at_a_time(spool: Spool, at: str, headline: str) -> None:
    assert told(spool, "shop/web", at).startswith(f"shop/Deployment/web: {headline}")


def test_a_time_as_it_is_printed_finds_the_decision_it_is_printed_with(spool: Spool) -> None:
    write(spool, decision(10.7, desired=6), decision(11.2, desired=7))
    printed = next(line.split()[1] for line in told(spool, "shop/web").splitlines() if line.startswith("  at "))
    assert printed == "2027-01-15T08:00:11Z"
    assert told(spool, "shop/web", printed).startswith("shop/Deployment/web: 3 -> 7")
    assert told(spool, "shop/web", "2027-01-15T08:00:10Z").startswith("shop/Deployment/web: 3 -> 6")
    assert told(spool, "shop/web", "2027-01-15T08:00:10.5Z").startswith("shop/Deployment/web: stays at 5")


@pytest.mark.parametrize(
    ("at", "time"),
    [
        pytest.param("oldest", "08:00:01", id="the oldest"),
        pytest.param("latest", "08:00:03", id="the latest"),
        pytest.param("web-2", "08:00:02", id="an id"),
    ],
)
def test_a_decision_may_be_called_otherwise_than_by_a_time(spool: Spool, at: str, time: str) -> None:
    assert f"2027-01-15T{time}Z" in told(spool, "shop/web", at)


def test_the_beginning_of_an_id_will_do_where_it_is_the_only_one(spool: Spool) -> None:
    write(spool, decision(20, "api", id="4f2ac1"), decision(21, "api", id="77aa01"))
    text = told(spool, "shop/api", "4f2a")
    assert text.startswith("--at 4f2a is the beginning of 4f2ac1\nshop/Deployment/api: ")
    assert "2027-01-15T08:00:20Z" in text
    assert told(spool, "shop/api", "4f2ac1").startswith("shop/Deployment/api: ")


def test_what_a_program_reads_has_no_words_on_the_id(spool: Spool, capsys: pytest.CaptureFixture[str]) -> None:
    write(spool, decision(20, id="4f2ac1"), decision(21, id="77aa01"))
    found = json.loads(apart(spool, "4f2a", "77aa", output="json"))
    assert (found["before"]["id"], found["after"]["id"]) == ("4f2ac1", "77aa01")
    assert capsys.readouterr().err.splitlines() == [
        "--diff 4f2a is the beginning of 4f2ac1",
        "--diff 77aa is the beginning of 77aa01",
    ]


def test_two_decisions_may_be_called_by_their_ids(spool: Spool) -> None:
    assert apart(spool, "web-1", "web-2") == apart(spool, *SECONDS)
    assert apart(spool, "oldest", "latest").endswith("they tell the same\n")


def test_the_record_of_an_id_may_have_several_evaluations(spool: Spool) -> None:
    held = decision(30, "many", **HELD)
    write(spool, replace(held, repeats=(Repeat(5.0, 1.0, ()), Repeat(9.0, 1.0, ()))))
    assert "2027-01-15T08:00:39Z" in told(spool, "shop/many", "many-30")
    assert "2027-01-15T08:00:30Z" in told(spool, "shop/many", "oldest")


def test_json_has_the_parts_the_number_and_the_record(spool: Spool) -> None:
    parts = json.loads(told(spool, "shop/web", output="json"))
    assert (parts["key"], parts["epoch"], parts["seq"]) == ("shop/Deployment/web", 1_800_000_000_000, 2)
    assert parts["explanation"]["headline"] == "shop/Deployment/web: 3 -> 5 replicas, written"
    assert codec.decode(json.dumps(parts["decision"]).encode()) == decision(2)


def test_yaml_has_what_json_has(spool: Spool) -> None:
    assert yaml.safe_load(told(spool, "shop/web", output="yaml")) == json.loads(told(spool, "shop/web", output="json"))


SECONDS = ("2027-01-15T08:00:01Z", "2027-01-15T08:00:02Z")


def apart(spool: Spool, *times: str, output: str = "text") -> str:
    out = io.StringIO()
    assert explain.run("shop/web", source=SpoolSource(spool.path.parent), diff=times, output=output, out=out) == 0
    return out.getvalue()


def test_what_is_different_between_two_times(spool: Spool) -> None:
    text = apart(spool, *SECONDS)
    assert text.startswith("shop/Deployment/web: 2027-01-15T08:00:01Z and 2027-01-15T08:00:02Z\n\noutcome\n")
    assert "  before  stays at 5 replicas\n  after   3 -> 5 replicas, written\n" in text
    found = json.loads(apart(spool, *SECONDS, output="json"))
    assert (found["before"]["seq"], found["after"]["seq"]) == (1, 2)
    assert found["differences"][0]["what"] == "outcome"


def test_a_decision_does_not_differ_from_itself(spool: Spool) -> None:
    assert apart(spool, SECONDS[0], SECONDS[0]).endswith("they tell the same\n")


def test_a_time_that_is_none_names_the_flag(spool: Spool) -> None:
    with pytest.raises(ConfigError, match="--diff: 'noon' is no RFC 3339 time"):
        apart(spool, "noon", "noon")


@pytest.mark.parametrize(
    ("target", "at", "error", "message"),
    [
        pytest.param(
            "shop/wbe", None, AuditError, r"no decision about shop/wbe in .*; it knows shop/Deployment/db, "
            "shop/Deployment/web", id="an unknown target lists the known ones",
        ),
        pytest.param("shop/StatefulSet/web", None, AuditError, "no decision about", id="of another kind"),
        pytest.param(
            "shop/web", "2027-01-15T08:00:00Z", AuditError, "no decision that early; the oldest one kept is of "
            "2027-01-15T08:00:01Z", id="before the first",
        ),
        pytest.param("web", None, ConfigError, "neither namespace/name nor namespace/kind/name; it knows "
                     "shop/Deployment/web$", id="no namespace"),
        pytest.param("shop/", None, ConfigError, "neither namespace/name", id="no name"),
        pytest.param("shop/web", "noon", ConfigError, "--at: 'noon' is no RFC 3339 time.*; a date or a time ago .*, "
                     "and so do oldest, latest and an id .*; no decision about shop/Deployment/web", id="nothing"),
        pytest.param("shop/web", "2027-01-15T08:00:01", ConfigError, "write 2027-01-15T08:00:01Z;", id="no time zone"),
        pytest.param("shop/web", "db-4", ConfigError, "no decision about shop/Deployment/web", id="another's id"),
        pytest.param("shop/web", "5", ConfigError, "--at: '5' is no RFC 3339 time.* of at least 4 characters; .*; "
                     "5 minutes ago is 5m$", id="no unit"),
        pytest.param("shop/web", "web", ConfigError, "of at least 4 characters", id="too little of an id"),
        pytest.param("shop/web", "web-", ConfigError, "web- begins several ids, give more of it: web-1, web-2, web-3",
                     id="several ids"),
        pytest.param("shop/web", "\u0661\u0665m", ConfigError, "no RFC 3339 time", id="digits of another script"),
    ],
)  # fmt: skip
def test_what_cannot_be_told(
    spool: Spool, target: str, at: str | None, error: type[AutoscalerError], message: str
) -> None:
    with pytest.raises(error, match=message):
        told(spool, target, at)


def test_two_kinds_of_one_name_are_ambiguous(spool: Spool) -> None:
    write(spool, decision(9, target=TargetRef("apps/v1", "StatefulSet", "web")))
    with pytest.raises(AuditError, match="ambiguous: shop/Deployment/web, shop/StatefulSet/web"):
        told(spool, "shop/web")
    assert told(spool, "shop/statefulset/web").startswith("shop/StatefulSet/web")


@pytest.mark.parametrize("made", [True, False], ids=["an empty directory", "no directory"])
def test_no_spool_names_the_place_and_the_flag(tmp_path: Path, made: bool) -> None:
    place = tmp_path / "nowhere"
    if made:
        place.mkdir()
    with pytest.raises(ConfigError, match=rf"no audit spool at {place}.*--audit-spool-dir"):
        explain.run("shop/web", source=SpoolSource(place), at=None, output="text", out=io.StringIO())


def test_an_empty_spool_says_so(tmp_path: Path) -> None:
    with closing(Spool(tmp_path, now=NOON, forwarding=True)) as opened, pytest.raises(AuditError, match="empty so far"):
        told(opened, "shop/web")


def test_a_file_of_json_lines_tells_what_its_spool_does(spool: Spool, tmp_path: Path) -> None:
    file = exported(spool, tmp_path)
    for target, at in (("shop/web", None), ("shop/database", None), ("shop/web", SECONDS[0])):
        out = io.StringIO()
        assert explain.run(target, source=FileSource(str(file)), at=at, output="json", out=out) == 0
        assert out.getvalue() == told(spool, target, at, output="json")


@pytest.mark.parametrize(
    ("bent", "where"),
    [
        pytest.param(lambda text: text[: text.rindex(b"stages")], 4, id="cut off within its last line"),
        pytest.param(lambda text: b"garbage\n" + text, 1, id="a line of garbage"),
    ],
)
@pytest.mark.parametrize("output", ["text", "json"])
def test_what_of_a_file_cannot_be_read_is_told_and_is_exit_code_1(
    spool: Spool, tmp_path: Path, capsys: pytest.CaptureFixture[str], bent: Callable[[bytes], bytes], where: int,
    output: str,
) -> None:  # fmt: skip
    file = exported(spool, tmp_path)
    file.write_bytes(bent(file.read_bytes()))
    out = io.StringIO()
    assert explain.run("shop/web", source=FileSource(str(file)), output=output, out=out) == 1
    assert out.getvalue() == told(spool, "shop/web", output=output)
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith(f"broken: {file}:{where}: no record of ours: ")
    assert last == "1 could not be read: `audit verify` names them"


def exported(spool: Spool, folder: Path) -> Path:
    """All of it as a file; the last of its 4 lines is about shop/db."""
    file = folder / "all.jsonl"
    with SpoolReader(spool.path.parent) as reader:
        file.write_bytes(b"".join(line(from_spool(each)) + b"\n" for each in reader.records()))
    return file


def test_a_file_without_the_namespace_tells_what_it_knows(spool: Spool, tmp_path: Path) -> None:
    file = exported(spool, tmp_path)
    with pytest.raises(AuditError, match=r"no decision about shp/web in .*it knows shop/Deployment/"):
        explain.run("shp/web", source=FileSource(str(file)), out=io.StringIO())
    with pytest.raises(ConfigError, match=r"nor namespace/kind/name; it knows shop/Deployment/web$"):
        explain.run("web", source=FileSource(str(file)), out=io.StringIO())


def test_a_file_of_something_else_is_one_short_line(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("x" * 5000 + "\n")
    with pytest.raises(AuditError, match="nothing in it is a record of ours") as caught:
        explain.run("shop/web", source=FileSource(str(file)), out=io.StringIO())
    assert len(str(caught.value)) < 400
