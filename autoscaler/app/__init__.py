"""Composition root: every object is built here, once, and ended in order.

Ending (SIGTERM), in less than 5 s: no new evaluation is begun, those under way are finished, their statuses written;
then another replica may decide, --shutdown-delay-duration goes by while this one serves without being ready, and what
watches, scrapes and serves is cancelled (requests under way are answered) while the forwarder ends its round and makes
the last ones. What Kafka did not take waits in the spool.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog
from msgspec.structs import replace

from autoscaler import __version__
from autoscaler.api.coremetrics import CoreMetrics
from autoscaler.api.nodepage import NodePage
from autoscaler.api.server import ApiServer, ApiSettings
from autoscaler.app.descriptors import raised, shares_now
from autoscaler.app.eventloop import runner
from autoscaler.app.leadership import Leadership
from autoscaler.app.records import SpoolRecords
from autoscaler.app.scaling import Parts, Scaling, Witness
from autoscaler.app.serving import api_settings, shared_certificate
from autoscaler.app.troubles import told
from autoscaler.audit.delivery import Delivery
from autoscaler.audit.outbox import Outbox
from autoscaler.audit.room import OnFull
from autoscaler.audit.spool import Spool
from autoscaler.clock import Clock, SystemClock, ticks
from autoscaler.config.settings import Settings
from autoscaler.control.elector import Alone
from autoscaler.core.compiled import COMPILED
from autoscaler.engine.freshness import Freshness
from autoscaler.engine.readings import StoredReadings
from autoscaler.engine.rings import Rings
from autoscaler.engine.scraper import Scraper
from autoscaler.engine.storages import Storage, Storages
from autoscaler.engine.store import MemoryStorage
from autoscaler.engine.survey import Survey
from autoscaler.engine.suspicions import Suspicions
from autoscaler.engine.warmup import Warmup
from autoscaler.garbage import Collector, set_aside
from autoscaler.kube.authconfig import AuthenticationConfig
from autoscaler.kube.client import KubeClient
from autoscaler.kube.cluster import Cluster
from autoscaler.kube.connection import connect
from autoscaler.kube.kubelet import KubeletClient
from autoscaler.kube.policies import PolicyCache
from autoscaler.kube.registration import Registrations
from autoscaler.kube.reviews import Reviews
from autoscaler.kube.serverclock import ServerClock
from autoscaler.kubelets import kubelet_client, pace
from autoscaler.model.metrics import Source
from autoscaler.telemetry import Health, Heartbeat, Telemetry, Verdict

if TYPE_CHECKING:
    from autoscaler.app.kafka import Decisions

log = structlog.get_logger(__name__)

LAST_EVALUATIONS_SECONDS = 1.0
GATE_LOOK_SECONDS = 0.25


def run(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; 0 after a clean end. Raises ConfigError before anything is written."""
    raised()
    try:
        application = Application(settings, warmed=set_aside, beaten=Collector(SystemClock()).beat)
        runner()(_until_signalled(application))
    except BaseExceptionGroup as group:
        # not `except*`: beside an error that is not ours, what is raised in one comes in a group again
        if (error := told(group)) is None:
            raise
        raise error from None
    return 0


async def _until_signalled(application: Application) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await application.run(stop)


class Stream(Protocol):
    """Records on their way to Kafka: `run`, then `finish` beside it, within some seconds; then `run` is cancelled."""

    async def run(self) -> None: ...
    async def finish(self) -> None: ...


async def _finished(stream: Stream, running: asyncio.Task[None]) -> None:
    await stream.finish()
    running.cancel()


