from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from autoscaler.audit import codec
from autoscaler.audit.event import Event, from_spool, line
from autoscaler.audit.sources import FileSource, Source, SpoolSource
from autoscaler.audit.wanted import Wanted
from autoscaler.cli.audittail import tail
from autoscaler.cli.selection import PIPE, Selection
from autoscaler.core.repeats import repeat
from autoscaler.errors import LaterError, MalformedError, OtherError
from autoscaler.model.decision import Outcome
from autoscaler.model.plan import Action
from tests.audit.samples import NOON, decision, record

HELD = decision(2, action=Action.HOLD, outcome=Outcome.HELD, current=5, desired=5)
TWICE = replace(HELD, repeats=(repeat(HELD, replace(HELD, time="2027-01-15T08:00:07.500000Z")),))
FIRST, SECOND = from_spool(record(1)), from_spool(record(2, body=codec.encode(TWICE)))
LATER = replace(FIRST, type="dev.hpa-companion.decision.v2", where="x.jsonl:1")
BROKEN = MalformedError("x.jsonl:7: no record of ours")


SPOOL = SpoolSource(Path("spool"))


async def told(
    *found: Event | MalformedError | None,
    source: Source = SPOOL,
    lines: int = 20,
    output: str = "json",
    **wanted: object,
) -> str:
    async def stream() -> AsyncIterator[Event | MalformedError | None]:
        for each in found:
            yield each

    out = io.StringIO()
    await tail(stream(), Selection(Wanted(**wanted), source), lines, output, out)
    return out.getvalue()


def lines_of(*events: Event) -> str:
    return "".join(line(each).decode() + "\n" for each in events)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param({}, [FIRST, SECOND], id="all"),
        pytest.param({"lines": 1}, [SECOND], id="the last record"),
        pytest.param({"outcomes": ("held",)}, [SECOND], id="of an outcome"),
        pytest.param({"since": NOON + 7}, [SECOND], id="one of its evaluations is of that time"),
        pytest.param({"target": "shop/db"}, [], id="of a target"),
    ],
)
async def test_for_a_program_the_records_are_told_as_an_export_has_them(
    wanted: dict[str, object], expected: list[Event]
) -> None:
    assert await told(SECOND, FIRST, **wanted) == lines_of(*expected)


async def test_following_goes_on_with_records() -> None:
    assert await told(FIRST, None, SECOND, lines=0) == lines_of(SECOND)


PART = "the last 1 of 3 records: --lines 3 shows all of them, and so does `audit export`\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param({}, PART, id="a part"),
        pytest.param({"since": NOON + 2}, "", id="all that is wanted"),
        pytest.param({"lines": 3}, "", id="all"),
        pytest.param({"lines": 0}, "", id="none was asked for"),
        pytest.param({"output": "text"}, "", id="for a person, who sees it"),
    ],
)
async def test_a_program_is_told_that_it_has_a_part(
    words: dict[str, object], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    third = from_spool(record(1, "db"))
    for found in ((FIRST, third, SECOND), (FIRST, third, SECOND, None, FIRST)):
        await told(*found, **({"lines": 1} | words))
        assert capsys.readouterr().err == said


async def test_what_is_no_record_goes_aside(capsys: pytest.CaptureFixture[str]) -> None:
    strange = LaterError("x.jsonl:3: of later")
    assert await told(FIRST, BROKEN, strange, OtherError("an order"), replace(SECOND, body=b"{}")) == lines_of(FIRST)
    assert [each.partition(": ")[0] for each in capsys.readouterr().err.splitlines()] == ["broken", "later", "broken"]


async def test_a_record_of_a_later_release_is_told_as_it_is_where_nothing_else_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await told(LATER, SECOND) == lines_of(LATER, SECOND)
    assert await told(LATER, SECOND, since=NOON + 2) == lines_of(SECOND)
    assert capsys.readouterr().err == ""
    assert await told(LATER, SECOND, outcomes=("held",)) == lines_of(SECOND)
    assert capsys.readouterr().err.startswith("later: x.jsonl:1: ")


PARKED = replace(FIRST, type=codec.PARKED_TYPE, body=codec.stub(record(1), "too large").body)
REFUSED = "2027-01-15T08:00:01Z       1  shop/Deployment/web: the broker refused this record  web-1\n"


@pytest.mark.parametrize(
    ("wanted", "as_text", "as_json", "aside"),
    [
        pytest.param({}, REFUSED, lines_of(PARKED), "", id="all"),
        pytest.param({"until": NOON}, "", "", "", id="it is too late"),
        pytest.param({"until": NOON + 1}, REFUSED, lines_of(PARKED), "", id="of that time"),
        pytest.param({"outcomes": ("held",)}, REFUSED, "", REFUSED, id="nobody knows its outcome"),
        pytest.param({"outcomes": ("held",), "since": NOON + 2}, "", "", "", id="which at that time is no matter"),
    ],
)
async def test_what_the_broker_refused_is_chosen_by_its_time(
    wanted: dict[str, object], as_text: str, as_json: str, aside: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await told(PARKED, output="text", **wanted) == as_text
    capsys.readouterr()
    assert await told(PARKED, **wanted) == as_json
    assert "".join(each for each in capsys.readouterr().err.splitlines(True) if "nothing" not in each) == aside


@pytest.mark.parametrize("output", ["text", "json"])
async def test_where_nothing_matches_it_says_so(output: str, capsys: pytest.CaptureFixture[str]) -> None:
    for found in ((FIRST, SECOND), (FIRST, None, SECOND)):
        assert await told(*found, output=output, target="shop/nobody") == ""
        assert capsys.readouterr().err.splitlines() == [
            "nothing matched: no record is about shop/nobody; there are",
            "  shop/Deployment/web",
        ]
    await told(FIRST, lines=0, output=output)
    await told(FIRST, None, lines=0, output=output)
    assert capsys.readouterr().err == "", "what matched need not be shown"


HINT = "`kubectl get hps -A` lists what is decided about, `doctor --check lease` who decides"
WAITS, NOTHING = f"no records yet, waiting for the first; {HINT}\n", "nothing matched: there are no records"


@pytest.mark.parametrize(
    ("source", "found", "said"),
    [
        pytest.param(SPOOL, [], f"{NOTHING}; {HINT}\n", id="a spool"),
        pytest.param(FileSource("x.jsonl"), [], f"{NOTHING}\n", id="a file"),
        pytest.param(SPOOL, [None], WAITS, id="a spool that is followed"),
        pytest.param(SPOOL, [None, FIRST], WAITS, id="a spool that got one then"),
        pytest.param(PIPE, [None], f"{NOTHING}\n", id="a pipe that was followed to its end"),
        pytest.param(PIPE, [None, FIRST], "", id="a pipe with one"),
    ],
)
async def test_where_nothing_is_it_says_so_and_what_to_look_at(
    source: Source, found: list[Event | None], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await told(*found, source=source)
    assert capsys.readouterr().err == said
