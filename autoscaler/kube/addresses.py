"""Where a node's kubelet is dialled, and which addresses never are.

A node writes its own addresses, so they are hints of a stranger: loopback, link-local, multicast and unspecified
addresses, and those the caller forbids, are not dialled, whether they stand in the Node or a name resolves to them.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from autoscaler.errors import ScrapeError, ScrapeReason
from autoscaler.model.metrics import Source
from autoscaler.model.objects import Node

PATH_ANNOTATION = "metrics.k8s.io/resource-metrics-path"
PATHS = {Source.RESOURCE: "/metrics/resource", Source.SUMMARY: "/stats/summary?only_cpu_and_memory=true"}

_DNS_NAME = re.compile(
    r"(?=.{1,253}$)(?=.*[A-Za-z])[A-Za-z0-9](?:[-A-Za-z0-9]*[A-Za-z0-9])?(?:\.[A-Za-z0-9][-A-Za-z0-9]*)*"
)
_PATH = re.compile(r"/[-A-Za-z0-9._~/]*")
_THIS_NETWORK = ipaddress.ip_network("0.0.0.0/8")


@dataclass(frozen=True, slots=True)
class AddressRules:
    """Which address and port of a node is taken.

    `types` in order of preference. `status_port`: the Node's own port goes before `port`. `annotation_path`: the path
    in the Node's annotation is honoured. `loopback` allows 127.0.0.0/8 and ::1, for simulated kubelets. `forbidden` are
    IP addresses never to be dialled, such as the API server's.
    """

    types: tuple[str, ...] = ("InternalIP", "ExternalIP", "Hostname")
    port: int = 10250
    status_port: bool = False
    annotation_path: bool = False
    loopback: bool = False
    forbidden: frozenset[str] = frozenset()

    def url(self, node: Node, source: Source) -> str:
        """What to ask of `node`; ScrapeError (address) when it has nothing usable."""
        port = node.kubelet_port if self.status_port and node.kubelet_port else self.port
        if not 0 < port < 65536:
            raise ScrapeError(node.name, ScrapeReason.ADDRESS, f"port {port} of its status is none")
        return f"https://{self._host(node)}:{port}{self._path(node, source)}"

    def denial(self, address: str) -> str:
        """Why an IP address is not dialled, "" when it may be."""
        ip = ipaddress.ip_address(address)
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        if str(ip) in self.forbidden:
            return f"{ip} is not a kubelet's"
        if ip.is_loopback:
            return "" if self.loopback else f"{ip} is a loopback address (--kubelet-allow-loopback allows them)"
        return _special(ip)

    def _host(self, node: Node) -> str:
        """The first acceptable address in order of preference, as it stands in a URL."""
        refused = []
        for kind in self.types:
            for entry in node.addresses:
                if entry.type == kind:
                    host, why = self._checked(entry.address)
                    if host:
                        return host
                    refused.append(why)
        detail = "; ".join(refused) or f"it has no address of type {', '.join(self.types)}"
        raise ScrapeError(node.name, ScrapeReason.ADDRESS, detail)

    def _checked(self, address: str) -> tuple[str, str]:
        """The address in URL form, or "" and why not."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            if _DNS_NAME.fullmatch(address):
                return address, ""
            return "", f"{address[:100]!r} is neither an IP address nor a DNS name"
        why = self.denial(address)
        return ("", why) if why else (f"[{ip}]" if ip.version == 6 else str(ip), "")

    def _path(self, node: Node, source: Source) -> str:
        wanted = node.annotations.get(PATH_ANNOTATION, "") if self.annotation_path else ""
        if not wanted or source is not Source.RESOURCE:
            return PATHS[source]
        if not _PATH.fullmatch(wanted):
            raise ScrapeError(node.name, ScrapeReason.ADDRESS, f"its annotation {PATH_ANNOTATION} is no plain path")
        return wanted


class GuardedResolver(AbstractResolver):
    """Resolves names by the system's rules and hands out only what may be dialled; the caller dials just that."""

    def __init__(self, rules: AddressRules) -> None:
        self._rules = rules
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The acceptable addresses of `host`; OSError when there are none."""
        found = await self._system.resolve(host, port, family)
        good = [each for each in found if not self._rules.denial(each["host"])]
        if not good:
            denials = {self._rules.denial(each["host"]) for each in found}
            raise OSError(f"{host}: {'; '.join(sorted(denials))}")
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
