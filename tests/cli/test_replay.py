import asyncio
import json

import pytest

from autoscaler.audit.sources import FileSource
from autoscaler.cli import main, replay
from autoscaler.cli.replay import Request
from autoscaler.clock import SystemClock
from autoscaler.core.replay import Span
from autoscaler.core.strand import FORERUN, LATE
from autoscaler.errors import AuditError, ConfigError
from bench import week
from bench.replay import POLICY as POLICY_80
from tests.cli.recordlines import in_turns, lines, numbered, replayed, rewritten, steady, two_alike
from tests.cli.test_policyfile import POLICY
from tests.pages import ROOT, blocks


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    return steady(tmp_path_factory.mktemp("record") / "decisions.jsonl")


@pytest.fixture
def half(tmp_path):
    metrics = (
        "  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 30}}}]"
    )
    path = tmp_path / "half.yaml"
    path.write_text(POLICY.replace("maxReplicas: 10", f"minReplicas: 2\n  maxReplicas: 50\n{metrics}"))
    return path


def test_the_recorded_policy_comes_to_the_recorded_decisions(record):
    code, told = replayed(source=str(record), output="json")
    found = json.loads(told)
    assert (code, found["evaluations"], found["identical"], found["differing"]) == (0, 40, 40, 0)
    assert found["source"] == str(record)


def test_another_policy_is_told_beside_it(record, half):
    """2.5 pod-hours more an hour: the sums are those of tests/core/test_trial.py."""
    code, told = replayed(source=str(record), policies=(str(half),), output="json", ready_after="20s")
    (candidate,) = json.loads(told)["candidates"]
    assert (code, candidate["name"], candidate["policy"]) == (0, "half", half.read_text())
    assert candidate["summary"]["pod_hours"] == pytest.approx((4 * 15 + 8 * 570) / 3600)
    assert candidate["summary"]["minutes_under_target"] == 0.25


def test_the_page_shows_what_is_printed(tmp_path, monkeypatch, capsys):
    """The record and the policy that docs/replay.md tells of."""
    [sample] = blocks(ROOT / "docs/replay.md", "console")
    typed, shown = sample.split("\n", 1)
    made = week.decisions(week.daily(), 2000 * week.EVERY, week.policy("web-000"))
    (tmp_path / "decisions.jsonl").write_bytes(b"".join(lines(made)))
    (tmp_path / "new.yaml").write_text(POLICY_80)
    monkeypatch.chdir(tmp_path)
    assert main(typed.split()[2:]) == 0
    assert capsys.readouterr().out == shown


def test_what_is_no_policy_is_told_beside_the_report(record, half, capsys):
    half.write_text("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n---\n" + half.read_text())
    assert replayed(source=str(record), policies=(str(half),))[0] == 0
    assert capsys.readouterr().err == "--policy half: passed over, as no policies: Namespace shop\n"


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "shop.jsonl"
    path.write_bytes(b"".join(two_alike()))
    return path


def test_a_policy_for_some_targets_is_compared_with_the_record_of_these(record, shop, half):
    _, told = replayed(source=str(record), policies=(str(half),), output="json")
    alone = json.loads(told)
    _, told = replayed(source=str(shop), policies=(str(half),), output="json")
    found = json.loads(told)
    (candidate,) = found["candidates"]
    assert (candidate["targets"], found["recorded"]["targets"]) == (1, 2)
    assert candidate["recorded"] == alone["recorded"]["summary"]
    assert found["recorded"]["summary"]["pod_hours"] == 2 * candidate["recorded"]["pod_hours"]
    rows = []
    for source in (record, shop):
        _, told = replayed(source=str(source), policies=(str(half),))
        rows.append(next(each.split() for each in told.splitlines() if each.startswith("half")))
    assert (rows[0][1:4], rows[1][1:4]) == (["1", "of", "1"], ["1", "of", "2"])
    assert rows[0][4:6] == rows[1][4:6], "as much more as it is of that target alone"


def test_a_decision_that_was_changed_is_listed_and_ends_with_1(record, tmp_path):
    forged = tmp_path / "forged.jsonl"
    forged.write_bytes(
        record.read_bytes().replace(b'"desired":4,"reason":"AboveTarget"', b'"desired":5,"reason":"AboveTarget"')
    )
    code, told = replayed(source=str(forged))
    assert code == 1
    assert "in the number" in told