class Application:
    """One controller process. `cluster`, `storage`, `policies` and `server` are there to be read once `run` began."""

    cluster: Cluster
    storage: MemoryStorage
    policies: PolicyCache
    server: ApiServer
    warmup: Warmup
    _scaling: Scaling

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        witness: Witness = lambda _decision: None,
        warmed: Callable[[], None] = lambda: None,
        beaten: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._clock: Clock = clock or SystemClock()
        self._leadership: Leadership | None = None
        self._witness, self._warmed, self._beaten, self._shares = witness, warmed, beaten, shares_now()
        self.telemetry, self.health, self._stays = Telemetry(settings.kubelet.resolution), Health(), True

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set. Raises ConfigError, alone or in a group, when something cannot begin."""
        audit, telemetry = self._settings.audit, self.telemetry
        forwarding = bool(audit.kafka.bootstrap_servers)
        async with AsyncExitStack() as stack:
            connections = await connect(self._settings.kubeconfig, self._clock)
            folder, size, full, beat = Path(audit.spool_dir), audit.spool_max_bytes, OnFull(audit.full), audit.heartbeat
            spool = Spool(folder, now=self._clock.now(), forwarding=forwarding, max_bytes=size, on_full=full)
            outbox = await stack.enter_async_context(Outbox(spool, self._clock, telemetry.audit, heartbeat=beat))
            client = await stack.enter_async_context(KubeClient(connections, telemetry.kube))
            kubelet, kept = self._settings.kubelet, self._shares.kept
            kubelets = await kubelet_client(kubelet, connections, client, self._clock, kept=kept)
            stack.push_async_callback(kubelets.close)
            decisions = self._decisions(outbox) if forwarding else None
            streams: dict[str, Stream] = {"forwarder": decisions} if decisions else {}
            further: list[Storage] = []
            if self._settings.usage.topic:
                from autoscaler.app.usage import usage_stream  # noqa: PLC0415 - as in `_decisions`

                usage = usage_stream(self._settings, self._clock, telemetry.usage)
                streams["usage"] = stream = await stack.enter_async_context(usage)
                further.append(stream.store)
            parts = self._built(client, kubelets, outbox, Delivery(outbox, decisions, self._clock), further)
            log.info("Started", version=__version__, compiled=COMPILED, kafka=forwarding, spool=audit.spool_dir)
            await self._live(parts, streams, stop)
        log.info("Stopped")

    def _decisions(self, outbox: Outbox) -> Decisions:
        """Their way to Kafka."""
        from autoscaler.app.kafka import Decisions  # noqa: PLC0415 - without Kafka its client is 5 MiB for nothing

        return Decisions(self._settings.audit, outbox, self._clock, self.telemetry)

    async def _live(self, parts: Parts, streams: Mapping[str, Stream], stop: asyncio.Event) -> None:
        """Run every part until told to stop, then end them in order."""
        async with asyncio.TaskGroup() as group:
            running = parts | {name: stream.run for name, stream in streams.items()}
            tasks = {name: group.create_task(part(), name=name) for name, part in running.items()}
            await stop.wait()
            leaves_at = self._clock.monotonic() + self._settings.serving.shutdown_delay
            self._stays = False
            self._scaling.stop()
            deciding = {tasks[name] for name in ("sweep", "observing") if name in tasks}
            await asyncio.wait(deciding, timeout=LAST_EVALUATIONS_SECONDS)
            for task in deciding:
                task.cancel()
            await asyncio.wait(deciding)
            await self._scaling.finish()
            tasks["gate"].cancel()
            if self._leadership is not None:
                group.create_task(self._leadership.resign(), name="resign")
            await self._clock.sleep(max(0.0, leaves_at - self._clock.monotonic()))
            for name in parts:
                tasks[name].cancel()
            for name, stream in streams.items():
                group.create_task(_finished(stream, tasks[name]), name=f"finish {name}")

    def _built(
        self,
        client: KubeClient,
        kubelets: KubeletClient,
        outbox: Outbox,
        delivery: Delivery,
        further: Sequence[Storage],
    ) -> Parts:
        """Every part but the streams; pages go to the `further` storages too."""
        settings, clock, telemetry = self._settings, self._clock, self.telemetry
        freshness = Freshness()
        selector = settings.kubelet.node_selector
        self.cluster = Cluster(client, clock=clock, telemetry=telemetry.kube, node_selector=selector)
        trust = AuthenticationConfig(client, clock=clock, telemetry=telemetry.kube)
        self.storage = MemoryStorage(
            resolution=settings.kubelet.resolution, clock=clock, telemetry=telemetry.engine, freshness=freshness
        )
        rings = Rings(self.storage, resolution=settings.kubelet.resolution, clock=clock)
        self.warmup = Warmup(self.cluster, self.storage, clock, self._warmed)
        heart = Heartbeat(clock, telemetry.process, self._beaten)
        if settings.lease.elect:
            self._leadership = Leadership(
                settings.lease,
                settings.kubeconfig,
                clock=clock,
                alive=lambda: heart.verdict().ok,
                telemetry=telemetry,
            )
        gate = self._leadership or Alone(telemetry.control)
        scaling = Scaling(
            client,
            settings=settings.control,
            cluster=self.cluster,
            usage=rings,
            outbox=outbox,
            delivery=delivery,
            witness=self._witness,
            gate=gate,
            clock=clock,
            telemetry=telemetry,
        )
        scraper = Scraper(
            kubelets=kubelets,
            inventory=self.cluster,
            storage=Storages(self.storage, rings, *further),
            usages=self.storage,
            clock=clock,
            telemetry=telemetry.engine,
            interest=scaling,
            pace=pace(settings.kubelet, clock),
            source=Source(settings.kubelet.source),
            concurrency=self._shares.scrapes,
        )
        self.health.add_ready(lambda: Verdict("inventory-synced", self.cluster.synced, self.cluster.problem))
        self.health.add_ready(lambda: Verdict("metric-storage-ready", self.warmup.warm(), self.warmup.waiting_for))
        self.health.add_ready(lambda: Verdict("shutdown", self._stays, "it ends: ask another replica"))
        self.health.add_live(heart.verdict)
        self.health.add_live(lambda: scraper.verdict(2 * settings.kubelet.request_timeout))
        shared = shared_certificate(settings.serving, client, gate=gate, health=self.health, clock=clock)
        serving = shared.settings if shared else api_settings(settings.serving)
        self.server = self._server(serving, Reviews(client, clock), trust, scraper, freshness)
        self.policies, self._scaling = scaling.policies, scaling
        freshness.subscribe(lambda commit: scaling.fresh(commit.fresh))
        return {
            **scaling.parts(),
            **({"serving-certificate": shared.issuing.run} if shared else {}),
            "cluster": self.cluster.run,
            "front-proxy-trust": trust.run,
            "server-clock": ServerClock(client, clock, telemetry.kube).run,
            "registration": Registrations(client, clock, telemetry.kube, scaling.events).run,
            "scraper": scraper.run,
            "server": self.server.run,
            "gate": self._tend_gate,
            "heartbeat": heart.run,
            "survey": Survey(self.cluster, self.storage, clock, telemetry.engine).run,
            "suspicions": Suspicions(self.cluster, self.storage, scraper, scaling.events, clock).run,
        }

    def _server(
        self,
        settings: ApiSettings,
        reviews: Reviews,
        trust: AuthenticationConfig,
        scraper: Scraper,
        freshness: Freshness,
    ) -> ApiServer:
        return ApiServer(
            replace(settings, limits=self._shares.limits()),
            usage=self.storage,
            feed=freshness,
            inventory=self.cluster,
            reviews=reviews,
            trust=trust,
            health=self.health,
            telemetry=self.telemetry,
            clock=self._clock,
            pages={
                "/metrics/core": CoreMetrics(StoredReadings(self.storage, self._clock)).answer,
                "/debug/nodes": NodePage(scraper, self.storage, self._clock).answer,
            },
            decisions=SpoolRecords(Path(self._settings.audit.spool_dir)),
        )

    async def _tend_gate(self) -> None:
        """Decide while there is something to decide from and, of several replicas, this one leads."""
        if self._leadership is not None:
            self._leadership.start()
        async for _ in ticks(self._clock, GATE_LOOK_SECONDS):
            leads = self._leadership is None or self._leadership.epoch is not None
            warm = self.warmup.warm()  # also who follows comes to know it, and need not wait when it is to lead
            if leads and warm:
                self._scaling.open_gate()
            elif not leads:
                self._scaling.close_gate()
