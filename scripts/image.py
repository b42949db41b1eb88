"""The image without a container engine: `python scripts/image.py` builds its tree, starts it and measures it.

The steps are those of the Dockerfile, read from there: the first stage is run with /app, /src and /tools in a folder of
its own, the second says who starts what, with which environment. It is started against a simulated cluster, as the
chart has it: by root as the image's user without a capability, every file system read-only but the one folder that the
chart mounts; by others as themselves, without a write bit in the tree. `image.py finish FOLDER` is a step of the
Dockerfile.
"""

from __future__ import annotations

import base64
import compileall
import json
import os
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 60.0
NEVER_RUN = ("tests", "test", "__pycache__", "e2e_test")
SUFFIXES = {".pyi", ".pyx", ".pxd", ".c", ".h"}
GENERATED = tuple(f"kubernetes/{client}/{part}" for client in ("client", "aio/client") for part in ("api", "models"))
"""The `kubernetes` package's classes for every API group. They are loaded by name when asked for, and the program asks
for kubeconfigs only: of a folder the `__init__` stays, which is imported, and imports nothing."""
UNCOMPILED = re.compile(r"/pygments/(lexers|styles)/")  # at most two are read, for a traceback in a terminal
EVERYTHING = """
import autoscaler, importlib, kubernetes.aio.config, pkgutil
names = [each.name for each in pkgutil.walk_packages(autoscaler.__path__, "autoscaler.") if "__main__" not in each.name]
print(len([importlib.import_module(name) for name in names]))
"""
WRITABLE = """
import contextlib, os, sys
for each in sys.argv[1:]:
    with contextlib.suppress(OSError):
        os.close(os.open(f"{each}/probe", os.O_CREAT | os.O_EXCL))
        os.unlink(f"{each}/probe")
        print(each)
"""
LAUNCHER = "#!/usr/bin/python3\nimport sys\n\nfrom autoscaler.cli import main\n\nsys.exit(main())\n"


def finish(tree: Path) -> None:
    """Take away what never runs, leave one command, `bin/autoscaler`, and compile what is left: it starts sooner."""
    shutil.rmtree(tree / "bin", ignore_errors=True)
    for folder in [each for each in tree.rglob("*") if each.is_dir() and each.name in NEVER_RUN]:
        shutil.rmtree(folder, ignore_errors=True)
    for file in [each for each in tree.rglob("*") if each.suffix in SUFFIXES or _generated(each.relative_to(tree))]:
        file.unlink()
    (tree / "bin").mkdir()
    (tree / "bin" / "autoscaler").write_text(LAUNCHER)
    # the same bytes wherever it is built: no times in them, and the path is that of the image
    unchecked = PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(tree, quiet=1, rx=UNCOMPILED, stripdir=tree, prependdir="/app", invalidation_mode=unchecked)


def _generated(file: Path) -> bool:
    return str(file.parent) in GENERATED and file.suffix == ".py" and file.name != "__init__.py"


class Stages(NamedTuple):
    """The Dockerfile: instructions of the stage that builds, and what the final one says of the process."""

    steps: Sequence[tuple[str, str]]
    mode: int
    environment: Mapping[str, str]
    user: int
    entrypoint: Sequence[str]


def stages(dockerfile: str) -> Stages:
    """ValueError for an instruction that this script could not follow."""
    text = re.sub(r"^#.*\n", "", dockerfile, flags=re.MULTILINE).replace("\\\n", " ")
    _, building, final = re.split(r"^FROM .*$", text, flags=re.MULTILINE)
    steps = _instructions(building, {"COPY", "RUN"})
    last = dict(_instructions(final, {"COPY", "ENV", "USER", "ENTRYPOINT"}))
    copied = re.fullmatch(r"--from=build --chown=0:0 --chmod=(\d+) /app /app", last["COPY"])
    if copied is None:
        raise ValueError(f"Dockerfile: COPY {last['COPY']}: the final stage takes /app, root's, and nothing else")
    return Stages(
        steps,
        int(copied[1], 8),
        dict(each.split("=", 1) for each in shlex.split(last["ENV"])),
        int(last["USER"].split(":")[0]),
        json.loads(last["ENTRYPOINT"]),
    )


