"""Every benchmark still runs: small and short, as a whole process, and its figures come out as one table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.catalogue import BENCHMARKS, Benchmark
from tests.e2e.requirements import need

ROOT = Path(__file__).resolve().parent.parent.parent


def bench(*words: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=environment, timeout=280)


@pytest.mark.parametrize(
    "one",
    [
        pytest.param(each, id=each.name, marks=[pytest.mark.e2e] if each.needs else [])
        for each in BENCHMARKS
        if each.name != "audit"
    ],
)
def test_it_runs_and_leaves_nothing_behind(one: Benchmark, tmp_path: Path) -> None:
    for tool in one.needs:
        need(tool)
    done = bench("--quick", "--only", one.name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith(f"{one.name} ")]
    assert rows, done.stdout
    assert "these figures mean nothing" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.e2e
def test_what_is_sent_to_a_broker_is_measured_and_leaves_nothing_behind(tmp_path: Path) -> None:
    need("java")
    done = bench("--quick", "--only", "audit", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "unchanged ones share, sent to a broker" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_where_no_broker_can_be_had_the_rest_is_measured_and_it_is_said_why(tmp_path: Path) -> None:
    done = bench("--quick", "--only", "audit", PATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "sending is not measured: no broker: java is not on the PATH; install" in done.stderr
    assert "unchanged ones share" in done.stdout


def test_help_names_every_benchmark_and_says_how_to_use_it() -> None:
    text = bench("--help").stdout
    assert all(f"  {each.name}" in text and each.summary in text for each in BENCHMARKS)
    assert "python -m bench --only" in text
    assert "exit codes" in text


def test_a_name_that_is_none_is_told_with_those_that_are() -> None:
    done = bench("--only", "scales")
    assert done.returncode == 2
    assert all(each.name in done.stderr for each in BENCHMARKS)
