"""The benchmarks there are, in the order they run."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from bench.figure import Figure

Say = Callable[[str], None]
"""Takes a line of progress."""


class UnavailableError(Exception):
    """A benchmark cannot run here; the message says what is missing and what to do."""


class Module(Protocol):
    """What every benchmark is: `quick` makes it a smoke test whose figures mean nothing."""

    def run(self, *, quick: bool, say: Say) -> Sequence[Figure]: ...


@dataclass(frozen=True, slots=True)
class Benchmark:
    """`python -m bench --only <name>`; `minutes` of a full run on two cores; `needs`: programs of tests/e2e/tools."""

    name: str
    summary: str
    minutes: float
    needs: tuple[str, ...] = ()

    def run(self, *, quick: bool, say: Say) -> Sequence[Figure]:
        """Its figures; UnavailableError."""
        module = cast("Module", importlib.import_module(f"bench.{self.name}"))
        return module.run(quick=quick, say=say)


BENCHMARKS = (
    Benchmark("startup", "`autoscaler --help`, beside an interpreter that does nothing", 0.3),
    Benchmark("explain", "`autoscaler explain` in a spool of 1,000 targets, as a whole process", 0.2),
    Benchmark("decision", "one decision of a target of 30 pods: planned, and encoded as its record", 0.2),
    Benchmark("audit", "333 decisions a second kept and sent: CPU, time to durable, lateness of the event loop", 4),
    Benchmark("recovery", "a spool of 1,000,000 undelivered records after a restart", 4),
    Benchmark("bundles", "`autoscaler plan`: the recorded evaluations of the conformance data, a core", 0.2),
    Benchmark("replay", "`autoscaler replay`: a week of 100 targets decided again, and by another policy", 7),
    Benchmark("page", "one kubelet's page of 60 containers: scraped, decoded, stored, read", 0.3),
    Benchmark("lists", "lists of the Metrics API over 30,000 pods: in process and through TLS", 0.7),
    Benchmark("longlists", "lists of 150,000 pods: processor time, longest turn of the loop, and 50 at once", 1),
    Benchmark("scale", "the whole program at 1,000 nodes x 30 pods x 2 containers: CPU, memory, list of all pods", 3.5),
    Benchmark("targets", "1,000 targets of 20 pods: a pass, what is asked of the API server, decision to write", 4),
    Benchmark("load", "5,000 nodes, a full list every 5 s, 200 requests a second: cost, lag, latency", 7),
    Benchmark("failover", "how long nobody decides when the leader is killed, asked to end or stopped", 5),
    Benchmark(
        "peer", "beside the real metrics-server, 100 and 1,000 nodes: CPU, memory, lists", 8, ("metrics-server",)
    ),
    Benchmark(
        "ages", "beside metrics-server: how old what is served is, also with a node in trouble", 5, ("metrics-server",)
    ),
    Benchmark("newpods", "beside metrics-server: from a new pod running to its first number", 4, ("metrics-server",)),
    Benchmark(
        "reaction",
        "from a step of the load to the write of the scale, beside the real HPA",
        4,
        ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "helm", "kwok", "kubelets", "metrics-server"),
    ),
)
