"""The Dockerfile and scripts/image.py make one tree, and the image runs as the chart says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
_, BUILD, FINAL = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").split("\nFROM ")
SCRIPT = (ROOT / "scripts/image.py").read_text()


def test_packages_are_installed_by_their_hashes_in_both() -> None:
    for word in ("--require-hashes", "--only-binary", "--no-compile", "requirements.lock"):
        assert word in BUILD
        assert word in SCRIPT
    assert "RUN python /src/image.py prune /app" in BUILD


def test_nothing_runs_in_the_final_stage_and_nobody_is_root() -> None:
    values = yaml.safe_load((ROOT / "charts/hpa-companion/values.yaml").read_text())
    steps = [line for line in FINAL.splitlines()[1:] if line and not line.startswith("#")]
    assert [step for step in steps if step.startswith("RUN")] == []
    assert f"USER {values['runAsUser']}:{values['runAsUser']}" in steps
    [copied] = [step for step in steps if step.startswith("COPY")]
    assert "--chown=0:0 --chmod=0555" in copied


def test_what_the_build_reads_is_in_its_context() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {line.split()[1] for line in BUILD.splitlines() if line.startswith("COPY")}
    assert copied == allowed


def test_what_never_runs_goes_and_the_command_stays(tmp_path: Path) -> None:
    for name in ("a/tests/test_a.py", "a/__pycache__/a.pyc", "a/a.pyi", "a/a.py", "a/ca.pem", "bin/pip"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    subprocess.run([sys.executable, ROOT / "scripts/image.py", "prune", tmp_path], check=True)
    left = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()}
    assert left == {"a/a.py", "a/ca.pem", "bin/autoscaler"}