def test_the_page_goes_into_a_file(record, tmp_path, capsys):
    page = tmp_path / "week.html"
    assert replayed(source=str(record), output="html", to=str(page)) == (0, "")
    assert page.read_text().startswith("<!doctype html>")
    assert f"written to {page}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        pytest.param("week.html", "<!doctype html>", id="a page"),
        pytest.param("week.json", '{"source":', id="for a program"),
        pytest.param("week.txt", "Record ", id="for a person"),
        pytest.param("week", "Record ", id="no ending"),
    ],
)
def test_the_name_of_the_file_says_how_to_tell_it(record, tmp_path, capsys, name, begins):
    assert main(["replay", "--from", str(record), "--to", str(tmp_path / name)]) == 0
    assert (tmp_path / name).read_text().startswith(begins)


def test_a_name_that_says_something_else_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"week.html: is named as html, leave out -o json or rename"):
        replayed(source="-", output="json", to=str(tmp_path / "week.html"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        pytest.param({"target": "shop/api"}, AuditError, "it knows shop/Deployment/web", id="no such target"),
        pytest.param({"since": "2028-01-01T00:00:00Z"}, AuditError, "see --since and --until", id="nothing then"),
        pytest.param({"since": "1h", "until": "2h"}, ConfigError, "--since 1h is later than --until 2h", id="nothing"),
        pytest.param({"since": "yesterday"}, ConfigError, "--since", id="no time"),
        pytest.param({"ready_after": "soon"}, ConfigError, "--ready-after", id="no span"),
        pytest.param({"to": "/nowhere/x"}, ConfigError, "--to /nowhere/x", id="nowhere to write to"),
    ],
)
def test_what_is_to_be_corrected_is_said(record, words, error, said):
    with pytest.raises(error, match=said):
        replayed(source=str(record), **words)


def test_where_to_write_is_found_out_before_the_work(tmp_path):
    """A week takes a minute."""
    broken = tmp_path / "broken.jsonl"
    broken.write_text("{}\n")
    with pytest.raises(ConfigError, match="--to /nowhere/x: No such file"):
        replayed(source=str(broken), to="/nowhere/x")


def test_a_policy_for_nobody_names_the_targets_there_are(record, tmp_path):
    path = tmp_path / "api.yaml"
    path.write_text(POLICY.replace("name: web}\n  max", "name: api}\n  max"))
    with pytest.raises(ConfigError, match=r"is for shop/Deployment/api, .* it knows shop/Deployment/web"):
        replayed(source=str(record), policies=(str(path),))


def test_a_line_that_is_none_ends_it(record, tmp_path):
    broken = tmp_path / "broken.jsonl"
    broken.write_bytes(record.read_bytes() + b"{}\n")
    with pytest.raises(AuditError, match="audit verify"):
        replayed(source=str(broken))


def test_a_record_of_a_clock_that_was_years_ahead_does_not_stretch_the_period(record, tmp_path):
    """What `audit verify` tells of it is its own."""

    def ahead(text):
        return [*text[:5], text[5].replace(b'"time":"2027-', b'"time":"2036-'), *text[6:]]

    code, told = replayed(source=rewritten(record, tmp_path / "ahead.jsonl", ahead), output="json")
    found, whole = json.loads(told), json.loads(replayed(source=str(record), output="json")[1])
    assert (code, found["evaluations"], found["until"]) == (0, 40, whole["until"])
    assert [each["reason"] for each in found["recorded"]["unanswerable"]] == [FORERUN]


