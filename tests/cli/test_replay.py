import io
import json

import pytest

from autoscaler.audit import codec, event
from autoscaler.audit.event import Event
from autoscaler.audit.verify import Number
from autoscaler.cli import main, replay
from autoscaler.cli.replay import Request
from autoscaler.config.load import load
from autoscaler.errors import AuditError, ConfigError
from bench import week
from tests.cli.test_policyfile import POLICY

LOAD = 1200


def lines(decisions):
    for seq, each in enumerate(week.records(decisions), 1):
        body = codec.encode(each)
        yield (
            event.line(
                Event(number=Number(each.key, 1, seq), id=each.id, time=each.time, type=codec.DECISION_TYPE, body=body)
            )
            + b"\n"
        )


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    path = tmp_path_factory.mktemp("record") / "decisions.jsonl"
    path.write_bytes(b"".join(lines(week.decisions(lambda _: LOAD, 600))))
    return path


@pytest.fixture
def half(tmp_path):
    metrics = (
        "  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 30}}}]"
    )
    path = tmp_path / "half.yaml"
    path.write_text(POLICY.replace("maxReplicas: 10", f"minReplicas: 2\n  maxReplicas: 50\n{metrics}"))
    return path


def run(**words):
    out = io.StringIO()
    code = replay.run(load({}, {}), Request(**words), out)
    return code, out.getvalue()


def test_the_recorded_policy_comes_to_the_recorded_decisions(record):
    code, told = run(source=str(record), output="json")
    found = json.loads(told)
    assert (code, found["evaluations"], found["identical"], found["differing"]) == (0, 40, 40, 0)
    assert found["source"] == str(record)


def test_another_policy_is_told_beside_it(record, half):
    """2.5 pod-hours more an hour: the sums are those of tests/core/test_trial.py."""
    code, told = run(source=str(record), policies=(str(half),), output="json", ready_after="20s")
    (candidate,) = json.loads(told)["candidates"]
    assert (code, candidate["name"], candidate["policy"]) == (0, "half", half.read_text())
    assert candidate["summary"]["pod_hours"] == pytest.approx((4 * 15 + 8 * 570) / 3600)
    assert candidate["summary"]["minutes_under_target"] == 0.25


def test_a_decision_that_was_changed_is_listed_and_ends_with_1(record, tmp_path):
    forged = tmp_path / "forged.jsonl"
    forged.write_bytes(
        record.read_bytes().replace(b'"desired":4,"reason":"AboveTarget"', b'"desired":5,"reason":"AboveTarget"')
    )
    code, told = run(source=str(forged))
    assert code == 1
    assert "in the number" in told


def test_the_page_goes_into_a_file(record, tmp_path, capsys):
    page = tmp_path / "week.html"
    assert run(source=str(record), output="html", to=str(page)) == (0, "")
    assert page.read_text().startswith("<!doctype html>")
    assert f"written to {page}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        pytest.param({"target": "shop/api"}, AuditError, "it knows shop/Deployment/web", id="no such target"),
        pytest.param({"since": "2028-01-01T00:00:00Z"}, AuditError, "see --since and --until", id="nothing then"),
        pytest.param({"since": "yesterday"}, ConfigError, "--since", id="no time"),
        pytest.param({"ready_after": "soon"}, ConfigError, "--ready-after", id="no span"),
        pytest.param({"to": "/nowhere/x"}, ConfigError, "--to /nowhere/x", id="nowhere to write to"),
    ],
)
def test_what_is_to_be_corrected_is_said(record, words, error, said):
    with pytest.raises(error, match=said):
        run(source=str(record), **words)


def test_a_policy_for_nobody_names_the_targets_there_are(record, tmp_path):
    path = tmp_path / "api.yaml"
    path.write_text(POLICY.replace("name: web}\n  max", "name: api}\n  max"))
    with pytest.raises(ConfigError, match=r"is for shop/Deployment/api, .* it knows shop/Deployment/web"):
        run(source=str(record), policies=(str(path),))


def test_a_line_that_is_none_ends_it(record, tmp_path):
    broken = tmp_path / "broken.jsonl"
    broken.write_bytes(record.read_bytes() + b"{}\n")
    with pytest.raises(AuditError, match="audit verify"):
        run(source=str(broken))


def test_the_words_of_the_command_line(record, capsys):
    assert main(["replay", "--from", str(record), "--target", "shop/web", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["identical"] == 40
    assert main(["replay", "--from", str(record), "--policy", "nowhere.yaml"]) == 2
    assert main(["replay", "--help"]) == 0
    assert "--policy" in capsys.readouterr().out
