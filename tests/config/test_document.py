from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.config.document import LARGEST, Entry, read
from autoscaler.errors import ConfigError

HEAD = "apiVersion: hpa-companion.dev/v1alpha1\nkind: Configuration\n"


def written(folder: Path, text: str | bytes) -> str:
    path = folder / "config.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def test_entries_keep_their_text_and_line(tmp_path: Path) -> None:
    text = HEAD + (
        "# a comment\nmetricResolution: 15s\nkubeletPort: 10250\nkubeletInsecureTls: false\n"
        "kubeletPreferredAddressTypes: [InternalIP, Hostname]\nhorizontalPodAutoscalerTolerance: 0.2\n"
        "nodeSelector: 'no'\n"
    )
    document = read(written(tmp_path, text))
    assert document.problems == ()
    assert document.entries == {
        "metric-resolution": Entry("15s", 4),
        "kubelet-port": Entry("10250", 5),
        "kubelet-insecure-tls": Entry("false", 6),
        "kubelet-preferred-address-types": Entry("InternalIP,Hostname", 7),
        "horizontal-pod-autoscaler-tolerance": Entry("0.2", 8),
        "node-selector": Entry("no", 9),
    }


PROBLEMS = [
    ("an unknown key", "metricResoluton: 15s", "line 3: unknown key 'metricResoluton'; did you mean metricResolution?"),
    ("the spelling of the flag", "metric-resolution: 15s", "line 3: unknown key 'metric-resolution'; did you mean met"),
    ("the file naming a file", "config: other.yaml", "line 3: unknown key 'config'"),
    ("the same key twice", "kubeletPort: 1\nkubeletPort: 2", "line 4: kubeletPort was already set on line 3"),
    ("a truth value for text", "nodeSelector: no", "line 3: nodeSelector: YAML reads no as a truth value, not as text"),
    ("text for a truth value", "kubeletInsecureTls: 'true'", "line 3: kubeletInsecureTls: 'true' is text, expected a"),
    ("an exponent for a number", "kubeletPort: 1e3", "line 3: kubeletPort: '1e3' is text, expected a whole number"),
    ("a number for text", "bindAddress: 10", "line 3: bindAddress: YAML reads 10 as a whole number, not as text"),
    ("a date for text", "auditTopic: 2026-01-01", "line 3: auditTopic: YAML reads 2026-01-01 as a date"),
    ("no value", "auditTopic:", "line 3: auditTopic: has no value; give one or remove the line"),
    ("a list for one value", "auditTopic: [a, b]", "line 3: auditTopic: expected one value"),
    (
        "a mapping for a list",
        "kubeletPreferredAddressTypes: {a: b}",
        "line 3: kubeletPreferredAddressTypes: expected a",
    ),
    ("a comma inside an entry", "kubeletPreferredAddressTypes: ['a,b']", "line 3: kubeletPreferredAddressTypes: 'a,b'"),
]


@pytest.mark.parametrize(("body", "told"), [pytest.param(*row[1:], id=row[0]) for row in PROBLEMS])
def test_c08_a_wrong_entry_is_told_with_its_line(tmp_path: Path, body: str, told: str) -> None:
    problems = read(written(tmp_path, HEAD + body + "\n")).problems
    assert len(problems) == 1
    assert told in problems[0]


def test_every_wrong_entry_is_told_not_only_the_first(tmp_path: Path) -> None:
    assert len(read(written(tmp_path, HEAD + "a: 1\nb: 2\nc: 3\n")).problems) == 3


def test_a_file_of_another_kind_is_told(tmp_path: Path) -> None:
    problems = read(written(tmp_path, "apiVersion: apps/v1\nmetricResolution: 15s\n")).problems
    assert "line 1: apiVersion must be hpa-companion.dev/v1alpha1" in problems[0]
    assert "kind is missing; write 'kind: Configuration'" in problems[1]


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
REFUSED: list[tuple[str, str | bytes, str]] = [
    ("a YAML bomb", HEAD + BOMB, "line 3: anchors and aliases are not accepted"),
    ("a Python object", HEAD + "auditTopic: !!python/object/apply:os.system [ls]\n", "line 3: tags are not accepted"),
    ("a thousand brackets", HEAD + "auditTopic: " + "[" * 1000 + "\n", "line 3: nested too deeply"),
    ("a second document", HEAD + "---\n" + HEAD, "line 3: a second document"),
    ("a tab for indentation", HEAD + "kubeletPreferredAddressTypes:\n\t- a\n", "line 4: no valid YAML"),
    ("an open bracket", HEAD + "auditTopic: [a\n", "no valid YAML"),
    ("a complex key", HEAD + "? [a]\n: b\n", "line 3: a key must be one word"),
    ("a control character", HEAD + "auditTopic: a\x00\n", "no valid YAML"),
    ("not UTF-8", HEAD.encode() + b"auditTopic: \xff\n", "line 3: not UTF-8"),
    ("nothing", "", "expected a mapping"),
    ("a list", "- a\n", "expected a mapping"),
    ("a word", "hello", "expected a mapping"),
    ("ten megabytes", b"#" * 10_000_000, f"larger than {LARGEST // 1024} KiB"),
]


@pytest.mark.parametrize(("text", "told"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED])
def test_c08_a_file_that_is_no_flat_mapping_is_refused(tmp_path: Path, text: str | bytes, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        read(written(tmp_path, text))


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match=r"cannot read /does/not/exist\.yaml: No such file"):
        read("/does/not/exist.yaml")


@given(st.binary(max_size=200))
def test_any_bytes_give_a_document_or_a_config_error(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    with suppress(ConfigError):
        read(written(tmp_path_factory.getbasetemp(), raw))
