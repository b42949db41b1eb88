"""The image is built from the lock, runs as the chart says, and `scripts/image.py` follows its Dockerfile."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests import script

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()

image = script.module(ROOT / "scripts/image.py")


def test_packages_are_installed_by_their_hashes() -> None:
    [install] = [words for name, words in image.stages(DOCKERFILE).steps if "pip" in words]
    for word in ("--require-hashes", "--only-binary :all:", "--no-compile", "-r /src/requirements.lock"):
        assert word in install


def test_the_c_is_compiled_as_pyproject_says_and_anew() -> None:
    [extension] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["ext-modules"]
    [compile_] = [words.split() for name, words in image.stages(DOCKERFILE).steps if words.startswith("gcc ")]
    assert set(extension["extra-compile-args"]) < set(compile_)
    assert [word for word in compile_ if word.endswith(".c")] == [f"/app/{each}" for each in extension["sources"]]
    assert compile_[-1] == f"/app/{extension['name'].replace('.', '/')}.abi3.so"
    assert "**/*.so" in (ROOT / ".dockerignore").read_text().splitlines(), "one that lies about is not taken along"


def test_a_program_that_goes_without_its_compiled_part_is_refused() -> None:
    assert image.compiled("hpa-companion 0.1.0 (compiled)") == "hpa-companion 0.1.0 (compiled)"
    with pytest.raises(SystemExit, match="not compiled"):
        image.compiled("hpa-companion 0.1.0 (not compiled)")


def test_nothing_runs_in_the_final_stage_and_nobody_is_root() -> None:
    values = yaml.safe_load((ROOT / "charts/hpa-companion/values.yaml").read_text())
    made = image.stages(DOCKERFILE)
    assert made.user == values["runAsUser"] != 0
    assert made.mode & 0o222 == 0
    assert list(made.entrypoint) == ["autoscaler"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        pytest.param("RUN apt-get install -y bash", "RUN", id="a step in the final stage"),
        pytest.param("ADD https://example.com/x /x", "ADD", id="an instruction nobody follows"),
        pytest.param("COPY --from=build /tools /tools", "takes /app", id="the tools, pip among them"),
    ],
)
def test_what_the_script_could_not_follow_is_refused(line: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        image.stages(DOCKERFILE.replace("USER ", f"{line}\nUSER "))


def test_what_the_build_reads_is_in_its_context() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    steps = image.stages(DOCKERFILE).steps
    assert {word for name, words in steps if name == "COPY" for word in words.split()[:-1]} == allowed


def test_the_steps_of_the_first_stage_are_run_below_a_folder(tmp_path: Path) -> None:
    steps = [
        ("COPY", "LICENSE scripts/lock /src/"),
        ("COPY", "charts /app/charts"),
        ("RUN", "cat /src/LICENSE > /app/l"),
    ]
    made = image.stages(DOCKERFILE)._replace(steps=steps, mode=0o755)
    tree = image.build(made, tmp_path)
    assert (tree / "l").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (tmp_path / "src/lock").is_file()
    assert (tree / "charts/hpa-companion/Chart.yaml").is_file()


def test_what_never_runs_goes_and_the_command_stays(tmp_path: Path) -> None:
    kept = {"a/a.py", "a/ca.pem", "a/n.so", "kubernetes/client/models/__init__.py"}
    gone = {
        "a/tests/test_a.py",
        "a/__pycache__/a.pyc",
        "a/a.pyi",
        "a/n.c",
        "bin/pip",
        "kubernetes/client/models/v1_pod.py",
    }
    for name in kept | gone:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    subprocess.run([sys.executable, ROOT / "scripts/image.py", "finish", tmp_path], check=True)
    left = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file() and file.suffix != ".pyc"}
    assert left == kept | {"bin/autoscaler"}
    assert list(tmp_path.glob("a/__pycache__/a.*.pyc")), "what is left is compiled"


def test_bytecode_is_the_same_wherever_and_whenever_it_is_made(tmp_path: Path) -> None:
    made = []
    for folder in (tmp_path / "here", tmp_path / "there/deeper"):
        folder.mkdir(parents=True)
        (folder / "a.py").write_text("def where():\n    return __file__\n")
        image.finish(folder)
        [compiled] = folder.glob("__pycache__/a.*.pyc")
        made.append(compiled.read_bytes())
    assert made[0] == made[1]
    assert b"/app/a.py" in made[0]
