"""Builds the tools once and keeps them by what they were made of; a second call finds them and returns."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tests.e2e.tools import inventory
from tests.e2e.tools.inventory import TOOLS

HEARTBEAT = 20.0
"""Seconds between two lines of a compile that takes long."""


class BuildError(Exception):
    """The compiler failed; the message ends with what it said."""


def build(say: TextIO = sys.stdout) -> Path:
    """The folder with every tool, built now unless it was before; BuildError when that fails.

    Nothing half-built is ever found there: it is built beside it and renamed.
    """
    target = inventory.folder()
    if target.exists():
        return target
    inventory.CACHE.mkdir(parents=True, exist_ok=True)
    with _only_one(inventory.CACHE / "tools.lock", say):
        if target.exists():
            return target
        partial = target.with_name(f"{target.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        _build_all(partial, say)
        partial.rename(target)
        for other in inventory.CACHE.glob("tools-*"):
            if other != target:
                shutil.rmtree(other)
    return target


def _build_all(folder: Path, say: TextIO) -> None:
    started = time.monotonic()
    expected = sum(tool.seconds for tool in TOOLS) + 15
    say.write(
        f"e2e tools: building {len(TOOLS)} programs once: about {expected / 60:.0f} minutes on two cores, "
        "less where some of it was compiled before\n"
    )
    say.flush()
    _step("Go modules", ["go", "mod", "download", "k8s.io/kubernetes"], say)
    left = expected - 15
    for number, tool in enumerate(TOOLS, 1):
        elapsed = time.monotonic() - started
        say.write(
            f"e2e tools: {number} of {len(TOOLS)}: {tool.name} "
            f"({_minutes(elapsed)} so far, at most about {_minutes(left)} to go)\n"
        )
        say.flush()
        _step(tool.name, tool.command(folder), say)
        left -= tool.seconds
    say.write(f"e2e tools: all {len(TOOLS)} built in {_minutes(time.monotonic() - started)}\n")


def _step(name: str, command: list[str], say: TextIO) -> None:
    """Run the compiler, with a sign of life; it names on stderr the packages it compiles, and its complaints."""
    started = shown = time.monotonic()
    process = subprocess.Popen(
        command, cwd=inventory.SOURCE, env=inventory.environment(), stderr=subprocess.PIPE, text=True, errors="replace"
    )
    said: list[str] = []
    assert process.stderr is not None
    with process:
        for line in process.stderr:
            said.append(line)
            now = time.monotonic()
            if now - shown >= HEARTBEAT:
                shown = now
                say.write(f"           {name}: {len(said)} packages compiled, {now - started:.0f} s\n")
                say.flush()
    if process.returncode != 0:
        raise BuildError(f"{' '.join(command[:2])} of {name} failed:\n{''.join(said[-20:])}")


@contextmanager
def _only_one(lock: Path, say: TextIO) -> Iterator[None]:
    """Hold `lock`; a second builder waits for the first and then finds its work done."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say.write("e2e tools: another build is running, waiting for it\n")
            say.flush()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"
