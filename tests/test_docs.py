"""What the documentation names exists: files, anchors, commands, flags, make targets, reasons for dependencies."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from autoscaler.api import lanes
from autoscaler.api.connection import Limits
from autoscaler.audit import codec, deadletters, room
from autoscaler.cli.arguments import overview, parse, parser
from autoscaler.cli.verbs import VERBS
from autoscaler.config.options import OPTIONS
from autoscaler.core import exposition
from autoscaler.engine import scraper
from autoscaler.kube import adapters, client, exchange, httpanswer, questions
from autoscaler.model.compat import RELEASES
from tests.pages import ROOT, prose, typed

PAGES = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "charts").rglob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
    ]
    if "node_modules" not in path.parts
)
every_page = pytest.mark.parametrize("page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES])
COMPATIBILITY = (ROOT / "docs/compatibility.md").read_text()
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def commands(page: Path) -> Iterator[Sequence[str]]:
    """Command lines in fenced blocks and in `code` that begin with our program or with make."""
    yield from typed(page)
    for code in re.findall(r"`((?:autoscaler|make) [^`]*)`", prose(page)):
        yield shlex.split(code, comments=True)


@every_page
def test_every_link_resolves(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{target} is not there"
        assert not anchor or anchor in anchors(file), f"{target}: no such heading"


@every_page
def test_every_command_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in commands(page):
        if words[:1] == ["make"]:
            assert {word for word in words[1:] if "=" not in word} <= targets, words
        elif words[:1] == ["autoscaler"] and words[1:] not in (["--help"], ["--version"]):
            assert words[1] in VERBS, words
            if not {"…", "...", "NS/NAME", "|"} & set(words):
                assert parse(VERBS[words[1]], words[2:], "autoscaler").faults == (), words


@every_page
def test_every_flag_is_one_of_ours_or_of_a_program_named_beside_it(page: Path) -> None:
    if page.name == "CHANGELOG.md":
        return
    known = {option.flag for option in OPTIONS.values()} | {"--help", "--version"}
    known |= {flag for verb in VERBS.values() for a in parser(verb, "x")._actions for flag in a.option_strings}
    for flag in re.findall(r"`(--[a-z][a-z-]*)(?:[= ][^`]*)?`", prose(page)):
        assert flag in known, flag


@pytest.mark.parametrize(
    "script",
    [
        "options_doc.py",
        "metrics_doc.py",
        "reasons_doc.py",
        "reports_doc.py",
        "faults_doc.py",
        "record_schema.py",
        "values_doc.py",
    ],
)
def test_what_is_made_from_the_code_is_up_to_date(script: str) -> None:
    found = subprocess.run(
        [sys.executable, ROOT / "scripts" / script, "--check"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},  # this tree, whatever else is installed
    )
    assert (found.returncode, found.stdout) == (0, "")


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    reasons = "\n".join(path.read_text() for path in (ROOT / "docs/decisions").glob("*.md")).lower()
    for dependency in project["dependencies"]:
        name = re.split(r"[\[<>=]", dependency)[0]
        assert re.search(rf"\b{re.escape(name)}\b", reasons), f"{name} has no reason in docs/decisions/"


def module(name: str) -> str:
    """The version of a Go module that the tools of the e2e tests are built from."""
    [found] = re.findall(rf"^\t{re.escape(name)} v(\S+)", (ROOT / "tests/e2e/tools/go.mod").read_text(), re.MULTILINE)
    return str(found)


def kafka() -> str:
    """The version of the broker that the e2e tests start."""
    pom = (ROOT / "tests/e2e/kafka/pom.xml").read_text()
    [found] = re.findall(r"<artifactId>kafka_2.13</artifactId>\s*<version>(\S+)</version>", pom)
    return str(found)


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text()
    pages = [path.name for path in (ROOT / "docs").glob("*.md") if path.name != "README.md"]
    assert [name for name in pages if f"({name})" not in index] == []


@pytest.mark.parametrize(
    ("row", "version"),
    [
        pytest.param("Kubernetes: API server", module("k8s.io/kubernetes"), id="Kubernetes"),
        pytest.param("Helm", module("helm.sh/helm/v3"), id="Helm"),
        pytest.param("Kafka brokers", kafka(), id="Kafka"),
        pytest.param("metrics-server,", module("sigs.k8s.io/metrics-server"), id="metrics-server"),
        pytest.param("decisions as", "`, `".join(RELEASES), id="releases of the HPA"),
    ],
)
def test_what_is_called_tested_is_what_the_tests_run(row: str, version: str) -> None:
    [line] = [each for each in COMPATIBILITY.splitlines() if each.startswith(f"| {row}")]
    assert re.search(rf"(?<![\d.]){re.escape(version)}(?![\d.])", line.split("|")[2]), line


def test_flags_called_those_of_metrics_server_are_ours() -> None:
    """The flags that are not here are told without their dashes, so that none is taken for ours."""
    named = set(re.findall(r"`--([a-z-]+)`", COMPATIBILITY))
    assert named <= OPTIONS.keys()


def row(page: str, begins: str) -> str:
    """The only row of a table of this page that begins so."""
    [found] = [line for line in (ROOT / "docs" / page).read_text().splitlines() if line.startswith(f"| {begins}")]
    return found


LIMITS = Limits()


@pytest.mark.parametrize(
    ("page", "begins", "told"),
    [
        ("limits.md", "a kubelet's page", f"{httpanswer.MAX_BODY >> 20} MiB, {exposition.MAX_LINES:,} lines"),
        ("limits.md", "a kubelet's page", f"lines of {exposition.MAX_LINE >> 10} KiB"),
        ("limits.md", "an adapter's answer", f"{adapters.MAX_ANSWER >> 20} MiB, {questions.REQUEST_SECONDS:g} s"),
        ("limits.md", "an answer of the API server", f"{questions.MAX_BODY >> 20} MiB; a line of a watch"),
        ("limits.md", "an answer of the API server", f"a watch {client.MAX_LINE >> 20} MiB"),
        ("limits.md", "a record", f"{codec.MAX_BODY >> 10} KiB"),
        ("limits.md", "the spool of records", f"; {room.DISK_KEPT >> 20} MiB of the volume"),
        ("limits.md", "records that Kafka refuses", f"{deadletters.MAX_BYTES >> 20} MiB"),
        ("security.md", "a request to us", f"{LIMITS.deadline:g} s, {LIMITS.headers:g} s, {LIMITS.handshake:g} s;"),
        ("security.md", "headers, URL, body", f"{LIMITS.header_bytes >> 10} KiB, {LIMITS.url_bytes >> 10} KiB"),
        ("security.md", "connections", f"{LIMITS.connections:,}; {LIMITS.per_address} from one address"),
        ("security.md", "connections", f"after {LIMITS.idle:g} s"),
        ("security.md", "lists, single objects", f"{LIMITS.heavy}, {LIMITS.light}, {LIMITS.watches};"),
        ("security.md", "lists, single objects", f"one user {-(-LIMITS.watches // lanes.SHARE)};"),
        ("security.md", "scrapes at a time", f"{scraper.CONCURRENCY}, {exchange.CONNECT_SECONDS:g} s"),
        ("security.md", "a record, the spool", f"{codec.MAX_BODY >> 10} KiB"),
    ],
)
def test_limits_are_told_as_they_hold(page: str, begins: str, told: str) -> None:
    assert told in row(page, begins)


@pytest.mark.parametrize("page", ["limits.md", "security.md"])
def test_writes_are_bounded_as_told(page: str) -> None:
    every, each = (OPTIONS[f"scale-writes-per-second{of}"].default for of in ("", "-per-namespace"))
    assert f"{every} a second, {each} in one namespace" in row(page, "scale writes")


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs/decisions"
    index = (folder / "README.md").read_text()
    assert [
        path.name for path in folder.glob("*.md") if path.name != "README.md" and f"({path.name})" not in index
    ] == []


def test_the_overview_fits_a_screen() -> None:
    text = overview("autoscaler")
    assert len(text.splitlines()) <= 40
    assert max(len(line) for line in text.splitlines()) < 80
