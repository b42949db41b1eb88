"""`python -m autoscaler.sim`: a simulated cluster in a process of its own, for benchmarks and for trying things out.

Prints `ready` once everything listens, then lines to copy; ends on SIGINT or SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import uvloop

from autoscaler.clock import SystemClock
from autoscaler.garbage import set_aside
from autoscaler.sim.crowd import TEAM, WAVE, crowd, scalers
from autoscaler.sim.world import ADMIN_TOKEN, Shape, World

MOST_NODES = 50_000
MOST_PODS = 1000
"""Slips of the keyboard end here: 127.1.0.0/16 has 65,536 addresses."""
_SCALED = "Every Deployment has a HorizontalPodScaler."
_UNSCALED = "No Deployment has a HorizontalPodScaler, so nothing is decided: begin with --scaled."


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m autoscaler.sim",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    nodes = f"kubelets, each with an address in 127.1.0.0/16; at most {MOST_NODES}"
    parser.add_argument("--nodes", type=_count(MOST_NODES), default=4, metavar="N", help=nodes)
    pods = _count(MOST_PODS)
    parser.add_argument("--pods-per-node", type=pods, default=30, metavar="N", help="pods on each, in Deployments")
    parser.add_argument("--containers", type=_count(MOST_PODS), default=2, metavar="N", help="containers of each pod")
    parser.add_argument(
        "--sample-period",
        type=_seconds,
        default=10.0,
        metavar="SECONDS",
        help="time between two samples of a container",
    )
    team = "pods of each Deployment"
    parser.add_argument("--team", type=_count(MOST_PODS), default=TEAM, metavar="N", help=team)
    wave = "time between two peaks of a Deployment's load"
    parser.add_argument("--wave", type=_seconds, default=WAVE, metavar="SECONDS", help=wave)
    parser.add_argument("--restless", action="store_true", help="with --scaled: let them shrink as soon as they may")
    parser.add_argument("--scaled", action="store_true", help="give every Deployment a HorizontalPodScaler")
    parser.add_argument(
        "--kubeconfig", type=Path, required=True, default=argparse.SUPPRESS, metavar="FILE",
        help="file to write, for whoever uses the cluster",
    )  # fmt: skip
    arguments = parser.parse_args()
    if arguments.restless and not arguments.scaled:
        parser.error("--restless is about HorizontalPodScalers: give --scaled too")
    return arguments


def _count(most: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        number = int(text)
        if not 1 <= number <= most:
            raise argparse.ArgumentTypeError(f"{number} is not between 1 and {most}")
        return number

    return count


def _seconds(text: str) -> float:
    number = float(text)
    if not 0.1 <= number <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not between 0.1 and 3600 seconds")
    return number


def told_of(world: World, kubeconfig: Path, *, scaled: bool) -> str:
    """What to copy: how to run against this world, how to look at it, and how to change it."""
    file = shlex.quote(str(kubeconfig))
    spool = shlex.quote(f"{kubeconfig}.{world.clock.now():.0f}.spool")
    flags = f"""--kubeconfig {file} \\
    --kubelet-allow-loopback --kubelet-use-node-status-port \\
    --bind-address 127.0.0.1 --secure-port 8443 \\
    --audit-spool-dir {spool}"""
    return f"""
{_SCALED if scaled else _UNSCALED}

Run against it; the spool is of this cluster alone, as records of two in one spool are one history:
  autoscaler run {flags}

See what running needs, with the same flags:
  autoscaler doctor {flags}

Change it, as an administrator; it has no schemas to validate by:
  kubectl --kubeconfig {file} --token {ADMIN_TOKEN} apply --validate=false \\
    -f examples/deployment-with-hps.yaml
A Deployment that you make gets no pods, so there is nothing to measure for its hps: only those that were here from
the beginning have pods.

Ask it anything, as an administrator:
  curl -sk -H 'Authorization: Bearer {ADMIN_TOKEN}' {world.api.url}/apis/apps/v1/deployments

Ctrl-C ends it."""


def _allow_files(wanted: int) -> None:
    """One socket listens per node, and one connection per node is open: more than a shell usually allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


async def _serve(arguments: argparse.Namespace) -> int:
    """0 when it was told to stop, 2 when the kubeconfig cannot be written."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    shape = Shape(nodes=arguments.nodes, spread=True, sample_period=arguments.sample_period)
    pods = arguments.nodes * arguments.pods_per_node
    workloads = tuple(crowd(pods, arguments.containers, team=arguments.team, wave=arguments.wave))
    window = 0 if arguments.restless else None
    policies = tuple(scalers(workloads, stabilization=window)) if arguments.scaled else ()
    async with World(SystemClock(), shape, workloads, policies) as world:
        try:
            world.kubeconfig(arguments.kubeconfig)
        except OSError as exc:
            print(f"--kubeconfig {arguments.kubeconfig} cannot be written: {exc.strerror}", file=sys.stderr)  # noqa: T201 - a program of its own
            return 2
        set_aside()  # half a second of looking at all its pods would be told of whoever is measured
        print("ready", flush=True)  # noqa: T201 - whoever started us waits for this line
        print(told_of(world, arguments.kubeconfig, scaled=arguments.scaled), flush=True)  # noqa: T201 - the same
        await stopped.wait()
    return 0


def main() -> int:
    """Run until told to stop; the exit code."""
    arguments = _arguments()
    _allow_files(4 * arguments.nodes + 256)
    return uvloop.run(_serve(arguments))


if __name__ == "__main__":
    sys.exit(main())
