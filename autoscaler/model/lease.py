"""Who may decide, as the cluster has it."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Claim(Struct, frozen=True, kw_only=True):
    """What a coordination.k8s.io/v1 Lease says: `duration` in seconds, `acquired` and `renewed` as they are written.

    `transitions` counts changes of the holder: the epoch of its decisions.
    """

    holder: str = ""
    duration: int = 0
    transitions: int = 0
    acquired: str = ""
    renewed: str = ""


class Lease(Struct, frozen=True, kw_only=True):
    """A Lease as it stands; who writes it names the version that was read."""

    claim: Claim
    uid: str
    resource_version: str
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
