"""Who scales what."""

from __future__ import annotations

from msgspec import Struct

from autoscaler.model.policy import TargetRef


class Claim(Struct, frozen=True, order=True):
    """An object that scales a target of its own namespace."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class Place(Struct, frozen=True):
    """A target, whatever version of its group it is named by."""

    namespace: str
    group: str
    kind: str
    name: str


def place(namespace: str, target: TargetRef) -> Place:
    """Where a target is."""
    group, slash, _ = target.api_version.partition("/")
    return Place(namespace, group if slash else "", target.kind, target.name)
