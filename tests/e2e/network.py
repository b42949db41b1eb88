"""Loopback addresses of one cluster, so that several run side by side: kubelets in 127.1.N.0, services in 127.250.N.0.

With a service range on loopback, kube-aggregator dials a ClusterIP that a local process can listen on: a chart's
Service and APIService work unchanged.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.e2e.processes import free_port, is_free

KUBELET_PORT = 10250
SERVICE_PORT = 8443  # the Service's own port; below 1024 only root may listen


@dataclass(frozen=True)
class Network:
    """`third` is the third part of every address."""

    third: int
    kubelet_port: int

    @property
    def service_range(self) -> str:
        return f"127.250.{self.third}.0/24"

    def kubelet(self, number: int) -> str:
        """Address of node `number`, from 0."""
        return f"127.1.{self.third}.{number + 1}"

    def service(self, number: int) -> str:
        """An address for a Service that names its own; the API server gives out from .1 on, and from .16 by itself."""
        return f"127.250.{self.third}.{number}"


def free_network(kubelets: int) -> Network:
    """One that nobody uses at the moment, with the kubelets' usual port when that is free."""
    choices: Sequence[int] = random.sample(range(256), 256)
    for port in (KUBELET_PORT, free_port()):
        for third in choices:
            network = Network(third, port)
            addresses = [*((network.kubelet(number), port) for number in range(kubelets))]
            if all(is_free(*address) for address in [*addresses, (network.service(10), SERVICE_PORT)]):
                return network
    raise RuntimeError("no free loopback network: is 127.0.0.0/8 usable on this machine?")
