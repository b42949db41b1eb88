from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest

from autoscaler.cli import plan
from autoscaler.errors import ConfigError
from autoscaler.model.compat import RELEASES
from tests.kube.bundles import bundle, pod

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


def test_nothing_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "bundles.jsonl"
    path.write_bytes(b"\n \n")
    assert answers(path) == (0, [])


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


def test_a_doubtful_policy_is_answered_with_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    doubtful = bundle()
    doubtful["policy"]["spec"]["minReplicas"] = 20  # type: ignore[index]  # plain JSON
    path = tmp_path / "bundles.jsonl"
    path.write_bytes(json.dumps(doubtful).encode())
    code, found = answers(path)
    assert (code, len(found)) == (0, 1)
    assert "line 1: warning: spec.minReplicas" in capsys.readouterr().err


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
