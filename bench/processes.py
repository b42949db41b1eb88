"""Child processes and what they cost, from /proc."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

TICKS = os.sysconf("SC_CLK_TCK")
STOP_SECONDS = 20
TAIL = 2000


class Process:
    """One child; leaving the context ends it, and so does our own end. `output` goes to a file when there is a log."""

    def __init__(self, name: str, command: Sequence[str | Path], log: Path) -> None:
        self.name, self._log = name, log
        guard = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                [*guard, *map(str, command)], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Ask it to end, and make it when it does not; returns when it has."""
        self._child.terminate()
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    @property
    def output(self) -> str:
        """Everything it said so far."""
        return self._log.read_text(errors="replace")

    def must_run(self) -> None:
        """ChildProcessError with the end of its log when it has ended."""
        if self._child.poll() is not None:
            raise ChildProcessError(f"{self.name} ended with {self._child.returncode}:\n{self.output[-TAIL:]}")

    def cpu_seconds(self) -> float:
        """User and system time so far, of all its threads."""
        fields = Path(f"/proc/{self._child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_mib(self, what: str = "VmRSS") -> float:
        """VmRSS (now) or VmHWM (highest)."""
        for line in Path(f"/proc/{self._child.pid}/status").read_text().splitlines():
            if line.startswith(f"{what}:"):
                return int(line.split()[1]) / 1024
        raise LookupError(what)


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])
