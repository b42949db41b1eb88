"""Which targets a person means by a name: a target's own, or that of its policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from autoscaler.audit import codec
from autoscaler.audit.codec import Record
from autoscaler.errors import MalformedError


class Records(Protocol):
    """`audit.read.SpoolReader` or `audit.collected.Collected`."""

    def targets(self) -> list[str]: ...
    def newest(self, key: str) -> Record | None: ...


def keys_of(records: Records, parts: Sequence[str]) -> list[str]:
    """Keys of the targets called so (namespace and name, or namespace, kind and name), else of those whose newest
    decision was made for the policy of that name.
    """
    known = [key for key in records.targets() if key.startswith(f"{parts[0]}/")]
    named = [key for key in known if _means(parts, key)]
    if named or len(parts) == 3:
        return named
    return [key for key in known if _policy(records.newest(key)) == parts[1]]


def _means(parts: Sequence[str], key: str) -> bool:
    namespace, kind, name = key.split("/", 2)
    if (parts[0], parts[-1]) != (namespace, name):
        return False
    return len(parts) == 2 or parts[1].lower() in (kind.lower(), f"{kind.lower()}s")


def _policy(record: Record | None) -> str:
    try:
        return "" if record is None else codec.decode(record.body).policy.name
    except MalformedError:
        return ""
