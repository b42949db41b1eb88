"""The simulated cluster as a process of its own, and the lines that it prints to be copied."""

from __future__ import annotations

import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path

SIM = (sys.executable, "-m", "autoscaler.sim")
LAST = "Ctrl-C ends it.\n"


@contextmanager
def running(file: Path) -> Iterator[str]:
    """One that runs; all that it printed, each command in one line. It ends when it is told to."""
    words = ("--nodes=1", "--pods-per-node=1", "--kubeconfig", str(file))
    with subprocess.Popen([*SIM, *words], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            told = "".join(takewhile(lambda line: line != LAST, process.stdout))
            yield told.replace("\\\n", " ")
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def words_of(told: str, command: str) -> list[str]:
    """The first line that begins so."""
    return next(shlex.split(line) for line in told.splitlines() if line.strip().startswith(command))
