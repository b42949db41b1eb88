"""Where a node's kubelet may be dialled, in which order, and which addresses never are.

A node writes its own addresses, so they are hints of a stranger: loopback, link-local, multicast and unspecified
addresses, and places the caller forbids, are not dialled, whether they stand in the Node or a name resolves to them.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.model.metrics import Source
from autoscaler.model.objects import Node, NodeAddress

PATH_ANNOTATION = "metrics.k8s.io/resource-metrics-path"
PATHS = {Source.RESOURCE: "/metrics/resource", Source.SUMMARY: "/stats/summary?only_cpu_and_memory=true"}

MOST_ADDRESSES = 8
"""Of one node; whoever edits a node must not have us dial for ever."""
RESOLVE_SECONDS = 2.0

_DNS_NAME = re.compile(
    r"(?=.{1,253}$)(?=.*[A-Za-z])[A-Za-z0-9](?:[-A-Za-z0-9]*[A-Za-z0-9])?(?:\.[A-Za-z0-9][-A-Za-z0-9]*)*"
)
_PATH = re.compile(r"/[-A-Za-z0-9._~/]*")
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One way to a kubelet: `host` as it stands in a URL; verified by `server_name`, by `host` when that is ""."""

    host: str
    port: int
    server_name: str = ""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class AddressRules:
    """Which addresses and port of a node are taken.

    `types` in order of preference. `status_port`: the Node's own port goes before `port`. `annotation_path`: the path
    in the Node's annotation is honoured. `loopback` allows 127.0.0.0/8 and ::1, for simulated kubelets. `node_name`:
    a certificate for the node's name will do where it does not name the address. `forbidden` are pairs of IP address
    and port never to be dialled, such as the API server's.
    """

    types: tuple[str, ...] = ("InternalIP", "ExternalIP", "Hostname")
    port: int = 10250
    status_port: bool = False
    annotation_path: bool = False
    loopback: bool = False
    node_name: bool = False
    forbidden: frozenset[tuple[str, int]] = frozenset()

    def endpoints(self, node: Node) -> tuple[Endpoint, ...]:
        """Every acceptable way to `node`, in order of preference; ScrapeError when there is none."""
        port = self._port(node)
        if not 0 < port < 65536:
            raise ScrapeError(node.name, ScrapeReason.NO_ADDRESS, f"port {port} of its status is none")
        found, refused = [], []
        for entry in self._wanted(node):
            host, why, reason = self._checked(entry.address, port)
            if why:
                refused.append((why, reason))
                continue
            found.append(Endpoint(host, port))
            if self.node_name and _DNS_NAME.fullmatch(node.name):
                found.append(Endpoint(host, port, node.name))
        if not found:
            detail = "; ".join(why for why, _ in refused) or f"it has no address of type {', '.join(self.types)}"
            reasons = {reason for _, reason in refused}
            denied = ScrapeReason.ADDRESS_DENIED in reasons
            raise ScrapeError(
                node.name, ScrapeReason.ADDRESS_DENIED if denied else ScrapeReason.NO_ADDRESS, detail[:300]
            )
        return tuple(dict.fromkeys(found))

    def denied(self, node: Node) -> list[ScrapeError]:
        """Why not, of each of the node's wanted addresses that is not dialled."""
        port = self._port(node)
        found = []
        for entry in self._wanted(node):
            host, why, reason = self._checked(entry.address, port)
            if why:
                address = str(Endpoint(host, port)) if host else entry.address[:100]
                found.append(ScrapeError(node.name, reason, why, address=address))
        return found

    def path(self, node: Node, source: Source) -> str:
        """What to ask for; ScrapeError when the node's annotation, if it counts, is no path."""
        wanted = node.annotations.get(PATH_ANNOTATION, "") if self.annotation_path else ""
        if not wanted or source is not Source.RESOURCE:
            return PATHS[source]
        if not _PATH.fullmatch(wanted):
            raise ScrapeError(
                node.name, ScrapeReason.ADDRESS_DENIED, f"its annotation {PATH_ANNOTATION} is no plain path"
            )
        return wanted

    def denial(self, address: str, port: int) -> str:
        """Why an IP address is not dialled at this port, "" when it may be."""
        ip = ipaddress.ip_address(address)
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        if (str(ip), port) in self.forbidden:
            return f"{ip}:{port} is the API server, no kubelet"
        if ip.is_loopback:
            return "" if self.loopback else f"{ip} is a loopback address (--kubelet-allow-loopback allows them)"
        return _special(ip)

    def _port(self, node: Node) -> int:
        return node.kubelet_port if self.status_port and node.kubelet_port else self.port

    def _wanted(self, node: Node) -> list[NodeAddress]:
        """The node's first addresses of the wanted types, in order of preference."""
        return [entry for kind in self.types for entry in node.addresses if entry.type == kind][:MOST_ADDRESSES]

    def _checked(self, address: str, port: int) -> tuple[str, str, ScrapeReason]:
        """The address in URL form and "", or why not and what that is called."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            if _DNS_NAME.fullmatch(address):
                return address, "", ScrapeReason.DNS
            return "", f"{address[:100]!r} is neither an IP address nor a DNS name", ScrapeReason.NO_ADDRESS
        why = self.denial(address, port)
        return f"[{ip}]" if ip.version == 6 else str(ip), why, ScrapeReason.ADDRESS_DENIED


class DeniedError(OSError):
    """A name resolves to nothing but addresses that must not be dialled."""


class GuardedResolver(AbstractResolver):
    """Resolves names by the system's rules and hands out only what may be dialled; the caller dials just that."""

    def __init__(self, rules: AddressRules, system: AbstractResolver | None = None) -> None:
        self._rules = rules
        self._system = system or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The acceptable addresses of `host`; OSError when there are none in time, DeniedError when all are denied."""
        try:
            async with asyncio.timeout(RESOLVE_SECONDS):
                found = await self._system.resolve(host, port, family)
        except TimeoutError as exc:
            raise OSError(f"{host}: no answer from DNS within {RESOLVE_SECONDS:g} s") from exc
        good = [each for each in found if not self._rules.denial(each["host"], port)]
        if not good:
            denials = {self._rules.denial(each["host"], port) for each in found}
            raise DeniedError(f"{host}: {'; '.join(sorted(denials))}")
        return good

    async def close(self) -> None:
        """Nothing to let go of."""
        await self._system.close()


def _special(ip: IPv4Address | IPv6Address) -> str:
    """What kind of address it is when no kubelet can be there."""
    kinds = {
        "a link-local": ip.is_link_local,
        "a multicast": ip.is_multicast,
        "the unspecified": ip.is_unspecified,
        "a reserved": ip.version == 4 and (ip.is_reserved or ip in _THIS_NETWORK),
    }
    return next((f"{ip} is {kind} address" for kind, holds in kinds.items() if holds), "")
