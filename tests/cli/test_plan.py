from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from autoscaler.cli import plan
from autoscaler.cli.arguments import parser
from autoscaler.cli.bundlefields import NEEDED
from autoscaler.cli.verbs import LEAST_BUNDLE, VERBS
from autoscaler.errors import ConfigError
from autoscaler.model.compat import RELEASES
from tests.kube.bundles import bundle, pod
from tests.pages import ROOT, blocks

GOOD = json.dumps(bundle()).encode()


def answers(path: object) -> tuple[int, list[dict[str, object]]]:
    out = io.StringIO()
    code = plan.run(str(path), out)
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def test_every_line_is_answered_in_order(tmp_path: Path) -> None:
    path = tmp_path / "bundles.jsonl"
    path.write_bytes(b"\n".join(json.dumps(bundle(id=name)).encode() for name in ("a", "b", "c")))
    code, found = answers(path)
    assert code == 0
    assert [each["id"] for each in found] == ["a", "b", "c"]
    assert found[0]["write"] == 4


def test_a_broken_line_is_told_and_the_others_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bundles.jsonl"
    path.write_bytes(GOOD + b'\n{"policy": 1\n\n{"now": "yesterday", "policy": {}}\n' + GOOD + b"\n")
    code, found = answers(path)
    assert code == 1
    assert len(found) == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in told] == ["line 2", "line 4"]
    assert "metadata" in told[1]


