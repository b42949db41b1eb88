"""The HTTPS server of the Metrics API."""

from __future__ import annotations

import asyncio
import socket
from types import MappingProxyType

import structlog
from msgspec import Struct

from autoscaler.api.access import Access, Reviews
from autoscaler.api.certificate import ServingCertificate, given, self_signed
from autoscaler.api.connection import Limits, Listener
from autoscaler.api.decisions import Decisions
from autoscaler.api.discovery import Discovery
from autoscaler.api.door import Door
from autoscaler.api.frontproxy import TrustSource
from autoscaler.api.handler import Handler
from autoscaler.api.ledger import Feed, Inventory, Ledger, UsageReader
from autoscaler.api.probes import Probes
from autoscaler.api.resources import Resources
from autoscaler.api.routes import Pages, Routes
from autoscaler.api.tls import OLDEST, ServingContexts
from autoscaler.api.trustwatch import TrustWatch
from autoscaler.clock import Clock, ticks
from autoscaler.errors import ConfigError
from autoscaler.telemetry import Health, Telemetry, Verdict
from autoscaler.turnstile import Turnstile

_log = structlog.get_logger(__name__)

RENEW_SECONDS = 1.0
"""How often changed trust and changed certificate files are looked for."""

SLICES_AT_ONCE = 2
"""Of all lists and watches together, in a turn of the event loop: 1 to 6 ms."""

STOP_SECONDS = 1.3
"""What requests in progress get at the end, twice: to finish, and to be cancelled."""


class ApiSettings(Struct, frozen=True, kw_only=True):
    """Where to listen and with which certificate; without files one is made for `names`, kept in `cert_dir`."""

    bind_address: str = "0.0.0.0"  # noqa: S104 - metrics-server's default, and what a Service needs
    port: int = 10250
    tls_cert_file: str = ""
    tls_private_key_file: str = ""
    tls_min_version: str = OLDEST
    cert_dir: str = ""
    names: tuple[str, ...] = ("localhost", "127.0.0.1")
    limits: Limits = Limits()


class ApiServer:
    """Serves until `run` is cancelled. `certificate` is known at once, `port` when `started` is set."""

    def __init__(
        self,
        settings: ApiSettings,
        *,
        usage: UsageReader,
        feed: Feed,
        inventory: Inventory,
        reviews: Reviews,
        trust: TrustSource,
        health: Health,
        telemetry: Telemetry,
        clock: Clock,
        pages: Pages = MappingProxyType({}),
        decisions: Decisions | None = None,
    ) -> None:
        self._pages, self._decisions = pages, decisions
        self._settings = settings
        self._clock = clock
        self.certificate = _certificate(settings, clock.now())
        self._contexts = ServingContexts(self.certificate, trust, settings.tls_min_version)
        self._access = Access(reviews, trust, clock)
        self._ledger = Ledger(usage, feed, inventory, clock)
        self._turns = Turnstile(SLICES_AT_ONCE)
        self._resources = Resources(usage, inventory, self._ledger, clock, telemetry.api, turns=self._turns)
        self._probes = Probes(health)
        self._telemetry = telemetry
        health.add_ready(self._trusts)
        self.port = settings.port
        self.started = asyncio.Event()

    async def run(self) -> None:
        """Listen and serve; requests in progress are finished at the end. Raises ConfigError: no such address."""
        limits = self._settings.limits
        with _listening(self._settings) as listening:
            self.port = listening.getsockname()[1]
            routes = Routes(
                self._resources,
                Discovery(self.port),
                self._probes,
                self._telemetry.registry,
                self._pages,
                decisions=self._decisions,
            )
            handler = Handler(
                access=self._access,
                routes=routes,
                limits=limits,
                trusted_ca=self._contexts.trusted_ca,
                clock=self._clock,
                telemetry=self._telemetry.api,
                turns=self._turns,
            )
            listener = Listener(handler, limits, handler.at_once)
            door = Door(
                listener,
                self._contexts.entry,
                handshake=limits.handshake,
                shutdown=STOP_SECONDS,
                most=limits.handshakes,
            )
            listening.listen(limits.connections)
            async with asyncio.TaskGroup() as tasks:
                accepting = tasks.create_task(door.run(listening), name="door")
                freeing = tasks.create_task(self._free(), name="leavings of lists")
                self.started.set()
                _log.info("Serving the Metrics API", address=self._settings.bind_address, port=self.port)
                try:
                    await self._tend(listener)
                finally:
                    freeing.cancel()
                    accepting.cancel()
                    await asyncio.wait((accepting, freeing))
                    listening.close()
                    self._ledger.close()
                    listener.pre_shutdown()
                    await listener.shutdown(STOP_SECONDS)

    async def _tend(self, listener: Listener) -> None:
        """Whatever is to be done every second."""
        watch = TrustWatch(self._contexts, self._clock, self._telemetry.api)
        async for _ in ticks(self._clock, RENEW_SECONDS):
            watch.look()
            listener.sweep(self._contexts.trusted_ca())
            await self._ledger.settle()
            self._resources.tick()

    async def _free(self) -> None:
        async for _ in ticks(self._clock, RENEW_SECONDS):
            await self._resources.let_go()

    def _trusts(self) -> Verdict:
        self._contexts.trusted_ca()
        return Verdict("front-proxy-trust", not self._contexts.trust_problem, self._contexts.trust_problem)


def _certificate(settings: ApiSettings, now: float) -> ServingCertificate:
    if settings.tls_cert_file or settings.tls_private_key_file:
        return given(settings.tls_cert_file, settings.tls_private_key_file)
    if not settings.cert_dir:
        raise ConfigError("--cert-dir is empty: name a folder for the serving certificate, or give --tls-cert-file")
    return self_signed(settings.cert_dir, settings.names, now)


def _listening(settings: ApiSettings) -> socket.socket:
    address = (settings.bind_address, settings.port)
    family = socket.AF_INET6 if ":" in settings.bind_address else socket.AF_INET
    try:
        return socket.create_server(address, family=family, dualstack_ipv6=settings.bind_address == "::")
    except OSError as exc:
        where = f"--bind-address {address[0]} --secure-port {address[1]}"
        raise ConfigError(f"{where}: {exc.strerror or exc}") from exc
