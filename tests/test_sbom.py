"""The bill of materials is what its schema allows, names everything that is installed, and is the same every time."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = Path(__file__).parent / "cyclonedx"
"""https://cyclonedx.org/schema/, Apache-2.0, as its library for Python has them."""


def printed(*arguments: str | Path) -> str:
    command = [sys.executable, ROOT / "scripts/sbom.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@cache
def bill() -> Any:
    return json.loads(printed())


def validator() -> Draft7Validator:
    schemas = [json.loads(gzip.decompress(path.read_bytes())) for path in sorted(SCHEMAS.glob("*.gz"))]
    # they name each other by the file's name in the library
    by_name = [(f"{each['$id'].removesuffix('.schema.json')}.SNAPSHOT.schema.json", each) for each in schemas]
    registry: Registry[Any] = Registry().with_resources((name, Resource.from_contents(each)) for name, each in by_name)
    [main] = [each for each in schemas if "bom-1.6" in each["$id"]]
    return Draft7Validator(main, registry=registry)


def locked() -> dict[str, set[str]]:
    """Package URL to hashes, read another way than the script does."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if match := re.match(r"(\S+)==(\S+) ", line):
            hashes = found.setdefault(f"pkg:pypi/{match[1]}@{match[2]}", set())
        elif "--hash=sha256:" in line:
            hashes.add(line.split(":")[1].split()[0])
    return found


def test_it_is_valid() -> None:
    assert [error.message for error in validator().iter_errors(bill())] == []


def test_the_schema_is_able_to_refuse() -> None:
    broken = bill() | {"components": [{"type": "nothing", "name": "x"}]}
    assert [error.message for error in validator().iter_errors(broken)]


def test_everything_that_is_installed_is_in_it_with_the_hashes_it_may_have() -> None:
    components = {each["purl"]: each["externalReferences"][0]["hashes"] for each in bill()["components"]}
    assert {purl: {each["content"] for each in hashes} for purl, hashes in components.items()} == locked()


def test_who_needs_whom_leads_from_the_program_to_everything() -> None:
    needs = {each["ref"]: each["dependsOn"] for each in bill()["dependencies"]}
    seen, todo = set(), [bill()["metadata"]["component"]["bom-ref"]]
    while todo:
        if (ref := todo.pop()) not in seen:
            seen.add(ref)
            todo += needs[ref]
    assert seen - {bill()["metadata"]["component"]["bom-ref"]} == set(locked())


def test_the_same_lock_gives_the_same_bytes_and_another_one_another_number(tmp_path: Path) -> None:
    assert printed() == printed()
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"yarl==1.0 \\\n    --hash=sha256:{'a' * 64}\n    # via hpa-companion (pyproject.toml)\n")
    other = json.loads(printed(lock, ROOT / "autoscaler"))
    assert [each["purl"] for each in other["components"]] == ["pkg:pypi/yarl@1.0"]
    assert other["serialNumber"] != bill()["serialNumber"]


def test_a_package_without_a_hash_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("yarl==1.0\n    # via aiohttp\n")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        printed(lock, ROOT / "autoscaler")
    assert caught.value.returncode == 1
