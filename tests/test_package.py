"""What `python -m build` makes: sources with the C, and a wheel of this platform with what was compiled of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.e2e.requirements import need

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("pyproject.toml", "README.md", "LICENSE")
COMPILED, NOT_COMPILED = " (compiled)\n", " (not compiled)\n"


def built(tree: Path, **environment: str) -> Path:
    """The folder `dist` of a copy of this project; the wheel in it is built from the sdist beside it."""
    shutil.copytree(ROOT / "autoscaler", tree / "autoscaler", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    for name in PARTS:
        shutil.copy(ROOT / name, tree / name)
    command = [sys.executable, "-m", "build", "--no-isolation"]
    environment = {**os.environ, **environment}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return tree / "dist"


def version(wheel: Path, folder: Path) -> str:
    """What the program in the wheel says of itself."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    command = [sys.executable, "-m", "autoscaler", "--version"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("gcc")
    return built(tmp_path_factory.mktemp("package"))


def test_the_sdist_has_what_the_wheel_is_compiled_from(dist: Path) -> None:
    [sdist] = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        sources = {Path(name).name for name in archive.getnames() if Path(name).suffix in {".c", ".h"}}
        assert sources == {"_native.c", "_number.h"}


def test_the_wheel_is_one_for_every_python_of_this_platform_and_compiled(dist: Path, tmp_path: Path) -> None:
    [wheel] = dist.glob("*.whl")
    assert "-cp311-abi3-" in wheel.name
    names = zipfile.ZipFile(wheel).namelist()
    assert [Path(name).name for name in names if Path(name).suffix in {".so", ".c", ".h"}] == ["_native.abi3.so"]
    assert version(wheel, tmp_path).endswith(COMPILED)


def test_without_a_compiler_the_program_is_installed_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    [wheel] = built(tmp_path / "tree", CC="false").glob("*.whl")
    assert version(wheel, tmp_path / "installed").endswith(NOT_COMPILED)
