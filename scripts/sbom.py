"""The bill of materials of the image, CycloneDX 1.6 as JSON: `python scripts/sbom.py > sbom.cdx.json`.

Everything stands in requirements.lock: names, versions, the hashes of the files that may be installed, and who needs
whom. The same lock gives the same bytes, so there is no time in it, and the serial number is that of the contents.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
NAME = "hpa-companion"
SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_PINNED = re.compile(r"([a-z0-9._-]+)==(\S+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class Package(NamedTuple):
    """A package of the lock: `hashes` are SHA-256 of the files it may be, `needed_by` who asked for it."""

    name: str
    version: str
    hashes: Sequence[str]
    needed_by: Sequence[str]

    @property
    def purl(self) -> str:
        """Its package URL: known to every scanner."""
        return f"pkg:pypi/{self.name}@{self.version}"


def packages(lock: str) -> list[Package]:
    """What a lock of pip-compile holds. ValueError for a package without a version or a hash."""
    found = []
    for block in re.split(r"\n(?=\S)", lock.strip()):
        pinned = _PINNED.match(block)
        hashes = _HASH.findall(block)
        if not pinned or not hashes:
            raise ValueError(f"requirements.lock: {block.splitlines()[0]!r} has no version or no hash: scripts/lock")
        needed_by = [line.strip().split()[0] for line in re.findall(r"#(?: via)?(.*)", block) if line.strip()]
        found.append(Package(pinned[1], pinned[2], sorted(hashes), needed_by))
    return found


def bill(version: str, found: Sequence[Package]) -> Mapping[str, object]:
    """The document: the program of this version, and what it needs."""
    purls = {each.name: each.purl for each in found}
    ours = f"pkg:pypi/{NAME}@{version}"
    needs: dict[str, list[str]] = {ref: [] for ref in (ours, *purls.values())}
    for each in found:
        for name in each.needed_by:
            needs[ours if name == NAME else purls[name]].append(each.purl)
    program = {"type": "application", "bom-ref": ours, "name": NAME, "version": version, "purl": ours}
    document: dict[str, object] = {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": program | {"licenses": [{"license": {"id": "Apache-2.0"}}]}},
        "components": [_component(each) for each in found],
        "dependencies": [{"ref": ref, "dependsOn": sorted(wanted)} for ref, wanted in needs.items()],
    }
    return document | {"serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document)).urn}


def _component(package: Package) -> Mapping[str, object]:
    """The lock allows any of these files: which one a machine takes is for its platform."""
    files = {
        "type": "distribution",
        "url": package.purl,
        "comment": "one of the files with these hashes",
        "hashes": [{"alg": "SHA-256", "content": each} for each in package.hashes],
    }
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "externalReferences": [files],
    }


def main(arguments: Sequence[str]) -> int:
    """Print the bill of a lock and a program, by default those of this repository."""
    lock, program = map(Path, arguments or (HERE.parent / "requirements.lock", HERE.parent / "autoscaler"))
    [version] = re.findall(r'^__version__ = "(.+)"$', (program / "__init__.py").read_text(), re.MULTILINE)
    print(json.dumps(bill(version, packages(lock.read_text())), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
