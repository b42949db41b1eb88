"""How many files and sockets this process may have open, shared out to those that would take any number (P02).

Whoever has its share waits or connects anew each time; so a probe always finds a socket, and the spool its files.
"""

from __future__ import annotations

import resource

import structlog
from msgspec import Struct

from autoscaler.api.connection import Limits
from autoscaler.engine.scraper import CONCURRENCY

log = structlog.get_logger(__name__)

RESERVED = 64
"""For all that is bounded by itself: the spool, watches and questions to the API server, Kafka, the log."""
ENOUGH = 8192
"""A cluster of 5,000 nodes keeps as many connections; of less than this the log says what it costs."""


class Shares(Struct, frozen=True):
    """Sockets at a time: scrapes under way, connections to kubelets that are kept, and clients of each kind."""

    scrapes: int
    kept: int
    clients: int
    proxied: int
    handshakes: int

    def limits(self) -> Limits:
        """Of the server."""
        return Limits(connections=self.clients, proxied=self.proxied, handshakes=self.handshakes)


def raised() -> int:
    """The limit of this process (RLIMIT_NOFILE), after asking for as much as a process may without being root."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if 0 <= hard < ENOUGH:
        log.warning("Few files may be open: kubelets beyond that are connected to anew at each scrape", limit=hard,
                    hint="raise the hard limit of open files (ulimit -Hn)")  # fmt: skip
    return hard


def shares(limit: int) -> Shares:
    """Of a limit (`resource.RLIM_INFINITY`: none): a third for kept connections, a sixth for each other share."""
    most = Limits()
    sixth = max(1, (limit - RESERVED) // 6) if limit >= 0 else most.connections << 10
    return Shares(
        scrapes=min(CONCURRENCY, sixth),
        kept=2 * sixth,
        clients=min(most.connections, sixth),
        proxied=min(most.proxied, sixth),
        handshakes=min(most.handshakes, sixth),
    )


def shares_now() -> Shares:
    """Of the limit as it is."""
    return shares(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
