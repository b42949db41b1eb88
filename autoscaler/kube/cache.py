"""Objects of one resource by name, moving forward only: what a list or a watch says older than what is held is ignored.

Versions are compared as whole numbers, which Kubernetes promises for one resource (KEP-5504); other texts only for
equality. Said twice, said late, said in the wrong order: the result is the same (docs/faults.md S03, S04, S25).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

import structlog
from msgspec import Raw

from autoscaler.errors import MalformedError
from autoscaler.kube import wire

log = structlog.get_logger(__name__)

Key = tuple[str, str]
"""Namespace ("" for what lives in none) and name."""


class Versioned(Protocol):
    """What a cached object must tell about itself."""

    @property
    def uid(self) -> str: ...
    @property
    def resource_version(self) -> str: ...


T = TypeVar("T", bound=Versioned)

Changed = Callable[[T | None, T | None], None]
"""Told every difference as (old, new): old None = added, new None = gone."""


class Cache(Generic[T]):
    """What is known. `read` makes an object of its JSON; one that it refuses is listed in `broken` instead."""

    def __init__(self, name: str, read: Callable[[Raw], T], changed: Changed[T]) -> None:
        self._name = name
        self._read = read
        self._changed = changed
        self._items: dict[Key, T] = {}
        self._broken: dict[Key, str] = {}
        self.version = ""
        """The resourceVersion up to which everything is known: where a watch goes on."""

    @property
    def items(self) -> Mapping[Key, T]:
        """The objects as last heard of."""
        return self._items

    @property
    def broken(self) -> Mapping[Key, str]:
        """Objects that could not be read, and why."""
        return self._broken

    def listed(self, raw: Raw, *, even_older: bool = False) -> Key:
        """Take an item of a list; `even_older` believes it whatever its version."""
        meta = wire.named(raw).metadata
        key = _key(meta)
        if not self._has(key, meta):
            self._take(key, raw, even_older=even_older)
        return key

    def complete(self, seen: set[Key], version: str) -> None:
        """End a list: what was not in it is gone, and a watch goes on from its version."""
        for key in self._items.keys() - seen:
            self._drop(key)
        for key in self._broken.keys() - seen:
            del self._broken[key]
        self.version = version

    def event(self, kind: str, raw: Raw) -> None:
        """Take ADDED, MODIFIED, DELETED or BOOKMARK; other kinds only move the version."""
        meta = wire.named(raw).metadata
        key, version = _key(meta), meta.resource_version or ""
        if kind in ("ADDED", "MODIFIED"):
            if version == self.version or older(version, self.version):
                return  # said again after a reconnect; it must not raise the dead
            if not self._has(key, meta):
                self._take(key, raw, even_older=False)
        elif kind == "DELETED":
            held = self._items.get(key)
            if held is not None and not older(version, held.resource_version):
                self._drop(key)
            self._broken.pop(key, None)
        if version and not older(version, self.version):
            self.version = version

    def learn(self, key: Key, item: T) -> None:
        """Take what a write of our own was answered; the watch will say the same, later. What is gone stays gone."""
        held = self._items.get(key)
        if held is not None and held.uid == item.uid and older(held.resource_version, item.resource_version):
            self._items[key] = item
            self._changed(held, item)

    def clear(self) -> None:
        """The resource itself is gone, and all its objects with it."""
        self.complete(set(), "")

    def _has(self, key: Key, meta: wire.MetaWire) -> bool:
        """Whether it is known in this version, so that it need not be read."""
        held = self._items.get(key)
        return (
            held is not None
            and held.resource_version == (meta.resource_version or "")
            and (held.uid == (meta.uid or ""))
        )

    def _take(self, key: Key, raw: Raw, *, even_older: bool) -> None:
        try:
            made = self._read(raw)
        except MalformedError as exc:
            if self._broken.get(key) != str(exc):
                log.warning("Skipped an object", resource=self._name, object="/".join(key), err=str(exc))
            self._broken[key] = str(exc)
            self._drop(key)
            return
        self._broken.pop(key, None)
        old = self._items.get(key)
        if old is not None and not even_older and older(made.resource_version, old.resource_version):
            return
        self._items[key] = made
        self._changed(old, made)

    def _drop(self, key: Key) -> None:
        old = self._items.pop(key, None)
        if old is not None:
            self._changed(old, None)


def _key(meta: wire.MetaWire) -> Key:
    """What names it, of texts that are there once however often the object is read (decode.py)."""
    return sys.intern(meta.namespace or ""), sys.intern(meta.name)


def older(version: str, than: str) -> bool:
    """Whether it was before, as far as the two can be compared."""
    return version.isdecimal() and than.isdecimal() and int(version) < int(than)