def _instructions(text: str, known: set[str]) -> list[tuple[str, str]]:
    found = [(each.partition(" ")[0], each.partition(" ")[2].strip()) for each in text.splitlines() if each.strip()]
    if unknown := {name for name, _ in found} - known:
        raise ValueError(f"Dockerfile: {', '.join(sorted(unknown))}: scripts/image.py knows {', '.join(sorted(known))}")
    return found


def build(made: Stages, root: Path) -> Path:
    """The final stage's /app, made below `root` by the steps of the first."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for name, words in made.steps:
        inside = re.sub(r"(?<![\w./-])/(app|src|tools)(?=[/\s]|$)", rf"{root}/\1", words)
        if name == "RUN":
            subprocess.run(["sh", "-ec", inside], check=True, env=os.environ | {"PATH": path})
            continue
        *sources, target = inside.split()
        for source in sources:
            _copy(ROOT / source, Path(target))
    tree = root / "app"
    for each in [tree, *tree.rglob("*")]:
        each.chmod(made.mode)
    return tree


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


class Jail(NamedTuple):
    """How a command is confined: `told` in words, `prefix` before it. It may write below `state` only."""

    told: str
    prefix: Sequence[str]


def jail(user: int, state: Path) -> Jail:
    """As tight as this machine allows."""
    if os.geteuid() != 0:
        return Jail(f"uid {os.geteuid()} (not root: no other user, and no read-only file systems)", ())
    for each in [state, *state.rglob("*")]:
        os.chown(each, user, user)
    drop = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--no-new-privs"]
    drop += ["--inh-caps=-all", "--bounding-set=-all", "--"]
    # the folder becomes a mount of its own, then all others may be read only
    script = 'mount --bind "$0" "$0" && grep -o "^[^ ]* [^ ]*" /proc/self/mounts | while read -r _ at; do case $at in '
    script += '"$0"|/proc*|/sys*|/dev*) ;; *) mount -o remount,bind,ro "$at" || exit 1;; esac; done && exec "$@"'
    apart = ["unshare", "--mount", "sh", "-c", script, str(state)]
    if subprocess.run([*apart, "true"], check=False, capture_output=True).returncode == 0:
        return Jail(f"uid {user}, no capability, file systems read-only", [*apart, *drop])
    return Jail(f"uid {user}, no capability (this machine allows no read-only file systems)", drop)


def interpreter(cell: Jail) -> str:
    """One that the image's user may run, of the version that pip took the packages for."""
    version, wanted = "import sys; print(*sys.version_info[:2])", f"{sys.version_info[0]} {sys.version_info[1]}\n"
    for each in ("/usr/bin/python3", os.path.realpath(sys.executable)):
        found = subprocess.run([*cell.prefix, each, "-c", version], capture_output=True, text=True, check=False)
        if found.stdout == wanted:
            return each
    sys.exit(f"/usr/bin/python3 is not Python {wanted.strip()}, and others may not run {sys.executable}")


def start(made: Stages, tree: Path, state: Path) -> None:
    """Start it, and tell as whom, where it can write, and how long it took; SystemExit when it does not come."""
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
        _unpack(config)
        cell = jail(made.user, state)
        environment = {**made.environment, "PYTHONPATH": str(tree), "HOME": str(state)}
        python = [*cell.prefix, interpreter(cell), "-S"]
        places = _said([*python, "-c", WRITABLE, "/", "/tmp", str(tree), str(state)], environment)
        places = places.replace(str(state), "its volume").replace("\n", ", ")
        print(f"process: {cell.told}; can write to {places}")
        print(f"modules: {_said([*python, '-c', EVERYTHING], environment)} of the program, each imports what it needs")
        command = [*python, str(tree / "bin" / made.entrypoint[0]), *made.entrypoint[1:]]
        print(f"program: {compiled(_said([*command, '--version'], environment))}")
        _first_answers(command, environment, state, config)
    finally:
        sim.terminate()
        sim.wait()


