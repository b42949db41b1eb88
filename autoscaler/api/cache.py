"""Answers of the API server's reviews, kept for some seconds; who asks the same meanwhile waits for the one call.

An error is shared by those who waited for that call and then forgotten: the next one asks again.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import msgspec

from autoscaler.clock import Clock

T = TypeVar("T")

MAX_ENTRIES = 4096
"""About 1 MB; beyond it the oldest answer goes."""


class ReviewCache(Generic[T]):
    """`seconds` is how long an answer holds, yes and no alike (upstream: 10 s)."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._kept: dict[bytes, tuple[float, T]] = {}
        self._pending: dict[bytes, asyncio.Future[T | None]] = {}
        self._salt = secrets.token_bytes(32)

    def key(self, *parts: object) -> bytes:
        """Stands for the question; a keyed hash, so that no token is found in our memory by its cache entry."""
        return hashlib.blake2b(msgspec.msgpack.encode(parts), key=self._salt, digest_size=32).digest()

    def kept(self, key: bytes) -> tuple[T] | None:
        """The answer alone in a tuple, None when there is none that holds."""
        found = self._kept.get(key)
        return (found[1],) if found is not None and found[0] > self._clock.monotonic() else None

    async def get(self, key: bytes, ask: Callable[[], Awaitable[T]]) -> T:
        """The kept answer, the one being fetched, or that of `ask`, whose errors come through."""
        while True:
            kept = self.kept(key)
            if kept is not None:
                return kept[0]
            pending = self._pending.get(key)
            if pending is None:
                return await self._lead(key, ask)
            await asyncio.wait((pending,))  # not awaited itself: our cancellation must not reach the others
            if not pending.cancelled():
                pending.result()  # raises what the leader met; a good answer is in the cache now

    async def _lead(self, key: bytes, ask: Callable[[], Awaitable[T]]) -> T:
        done: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()
        self._pending[key] = done
        try:
            answer = await ask()
        except Exception as exc:
            done.set_exception(exc)
            done.exception()  # seen: with nobody waiting asyncio would complain
            raise
        else:
            self._keep(key, answer)
            done.set_result(answer)
            return answer
        finally:
            del self._pending[key]
            done.cancel()  # only has an effect when we were cancelled: one of those who wait takes over

    def _keep(self, key: bytes, answer: T) -> None:
        self._kept.pop(key, None)
        while len(self._kept) >= MAX_ENTRIES:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = (self._clock.monotonic() + self._seconds, answer)
