"""Programs started by a test: their output in a file, their end waited for, nobody left behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

TAIL = 3000
"""Characters of a log shown when its program failed."""


class Process:
    """One child; it dies with the test run even when that is killed."""

    def __init__(
        self, name: str, command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        # The kernel ends the child when its parent is gone, however it went. A run in the background ignores SIGINT: so
        # would the child.
        guard = (
            ["setpriv", "--pdeathsig", "KILL", "--", "env", "--default-signal=INT"] if shutil.which("setpriv") else []
        )
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                [*guard, *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
            )

    @property
    def pid(self) -> int:
        return self._child.pid

    def running(self) -> bool:
        return self._child.poll() is None

    def must_run(self) -> None:
        """RuntimeError with the end of its log when it has ended: waiting for it is in vain."""
        if not self.running():
            raise RuntimeError(f"{self.name} ended with {self._child.returncode}:\n{self.output()[-TAIL:]}")

    def output(self) -> str:
        """Everything it said so far."""
        return self.log.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        self._child.send_signal(number)

    def terminate(self, seconds: float = 10) -> int:
        """SIGTERM; the exit code. subprocess.TimeoutExpired when it does not end by itself (it is killed then)."""
        self._child.terminate()
        try:
            return self._child.wait(seconds)
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL, unless it has ended; returns when it is gone."""
        if self.running():
            self._child.kill()
        self._child.wait()


def free_port(address: str = "127.0.0.1") -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind((address, 0))
        port: int = listener.getsockname()[1]
        return port


def is_free(address: str, port: int) -> bool:
    """Whether one could listen there."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
        except OSError:
            return False
        return True
