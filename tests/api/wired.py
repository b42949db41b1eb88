"""A connection of the Metrics API without a socket: what is put in comes out in the same turn of the loop, or later."""

from __future__ import annotations

import asyncio
import re
import ssl
from types import SimpleNamespace
from typing import Any

from autoscaler.api.access import Access
from autoscaler.api.connection import Connection, Limits, Listener
from autoscaler.api.discovery import Discovery
from autoscaler.api.handler import Handler
from autoscaler.api.ledger import Ledger
from autoscaler.api.probes import Probes
from autoscaler.api.resources import Resources
from autoscaler.api.routes import Routes
from autoscaler.api.tls import TrustedContext
from autoscaler.telemetry.health import Health
from autoscaler.telemetry.series import Telemetry
from autoscaler.turnstile import Turnstile
from tests.api.cluster import NOW, Cluster, golden_cluster
from tests.api.world import PROXY, Reviews, Trust
from tests.clock import FakeClock, settle

_DATE = re.compile(rb"Date: [^\r]*\r\n")


class Wire(asyncio.Transport):
    """Takes what is written."""

    def __init__(self, context: TrustedContext, certificate: bytes | None) -> None:
        super().__init__()
        tls = SimpleNamespace(
            getpeercert=lambda *, binary_form: certificate, session_reused=False, context=context
        )  # fmt: skip
        self._extra = {"peername": ("127.0.0.1", 1), "ssl_object": tls}
        self.sent = b""
        self.closed = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._extra.get(name, default)

    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    def writelines(self, pieces: Any) -> None:
        self.sent += b"".join(pieces)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading


class Wired:
    """One connection of the front proxy, or of a stranger; `at_once` False has everything answered in the usual way."""

    def __init__(
        self,
        *,
        cluster: Cluster | None = None,
        proxied: bool = True,
        limits: Limits | None = None,
        reviews: Reviews | None = None,
        at_once: bool = True,
    ) -> None:
        self.cluster, self.reviews, self.trust = cluster or golden_cluster(), reviews or Reviews(), Trust()
        self.clock, self.telemetry = FakeClock(NOW), Telemetry()
        ledger, turns = Ledger(self.cluster, self.cluster, self.cluster, self.clock), Turnstile(2)
        resources = Resources(self.cluster, self.cluster, ledger, self.clock, self.telemetry.api, turns=turns)
        self.ca_pem = self.trust.value.ca_pem if self.trust.value else ""
        handler = Handler(
            access=Access(self.reviews, self.trust, self.clock),
            routes=Routes(resources, Discovery(443), Probes(Health()), self.telemetry.registry),
            limits=limits or Limits(),
            trusted_ca=lambda: self.ca_pem,
            clock=self.clock,
            telemetry=self.telemetry.api,
            turns=turns,
        )
        self.listener = Listener(handler, limits or Limits(), handler.at_once if at_once else lambda *_: None)
        self.connection: Connection = self.listener()
        context = TrustedContext(ssl.PROTOCOL_TLS_SERVER)
        context.ca_pem = self.ca_pem
        self.wire = Wire(context, ssl.PEM_cert_to_DER_cert(PROXY.certificate.decode()) if proxied else None)

    async def begun(self) -> Wired:
        """Connected, and waiting for requests."""
        self.connection.connection_made(self.wire)
        await settle()
        return self

    def put(self, data: bytes) -> bytes:
        """What comes back for these bytes in the same turn of the loop."""
        already = len(self.wire.sent)
        self.connection.data_received(data)
        return self.wire.sent[already:]

    async def later(self) -> bytes:
        """What comes after that."""
        already = len(self.wire.sent)
        await settle()
        return self.wire.sent[already:]

    async def answered(self, data: bytes) -> bytes:
        """What comes back for these bytes, whenever; without its date, which aiohttp takes from the machine."""
        return _DATE.sub(b"", self.put(data) + await self.later())


def request(target: str, *lines: str) -> bytes:
    """A GET by who may do everything; an audit ID that the answer shows."""
    head = ["Host: x", "Audit-Id: aa-11", "X-Remote-User: system:kube-aggregator", "X-Remote-Group: system:masters"]
    return "\r\n".join((f"GET {target} HTTP/1.1", *head, *lines, "\r\n")).encode()