@pytest.mark.parametrize(
    "line",
    [
        b'{"policy": %b%b}' % (b"[" * 5000, b"]" * 5000),
        b'{"nobody reads this": %b%b}' % (b"[" * 5000, b"]" * 5000),
        GOOD.replace(b'"maxReplicas": ', b'"maxReplicas": %b' % (b"9" * 400)),
    ],
)
def test_a_line_too_deep_or_too_large_is_a_broken_line(
    line: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert line != GOOD
    (tmp_path / "bundles.jsonl").write_bytes(line + b"\n" + GOOD + b"\n")
    assert len(answers(tmp_path / "bundles.jsonl")[1]) == 1
    assert capsys.readouterr().err.startswith("line 1: ")


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_nothing_to_answer_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bundles.jsonl"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"bundles\.jsonl: has no bundle, it is empty: a bundle is .*docs/plan\.md"):
        answers(path)


@pytest.mark.parametrize("text", [yaml.safe_dump(bundle()["policy"]), json.dumps(bundle()["policy"], indent=2)])
def test_a_file_that_has_no_bundle_is_told_once(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"none of its \d+ lines is a JSON object: a bundle is .*docs/plan\.md"):
        answers(path)
    assert capsys.readouterr() == ("", "")


def test_a_policy_on_one_line_is_told_where_it_belongs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "policy.json"
    path.write_text(json.dumps(bundle()["policy"]))
    assert answers(path) == (1, [])
    assert capsys.readouterr().err.startswith("line 1: this is a HorizontalPodAutoscaler, which belongs in `policy`")


RECORD = (
    b'{"specversion":"1.0","id":"a","type":"dev.hpa-companion.decision.v1","subject":"shop/Deployment/web","data":{}}'
)


def test_a_record_is_told_once_and_who_takes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "d.jsonl"
    path.write_bytes((RECORD + b"\n") * 29)
    with pytest.raises(ConfigError) as raised:
        answers(path)
    assert str(raised.value) == (
        f"--bundle {path}: is a record of decisions, as `audit export` writes one: "
        f"`replay --from {path}` decides it again"
    )
    assert capsys.readouterr() == ("", "")


def test_records_among_bundles_are_told_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bundles.jsonl"
    path.write_bytes(b"\n".join((RECORD, GOOD, RECORD)))
    code, found = answers(path)
    assert (code, len(found)) == (1, 1)
    [told] = capsys.readouterr().err.splitlines()
    assert told.startswith("lines 1, 3: no bundle but a record of decisions, ")


def test_lines_that_are_no_object_are_told_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bundles.jsonl"
    path.write_bytes(b"a\n" + GOOD + b"\n{\n}\n[]\n1\n2\n")
    code, found = answers(path)
    assert (code, len(found)) == (1, 1)
    [told] = capsys.readouterr().err.splitlines()
    assert told.startswith("lines 1, 3, 4, 5 and 2 more: no JSON object: a bundle is one evaluation")


def test_all_that_a_line_lacks_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bundles.jsonl"
    path.write_bytes(b"{}\n")
    assert answers(path) == (1, [])
    [told] = capsys.readouterr().err.splitlines()
    assert told.startswith(f"line 1: lacks {', '.join(NEEDED)}; docs/plan.md")


def test_a_setting_that_is_none_is_refused_and_another_field_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bundles.jsonl"
    given = (bundle(settings={"tolerence": 0.5}), bundle(polizy=1))
    path.write_text("\n".join(map(json.dumps, given)))
    code, found = answers(path)
    assert (code, len(found)) == (1, 1)
    assert capsys.readouterr().err.splitlines() == [
        "line 1: settings.tolerence is no field; did you mean tolerance?",
        "line 2: warning: polizy is no field; did you mean policy?",
    ]


def test_the_example_of_the_page_is_answered_as_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given, told = map(json.loads, blocks(ROOT / "docs/plan.md", "json"))
    path = tmp_path / "bundles.jsonl"
    path.write_text(json.dumps(given))
    assert answers(path) == (0, [told])
    assert capsys.readouterr().err == ""


def test_the_example_of_the_help_is_answered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert LEAST_BUNDLE in parser(VERBS["plan"], "autoscaler").format_help()
    path = tmp_path / "bundles.jsonl"
    path.write_text(LEAST_BUNDLE)
    code, [found] = answers(path)
    assert (code, found["write"]) == (0, 9)
    assert capsys.readouterr().err == ""


def test_the_release_asked_for_decides_unless_the_bundle_names_one(tmp_path: Path) -> None:
    pods = [pod(0), pod(1), pod(2)]
    pods[2]["status"]["phase"] = "Succeeded"
    given = bundle(pods={"items": pods})
    path = tmp_path / "bundles.jsonl"
    path.write_bytes(json.dumps(given).encode() + b"\n" + json.dumps(given | {"settings": {"compat": "1.37"}}).encode())
    out = io.StringIO()
    assert plan.run(str(path), out, RELEASES["latest"]) == 0
    assert [json.loads(line)["write"] for line in out.getvalue().splitlines()] == [4, None]


def test_a_packed_file_is_recognized(tmp_path: Path) -> None:
    path = tmp_path / "bundles"
    path.write_bytes(gzip.compress(GOOD))
    assert answers(path)[0] == 0


def test_standard_input_is_a_minus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bundles.jsonl"
    path.write_bytes(GOOD)
    with path.open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert len(answers("-")[1]) == 1


def bent(change: Callable[[dict[str, Any]], object]) -> bytes:
    """The bundle with another policy."""
    made = bundle()
    change(made["policy"])
    return json.dumps(made).encode()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            lambda it: it["spec"].update(minReplicas=20), "spec.minReplicas: is 20, more than", id="min > max"
        ),
        pytest.param(lambda it: it["spec"].update(maxReplicas=0), "spec.maxReplicas: is 0, set it", id="no maximum"),
        pytest.param(
            lambda it: it.update(apiVersion="autoscaling/v1"),
            "apiVersion: 'autoscaling/v1' of a HorizontalPodAutoscaler is not read, write it as autoscaling/v2",
            id="another version",
        ),
        pytest.param(lambda it: it.update(kind="Deployment"), "kind: 'Deployment' is no policy", id="another kind"),
        pytest.param(lambda it: it.pop("kind"), "kind: None is no policy", id="no kind"),
        pytest.param(lambda it: it["metadata"].pop("name"), "metadata.name: is missing", id="no name"),
        pytest.param(lambda it: it["metadata"].pop("namespace"), "metadata.namespace: is missing", id="no namespace"),
        pytest.param(
            lambda it: it["spec"]["metrics"][0].update(pods={}),
            "spec.metrics[0].pods: is set in a metric of type Resource, remove it",
            id="two sources",
        ),
        pytest.param(lambda it: it["spec"].update(minReplicas=2**31), "spec.minReplicas", id="more than 32 bits"),
    ],
)
def test_what_the_api_server_would_refuse_is_refused_by_its_field_and_the_others_go_on(
    change: Callable[[dict[str, Any]], object], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bundles.jsonl"
    path.write_bytes(bent(change) + b"\n" + GOOD)
    code, found = answers(path)
    assert (code, len(found)) == (1, 1)
    [told] = capsys.readouterr().err.splitlines()
    assert told.startswith(f"line 1: policy: {said}")


def test_a_key_that_is_set_twice_is_refused_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bundles.jsonl"
    path.write_bytes(GOOD.replace(b'"maxReplicas": 10', b'"maxReplicas": 3, "maxReplicas": 10') + b"\n")
    assert answers(path) == (1, [])
    assert capsys.readouterr().err == "line 1: policy: maxReplicas is set twice, remove one\n"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            lambda it: it["spec"].update(maxReplica=3), "spec.maxReplica is no field; did you mean maxReplicas?",
            id="a mistyped field",
        ),
        pytest.param(
            lambda it: it["spec"]["metrics"][0]["resource"]["target"].update(averageUtilisation=3),
            "spec.metrics[0].resource.target.averageUtilisation is no field; did you mean averageUtilization?",
            id="a mistyped field further down",
        ),
        pytest.param(
            lambda it: it["spec"]["metrics"][0]["resource"].update(container="app"),
            "spec.metrics[0].resource.container is no field",
            id="a field of another source",
        ),
        pytest.param(lambda it: it.update(spek={}), "spek is no field; did you mean spec?", id="beside the spec"),
        pytest.param(
            lambda it: it["spec"]["scaleTargetRef"].update(apiVersion="v1"),
            "spec.scaleTargetRef.apiVersion: 'v1' names no group, use one such as apps/v1",
            id="an HPA of before that was refused",
        ),
    ],
)  # fmt: skip
def test_what_the_api_server_would_drop_is_a_warning(
    change: Callable[[dict[str, Any]], object], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bundles.jsonl"
    path.write_bytes(bent(change))
    code, found = answers(path)
    assert (code, len(found)) == (0, 1)
    assert capsys.readouterr().err == f"line 1: warning: policy: {said}\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file"), (gzip.compress(GOOD)[:-9], "broken gzip"), (b"\x1f\x8bxx", "gzip")],
    ids=["no file", "cut gzip", "no gzip after all"],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "bundles"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        answers(path)
