"""One resource of the API server, kept in memory: list, then watch, and list again whenever the watch lost its place.

Lists are consistent reads (no resourceVersion, so that no lagging cache answers) in pages. A watch resumes where the
last one ended; only 410 or an ERROR event costs a new list, which also repairs whatever was missed. A refusal is a
state to show, not an end: it is tried again and heals by itself.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic

import structlog
from msgspec import Raw
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from autoscaler.clock import Clock
from autoscaler.errors import ForbiddenError, GoneError, KubeError, MalformedError, NotFoundError, UnreachableError
from autoscaler.kube import wire
from autoscaler.kube.answers import TOO_LARGE, error_for
from autoscaler.kube.cache import Cache, Changed, Key, T, older
from autoscaler.kube.client import KubeClient
from autoscaler.kube.questions import MAX_BODY, OversizeError
from autoscaler.telemetry import KubeTelemetry

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Resource(Generic[T]):
    """What to watch: `read` makes the object of its JSON or raises MalformedError.

    `remedy` and `permit` tell a person what helps against a 404 and a 403.
    """

    name: str
    path: str
    read: Callable[[Raw], T]
    params: tuple[tuple[str, str], ...] = ()
    remedy: str = "is the API server's address right?"
    permit: str = "grant our account get, list and watch on it"


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient to be, in seconds; a page larger than `page_bytes` is asked for again in halves.

    A watch that says nothing for `silence` is reopened from its place, whether it hangs or was idle: that costs one
    request, and a hanging one is found within a minute (docs/faults.md S02; a bookmark comes only every 60 s). One that
    lasted less than `short` is not reopened at once.
    """

    silence: float = 55.0
    list_within: float = 60.0
    jitter: float = 1.0
    backoff: float = 0.5
    longest_backoff: float = 30.0
    watch_seconds: tuple[float, float] = (300, 600)
    short: float = 1.0
    page_bytes: int = MAX_BODY


STEADY = Pace()


class State(StrEnum):
    """How the cache stands towards the API server."""

    STARTING = "starting"
    SYNCED = "synced"
    UNREACHABLE = "unreachable"
    FORBIDDEN = "forbidden"
    ABSENT = "absent"


PAGE = 500
BATCH = 50
"""Objects taken in one go: a few milliseconds, then others have their turn."""
BELIEVED_AFTER = 3
"""Lists with an older version than seen before: a lagging replica, or, when it insists, a restored etcd (S03, S12)."""


