"""The simulated cluster as a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autoscaler.cli.arguments import parse
from autoscaler.cli.verbs import VERBS

SIM = (sys.executable, "-m", "autoscaler.sim")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(("--nodes", "-1"), "argument --nodes: -1 is not between 1 and 50000", id="fewer nodes than none"),
        pytest.param(("--nodes", "many"), "argument --nodes: invalid", id="no number"),
        pytest.param(("--sample-period", "nan"), "nan is not between 0.1 and 3600 seconds", id="no time"),
        pytest.param((), "cannot be written: No such file or directory", id="a kubeconfig in no folder"),
    ],
)
def test_what_cannot_be_is_one_sentence(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    file = str(tmp_path / "none" / "kubeconfig")
    done = subprocess.run([*SIM, "--kubeconfig", file, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_it_says_how_it_is_used_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    words = ("--nodes=1", "--pods-per-node=1", "--kubeconfig", str(file))
    with subprocess.Popen([*SIM, *words], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        told = process.stdout.read().replace("\\\n", " ")
        assert process.wait(60) == 0
    command = next(line.split() for line in told.splitlines() if "autoscaler run" in line)
    assert parse(VERBS["run"], command[2:], "autoscaler").faults == ()
    assert command[command.index("--kubeconfig") + 1] == str(file)
    assert "curl -sk -H 'Authorization: Bearer sim-admin' https://127.0.0.1:" in told