def test_the_words_of_the_command_line(record, capsys):
    assert main(["replay", "--from", str(record), "--target", "shop/web", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["identical"] == 40
    assert main(["replay", "--from", str(record), "--policy", "nowhere.yaml"]) == 2
    assert main(["replay", "--help"]) == 0
    assert "--policy" in capsys.readouterr().out


async def test_ctrl_c_is_heard_while_a_file_is_read(record):
    """asyncio makes it a cancellation, which comes where somebody waits."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await replay._replayed(FileSource(str(record)), Request(), (), Span(), SystemClock())


@pytest.fixture(scope="module")
def turns(tmp_path_factory):
    made, text = in_turns()
    path = tmp_path_factory.mktemp("turns") / "turns.jsonl"
    path.write_bytes(b"".join(text))
    return path, made


def test_two_spools_that_take_turns_are_one_record(turns, tmp_path, capsys):
    path, made = turns
    evaluations = sum(1 + len(each.repeats) for each in made)
    code, told = replayed(source=str(path), output="json")
    found = json.loads(told)
    assert (code, found["identical"], found["unanswerable"]) == (0, evaluations, [])
    again = tmp_path / "again.jsonl"
    assert main(["audit", "export", "--from", str(path), "--to", str(again)]) == 0
    assert again.read_bytes().count(b"\n") == path.read_bytes().count(b"\n")
    for source in (path, again):
        assert main(["audit", "verify", "--from", str(source)]) == 0
    capsys.readouterr()
    assert main(["audit", "tail", "--from", str(path), "--lines", "1"]) == 0
    assert made[-1].id in capsys.readouterr().out
    assert main(["explain", "shop/web", "--from", str(path), "-o", "json"]) == 0
    moved = [each for each in made if each.outcome == "written"]
    assert json.loads(capsys.readouterr().out)["decision"]["id"] == moved[-1].id


def test_the_tail_of_a_former_leader_is_judged_but_leads_no_candidate(turns, tmp_path, half):
    path, made = turns
    text = path.read_bytes().splitlines(keepends=True)
    late = tmp_path / "late.jsonl"
    late.write_bytes(b"".join([*text[:5], *text[6:8], text[5], *text[8:]]))
    code, told = replayed(source=str(late), output="json", policies=(str(half),))
    found = json.loads(told)
    assert (code, found["identical"]) == (0, sum(1 + len(each.repeats) for each in made))
    (untold,) = found["candidates"][0]["unanswerable"]
    assert untold["reason"] == LATE


def test_a_record_of_a_later_release_is_told_and_the_others_replayed(record, tmp_path):
    text = record.read_bytes().splitlines(keepends=True)
    later = tmp_path / "later.jsonl"
    later.write_bytes(b"".join([text[0], text[1].replace(b'"reason":"', b'"reason":"Lunar', 1), *text[2:]]))
    code, told = replayed(source=str(later), output="json")
    found = json.loads(told)
    assert (code, found["differing"]) == (0, 0)
    assert ["audit record of a later release: reason 'Lunar" in each["reason"] for each in found["unanswerable"]] == [
        True
    ]


def test_since_may_be_how_long_ago(record):
    with pytest.raises(AuditError, match="see --since and --until"):
        replayed(source=str(record), since="2h", until="-1h")


@pytest.mark.parametrize(
    ("change", "code", "numbers", "identical"),
    [
        pytest.param(lambda text: text, 0, (0, 0, 0), 40, id="whole"),
        pytest.param(lambda text: [*text[:3], *text[5:]], 1, (2, 0, 0), 32, id="two are gone"),
        pytest.param(lambda text: [*text, text[1], text[2]], 0, (0, 0, 2), 40, id="two came again"),
        pytest.param(lambda text: [text[0], text[2], text[1], *text[3:]], 1, (0, 1, 0), 40, id="shuffled"),
        pytest.param(lambda text: text[::-1], 1, (0, 11, 0), 40, id="backwards"),
        pytest.param(
            lambda text: [*text[:2], numbered(text[2], 1 << 62), *text[3:]], 1, (1, 1, 0), 40, id="an absurd number"
        ),
    ],
)
def test_what_is_not_there_is_counted_and_all_that_is_there_replayed(
    record, tmp_path, change, code, numbers, identical
):
    source = rewritten(record, tmp_path / "gaps.jsonl", change)
    ended, told = replayed(source=source, output="json")
    found = json.loads(told)
    assert (ended, found["identical"], found["evaluations"]) == (code, identical, identical)
    assert tuple(found["numbers"][name] for name in ("missing", "out_of_order", "duplicates")) == numbers
    assert [each["target"] for each in found["numbered"]] == ["shop/Deployment/web"] * any(numbers)
    ended, told = replayed(source=source)
    assert ended == code
    assert ("audit verify" in told) == bool(code)
