"""What goes around items: the metadata of a list and the events of a watch."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from autoscaler.api.items import Item
from autoscaler.api.status import StatusError


class ListMeta(Struct, frozen=True):
    """metav1.ListMeta; what is empty or None is left out, so that a list without snapshot is upstream's `{}`."""

    resource_version: str = ""
    continue_token: str = ""
    remaining: int | None = None

    def fields(self) -> Mapping[str, object]:
        """What JSON shows."""
        found: dict[str, object] = {}
        if self.resource_version:
            found["resourceVersion"] = self.resource_version
        if self.continue_token:
            found["continue"] = self.continue_token
        if self.remaining is not None:
            found["remainingItemCount"] = self.remaining
        return found


class Change(Struct, frozen=True):
    """`type` is ADDED, MODIFIED or DELETED; `resource_version` goes into the object, where informers look for it."""

    type: str
    item: Item
    resource_version: str


class Bookmark(Struct, frozen=True):
    """The watcher has seen everything up to here; `initial`: the state it asked for too (`initial-events-end`)."""

    resource_version: str
    initial: bool = False

    def annotations(self) -> Mapping[str, str]:
        """Of the object it is sent as."""
        return {"k8s.io/initial-events-end": "true"} if self.initial else {}

    def fields(self) -> Mapping[str, object]:
        """The metadata of that object, as JSON shows it."""
        annotations = self.annotations()
        return {"resourceVersion": self.resource_version} | ({"annotations": annotations} if annotations else {})


class Failure(Struct, frozen=True):
    """ERROR: the watch ends with this Status."""

    status: StatusError


Event = Change | Bookmark | Failure
