"""The broker's jars: copied by Maven once into the cache, and kept by what pom.xml asks for."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TextIO

HERE = Path(__file__).parent
POM = HERE / "pom.xml"
CACHE = HERE.parents[2] / ".cache" / "e2e"


class JarsError(Exception):
    """Maven failed; the message ends with what it said."""


def folder() -> Path:
    """Where the jars are, or will be."""
    return CACHE / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:16]}"


def build(maven: Path, say: TextIO = sys.stderr) -> Path:
    """The folder with the jars, fetched now unless it was before; nothing half-fetched is ever found there."""
    target = folder()
    if target.exists():
        return target
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            return target
        say.write("e2e kafka: fetching the broker's jars from Maven Central once (43 MB, half a minute)\n")
        say.flush()
        partial = target.with_name(f"{target.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={partial}", "-DincludeScope=runtime"]
        done = subprocess.run([maven, "-B", "-q", "-f", POM, *goal], capture_output=True, text=True, check=False)
        if done.returncode != 0 or not any(partial.glob("kafka_*.jar")):
            raise JarsError(f"mvn failed:\n{(done.stdout + done.stderr)[-3000:]}")
        partial.rename(target)
    for other in CACHE.glob("kafka-*"):
        if other != target:
            shutil.rmtree(other)
    return target