class Watch(Generic[T]):
    """Keeps a cache; `changed` is told every difference. `synced` once complete; `problem` says what is wrong now."""

    def __init__(
        self,
        client: KubeClient,
        resource: Resource[T],
        changed: Changed[T],
        *,
        clock: Clock,
        telemetry: KubeTelemetry,
        pace: Pace = STEADY,
    ) -> None:
        self.state = State.STARTING
        self.problem = ""
        self.synced = False
        self._client = client
        self._resource = resource
        self._cache = Cache(resource.name, resource.read, changed)
        self._clock = clock
        self._telemetry = telemetry
        self._pace = pace
        self._limit = PAGE
        self._regressions = 0
        self._first_list = asyncio.Event()

    @property
    def items(self) -> Mapping[Key, T]:
        """The objects as last heard of; empty until `synced`."""
        return self._cache.items

    @property
    def broken(self) -> Mapping[Key, str]:
        """Objects that could not be read, and why; they are not among the items."""
        return self._cache.broken

    def learn(self, key: Key, item: T) -> None:
        """Take what a write of our own was answered (`Cache.learn`)."""
        self._cache.learn(key, item)

    async def wait_synced(self) -> None:
        """Return once the first list is complete."""
        await self._first_list.wait()

    async def run(self) -> None:
        """Keep the cache current, for ever."""
        retrying = AsyncRetrying(
            sleep=self._clock.sleep,
            wait=self._wait,
            retry=retry_if_exception_type((KubeError, MalformedError)),
            before_sleep=self._failed,
        )
        while True:
            following: bool = await retrying(self._list)
            while following:
                following = await retrying(self._watch)
            await self._clock.sleep(_spread(0, self._pace.jitter))

    async def _list(self) -> bool:
        """Take over what there is, then True; a `continue` that expired starts it anew."""
        page = await self._page("")
        version = page.metadata.resource_version or ""
        believed = self._goes_back(version)
        seen: set[Key] = set()
        while True:
            for number, raw in enumerate(page.items or (), 1):
                seen.add(self._cache.listed(raw, even_older=believed))
                if number % BATCH == 0:
                    await asyncio.sleep(0)
            if not page.metadata.more:
                break
            page = await self._page(page.metadata.more)
        self._cache.complete(seen, version)
        self._telemetry.relists.labels(self._resource.name).inc()
        self.synced = True
        self._first_list.set()
        self._become(State.SYNCED)
        return True

    async def _page(self, more: str) -> wire.PageWire:
        params = [*self._resource.params, ("limit", str(self._limit))]
        if more:
            params.append(("continue", more))
        try:
            body = await self._client.get(
                self._resource.path, params, within=self._pace.list_within, limit=self._pace.page_bytes
            )
        except OversizeError:
            self._limit = max(1, self._limit // 2)
            raise
        return wire.page(body)

    def _goes_back(self, version: str) -> bool:
        """Whether the list is older than what is known and yet to be believed; UnreachableError when it is not."""
        if not older(version, self._cache.version):
            self._regressions = 0
            return False
        self._regressions += 1
        told = {"resource": self._resource.name, "version": version, "known": self._cache.version}
        if self._regressions < BELIEVED_AFTER:
            raise UnreachableError("the API server's answer is older than what it said before: {resource} "
                                   "{version} < {known}".format(**told))  # fmt: skip
        log.warning("Believed an older state", **told)
        self._regressions = 0
        return True

    async def _watch(self) -> bool:
        """Follow one watch to its end; whether the place is kept (True: watch on, False: list again)."""
        opened_at = self._clock.monotonic()
        opened = False
        try:
            async with self._client.lines(self._resource.path, self._params(), silence=self._pace.silence) as lines:
                opened = True
                self._become(State.SYNCED)
                async for line in lines:
                    self._event(line)
        except (GoneError, NotFoundError, MalformedError):
            return False
        except UnreachableError as exc:
            if TOO_LARGE in str(exc):
                return False
            if not opened:
                raise
        if self._clock.monotonic() - opened_at < self._pace.short:
            await self._clock.sleep(_spread(self._pace.short / 2, self._pace.short))
        return True

    def _params(self) -> list[tuple[str, str]]:
        return [
            *self._resource.params,
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", self._cache.version),
            ("timeoutSeconds", str(int(_spread(*self._pace.watch_seconds)))),
        ]

    def _event(self, line: bytes) -> None:
        event = wire.event(line)
        if event.type == "ERROR":
            status = wire.status(event.object)
            raise GoneError(str(error_for(status, status.code or 410, f"watch of {self._resource.name}")), status=410)
        self._cache.event(event.type, event.object)

    def _failed(self, call: RetryCallState) -> None:
        exc = _exception(call)
        if isinstance(exc, NotFoundError):
            self._cache.clear()
            self._become(State.ABSENT, f"{exc}; {self._resource.remedy}")
        elif isinstance(exc, ForbiddenError):
            self._become(State.FORBIDDEN, f"{exc}; {self._resource.permit}")
        else:
            self._become(State.UNREACHABLE, str(exc))

    def _become(self, state: State, problem: str = "") -> None:
        """One log line per change."""
        if state is not self.state:
            tell = log.info if state is State.SYNCED else log.warning
            tell(
                "Watch changed", resource=self._resource.name, state=str(state), **({"err": problem} if problem else {})
            )
        self.state, self.problem = state, problem

    def _wait(self, call: RetryCallState) -> float:
        """Exponential with jitter, and never less than the API server asked for (within reason)."""
        pace, exc = self._pace, _exception(call)
        asked = exc.retry_after if isinstance(exc, UnreachableError) and exc.retry_after else 0.0
        grown = wait_exponential_jitter(multiplier=pace.backoff, max=pace.longest_backoff, jitter=pace.backoff)(call)
        return max(grown, min(asked, 2 * pace.longest_backoff))


def _exception(call: RetryCallState) -> BaseException | None:
    return call.outcome.exception() if call.outcome is not None else None


def _spread(low: float, high: float) -> float:
    return random.uniform(low, high)  # noqa: S311 - spreads load over time, guards nothing
