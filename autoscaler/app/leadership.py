"""Leader election apart from the work: a thread with an event loop and a connection of its own.

A work loop that is late or stands still then neither delays a renewal nor goes on being renewed: the elector asks the
work loop's heartbeat before each one.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import uuid
from collections.abc import Callable

import structlog

from autoscaler.clock import Clock
from autoscaler.config.settings import LeaseSettings
from autoscaler.control.elector import Elector, Timings
from autoscaler.kube.client import KubeClient
from autoscaler.kube.connection import connect
from autoscaler.kube.lease import LeaseClient
from autoscaler.telemetry import Telemetry
from autoscaler.telemetry.sink import last_words

log = structlog.get_logger(__name__)

EXIT_CODE = 1
RELEASE_SECONDS = 2.5
"""What the end of the process waits for the Lease to be released."""


def end_process(why: str) -> None:
    """Now, from any thread: nothing is finished, and only a log that is read gets its last line."""
    log.critical("Ended at once", why=why)
    last_words()
    os._exit(EXIT_CODE)


class Leadership:
    """`run` until cancelled; `resign` before what decides has ended is too early.

    `alive`: whether the work loop turns. The thread is a daemon: it never keeps a process that wants to end.
    """

    def __init__(
        self,
        settings: LeaseSettings,
        kubeconfig: str,
        *,
        clock: Clock,
        alive: Callable[[], bool],
        telemetry: Telemetry,
        end: Callable[[str], None] = end_process,
    ) -> None:
        self._settings = settings
        self._kubeconfig = kubeconfig
        self._clock = clock
        self._alive = alive
        self._telemetry = telemetry
        self._end = end
        self._elector: Elector | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._done = threading.Event()

    @property
    def epoch(self) -> int | None:
        """The number of this leadership; None: we do not lead."""
        return None if self._elector is None else self._elector.epoch

    def refusal(self) -> str:
        """Why no write may begin now, "" when one may."""
        return "this process does not lead yet" if self._elector is None else self._elector.refusal()

    def start(self) -> None:
        """Stand for election from now on."""
        threading.Thread(target=self._thread, name="leader election", daemon=True).start()

    async def resign(self) -> None:
        """Let another lead; returns when the Lease says so, or after `RELEASE_SECONDS`."""
        if self._loop is not None and not self._done.is_set():
            self._loop.call_soon_threadsafe(self._stop.set)
            await asyncio.to_thread(self._done.wait, RELEASE_SECONDS)

    def _thread(self) -> None:
        try:
            asyncio.run(self._live())
        except Exception as exc:  # noqa: BLE001 - whatever it is, nobody renews any more
            self._end(f"leader election failed: {exc!r}")
        finally:
            self._done.set()

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        connections = await connect(self._kubeconfig, self._clock)
        async with KubeClient(connections, self._telemetry.kube) as client:
            settings = self._settings
            self._elector = elector = Elector(
                LeaseClient(client, settings.namespace, settings.name),
                identity=f"{socket.gethostname()}_{uuid.uuid4()}",
                timings=Timings(
                    lease_duration=settings.lease_duration,
                    renew_deadline=settings.renew_deadline,
                    retry_period=settings.retry_period,
                ),
                clock=self._clock,
                alive=self._alive,
                end=self._end,
                telemetry=self._telemetry.control,
            )
            async with asyncio.TaskGroup() as group:
                standing = group.create_task(elector.run(), name="elector")
                await self._stop.wait()
                standing.cancel()
            await elector.release()