def compiled(version: str) -> str:
    """The same; SystemExit when it is that of a program that goes without its compiled part."""
    return version if version.endswith("(compiled)") else sys.exit(f"the image runs {version}")


def _said(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """What a command prints that runs as the program does; SystemExit with its traceback when it fails."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else sys.exit(done.stderr)


def _unpack(config: Path) -> None:
    """Put its CA into a file: in a pod, too, it is one, and a kubeconfig's own needs a folder for temporary files."""
    text = config.read_text()
    [packed] = re.findall(r"certificate-authority-data\W+([\w+/=]+)", text)
    authority = config.with_name("ca.crt")
    authority.write_bytes(base64.b64decode(packed))
    text = text.replace("certificate-authority-data", "certificate-authority")
    config.write_text(text.replace(packed, str(authority)))


def _first_answers(command: Sequence[str], environment: Mapping[str, str], state: Path, config: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flags = [f"--kubeconfig={config}", "--bind-address=127.0.0.1", f"--secure-port={port}", "--log-level=error"]
    flags += [f"--cert-dir={state / 'certificates'}", f"--audit-spool-dir={state / 'spool'}"]
    flags += ["--kubelet-allow-loopback", "--kubelet-use-node-status-port"]
    begun = time.perf_counter()
    program = subprocess.Popen([*command, "run", *flags], cwd="/", env=environment)
    try:
        missing = {"/livez": {200}, "/readyz": {200, 500}}  # 500: it says what it waits for
        for now in _moments(begun):
            if program.poll() is not None:
                sys.exit(f"the program ended with {program.returncode}")
            for path in [each for each in missing if _status(port, each) in missing[each]]:
                print(f"start: {now:.2f} s to the first answer of {path}, {_cpu_seconds(program.pid):.2f} s of CPU")
                missing.pop(path)
            if not missing:
                return
        sys.exit(f"no answer of {', '.join(missing)} within {PATIENCE:g} s")
    finally:
        program.terminate()
        if code := program.wait():
            sys.exit(f"SIGTERM ended it with {code}")


def _cpu_seconds(process: int) -> float:
    """What it took of a processor: others on the machine change little about it."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _moments(begun: float) -> Iterator[float]:
    while (now := time.perf_counter() - begun) < PATIENCE:
        yield now
        time.sleep(0.02)


def _status(port: int, path: str) -> int:
    """0: nobody answers."""
    unverified = ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(f"https://127.0.0.1:{port}{path}", timeout=5, context=unverified) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as answer:
        return answer.code
    except OSError:  # URLError is one
        return 0


def sizes(tree: Path) -> Mapping[str, int]:
    """Bytes of every package, and of the program, bytecode included; the largest first."""
    found = Counter[str]()
    for each in filter(Path.is_file, tree.rglob("*")):
        found[each.relative_to(tree).parts[0]] += each.stat().st_size
    return dict(found.most_common())


def main(arguments: list[str]) -> int:
    """Finish a folder, or build, start and measure."""
    if arguments[:1] == ["finish"]:
        finish(Path(arguments[1]))
        return 0
    made = stages((ROOT / "Dockerfile").read_text())
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        (state := root / "state").mkdir()
        tree = build(made, root)
        found = sizes(tree)
        code = sum(each.stat().st_size for each in tree.rglob("*.pyc"))
        print(f"tree: {sum(found.values()) / 1e6:.0f} MB without the interpreter, {code / 1e6:.0f} of it bytecode")
        print("largest: " + ", ".join(f"{name} {size / 1e6:.1f}" for name, size in list(found.items())[:12]))
        start(made, tree, state)
        for each in [tree, *tree.rglob("*")]:
            if each.is_dir():
                each.chmod(0o755)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
