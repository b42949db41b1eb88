"""The image's tree without a container engine: `python scripts/image.py` builds, starts and measures it.

It installs requirements.lock by its hashes, as the Dockerfile does, lays the program beside it, takes away what never
runs, and starts it against a simulated cluster: without a write bit in the tree and, when root asks, as nobody. Prints
the size of the tree and the seconds from the start to the first good /livez. `image.py prune FOLDER` is a step of the
Dockerfile.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOBODY = 65534
PATIENCE = 60.0
NEVER_RUN = ("tests", "test", "__pycache__", "e2e_test")
"""Folders of packages that nothing imports."""
SUFFIXES = {".pyi", ".pyx", ".pxd", ".c", ".h"}
LAUNCHER = "#!/usr/bin/python3\nimport sys\n\nfrom autoscaler.cli import main\n\nsys.exit(main())\n"


def prune(tree: Path) -> None:
    """Take away what never runs; leave one command, `bin/autoscaler`."""
    shutil.rmtree(tree / "bin", ignore_errors=True)
    for folder in [each for each in tree.rglob("*") if each.is_dir() and each.name in NEVER_RUN]:
        shutil.rmtree(folder, ignore_errors=True)
    for file in [each for each in tree.rglob("*") if each.suffix in SUFFIXES]:
        file.unlink()
    (tree / "bin").mkdir()
    (tree / "bin" / "autoscaler").write_text(LAUNCHER)
    (tree / "bin" / "autoscaler").chmod(0o555)


def build(tree: Path) -> None:
    """The same steps as the Dockerfile's first stage."""
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    install += ["--only-binary", ":all:", "--no-compile", "--target", str(tree), "-r", str(ROOT / "requirements.lock")]
    subprocess.run(install, check=True)
    shutil.copytree(ROOT / "autoscaler", tree / "autoscaler")
    prune(tree)
    for each in [tree, *tree.rglob("*")]:
        each.chmod(0o555 if each.is_dir() or each.parent.name == "bin" else 0o444)


def start(tree: Path, state: Path) -> float:
    """Seconds from starting the program to its first good /livez."""
    config = state / "kubeconfig"
    sim = subprocess.Popen(
        [sys.executable, "-m", "autoscaler.sim", "--nodes=2", "--pods-per-node=2", f"--kubeconfig={config}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    try:
        assert sim.stdout is not None
        assert sim.stdout.readline() == b"ready\n"
        return _first_answer(tree, state, config)
    finally:
        sim.terminate()
        sim.wait()


def _interpreter() -> str:
    """The system's Python, as in the image, where the packages fit it; one in somebody's home is for that one only."""
    system = "/usr/bin/python3"
    version = "import sys; print(*sys.version_info[:2])"
    if Path(system).exists():
        found = subprocess.run([system, "-c", version], capture_output=True, text=True, check=True).stdout.split()
        if found == [str(number) for number in sys.version_info[:2]]:
            return system
    return sys.executable


def _first_answer(tree: Path, state: Path, config: Path) -> float:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [_interpreter(), "-S", "-B", str(tree / "bin/autoscaler"), "run", f"--kubeconfig={config}"]
    command += ["--bind-address=127.0.0.1", f"--secure-port={port}", "--kubelet-allow-loopback", "--log-level=error"]
    command += [f"--cert-dir={state / 'certificates'}", f"--audit-spool-dir={state / 'spool'}"]
    user, groups = None, None
    if os.geteuid() == 0:
        user, groups = NOBODY, list[int]()
        for each in [state, *state.rglob("*")]:
            os.chown(each, NOBODY, NOBODY)
    environment = {"PYTHONPATH": str(tree), "HOME": str(state)}
    begun = time.perf_counter()
    program = subprocess.Popen(command, cwd="/", env=environment, user=user, group=user, extra_groups=groups)
    try:
        for now in _moments(begun):
            if program.poll() is not None:
                sys.exit(f"the program ended with {program.returncode}")
            if _lives(port):
                return now
        sys.exit(f"no good /livez within {PATIENCE:g} s")
    finally:
        program.terminate()
        program.wait()


def _moments(begun: float) -> Iterator[float]:
    while (now := time.perf_counter() - begun) < PATIENCE:
        yield now
        time.sleep(0.02)


def _lives(port: int) -> bool:
    unverified = ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/livez", timeout=5, context=unverified) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def main(arguments: list[str]) -> int:
    """Prune a folder, or build, start and measure."""
    if arguments[:1] == ["prune"]:
        prune(Path(arguments[1]))
        return 0
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        tree, state = folder / "app", folder / "state"
        state.mkdir()
        build(tree)
        size = sum(each.stat().st_size for each in tree.rglob("*") if each.is_file())
        print(f"tree: {size / 1e6:.0f} MB without the interpreter")
        user = NOBODY if os.geteuid() == 0 else os.geteuid()
        print(f"start: {start(tree, state):.1f} s to /livez, read-only, uid {user}")
        for each in [tree, *tree.rglob("*")]:
            if each.is_dir():
                each.chmod(0o755)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
