"""`python -m autoscaler.sim`: a simulated cluster in a process of its own, for benchmarks and for trying things out.

Prints `ready` once everything listens; ends on SIGINT or SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import signal
from pathlib import Path

import uvloop

from autoscaler.clock import SystemClock
from autoscaler.sim.crowd import crowd, scalers
from autoscaler.sim.world import Shape, World


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m autoscaler.sim", description=__doc__)
    parser.add_argument("--nodes", type=int, default=4, help="kubelets, each with an address in 127.1.0.0/16")
    parser.add_argument("--pods-per-node", type=int, default=30)
    parser.add_argument("--containers", type=int, default=2, help="containers of each pod")
    parser.add_argument("--sample-period", type=float, default=10.0, help="seconds between two samples of a container")
    parser.add_argument("--scaled", action="store_true", help="give every Deployment a HorizontalPodScaler")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="file to write, for whoever uses the cluster")
    return parser.parse_args()


def _allow_files(wanted: int) -> None:
    """One socket listens per node, and one connection per node is open: more than a shell usually allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


async def _serve(arguments: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    shape = Shape(nodes=arguments.nodes, spread=True, sample_period=arguments.sample_period)
    workloads = tuple(crowd(arguments.nodes * arguments.pods_per_node, arguments.containers))
    policies = tuple(scalers(workloads)) if arguments.scaled else ()
    async with World(SystemClock(), shape, workloads, policies) as world:
        world.kubeconfig(arguments.kubeconfig)
        print("ready", flush=True)  # noqa: T201 - whoever started us waits for this line
        await stopped.wait()


def main() -> None:
    """Run until told to stop."""
    arguments = _arguments()
    _allow_files(4 * arguments.nodes + 256)
    uvloop.run(_serve(arguments))


if __name__ == "__main__":
    main()
