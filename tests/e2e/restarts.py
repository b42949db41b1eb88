"""A program whose leader is killed again and again while its targets would rather be smaller, and what came of it.

`python -m tests.e2e.restarts [--restarts 100] [--seed N]` does it on a real control plane of its own and says what it
found; exit code 1 when a restart took a replica away, or a change has no record. `make soak` runs it, a test a shorter
one. Two replicas stand; whoever leads is killed (SIGKILL), half of the times at an instant that is drawn, half of them
within milliseconds of a scale write, and started again as the one that follows. Meanwhile, after the load fell:

- `web` may go down once its window of `WINDOW` seconds is over, which each leader begins anew;
- `paced` may lose one pod in `PERIOD` seconds, and has no window;
- `robbed` is as `paced`, but while nobody leads its history of scale-downs is taken out of its status: what became of
  it shows what a restart does where nothing is kept, and that the verdict would see it;
- `busy` is asked to have another size before every second death, and nothing else.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from autoscaler.audit import codec
from autoscaler.audit.read import SpoolReader
from autoscaler.model.decision import Decision
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.interloper import OURS, between
from tests.e2e.kubeapi import Object
from tests.e2e.processes import Process, free_port
from tests.e2e.release import NAME, Release
from tests.e2e.requirements import need
from tests.e2e.restartverdict import Verdict, crowded, first_told, hasty, lowered, unsound, untold
from tests.e2e.workloads import SETTLE, Namespace, cpu_utilization, scaler

PODS, USAGE = 8, 50
"""At first; percent of what they request."""
WINDOW, PERIOD = 20, 60
SOON = 60.0
INSTANTS = 2.0
"""Seconds after the first decisions of a leader within which its end is drawn."""
AT_A_WRITE = 0.03
"""The same from when the API server has its scale write to decide on: before it is done, and up to its record."""
UNTRAPPED = 10.0
"""Seconds until a leader that writes nothing is killed all the same."""
VALUES = {"extraArgs": ["--kubelet-allow-loopback", "--audit-heartbeat=0s"]}
"""A record for each evaluation."""
QUICK = (
    "--leader-elect-lease-duration=2s",
    "--leader-elect-renew-deadline=1.6s",
    "--leader-elect-retry-period=0.3s",
    "--metric-resolution=2s",
    "--sync-period=2s",
    "--evaluation-interval=0.5s",
)
SAMPLING = "2s"

Say = Callable[[str], None]


class Trap:
    """Kills a leader around its next write of `busy`'s scale; counts how often."""

    def __init__(self) -> None:
        self.sprung = 0
        self._set: tuple[Process, float] | None = None

    def arm(self, victim: Process, after: float) -> None:
        """To be killed so many seconds after the API server has its write."""
        self._set = (victim, after)

    def disarm(self) -> None:
        self._set = None

    def noticed(self, request: Object) -> None:
        """Every request that is admitted."""
        if self._set is None or request["name"] != "busy" or request["userInfo"]["username"] != OURS:
            return
        (victim, after), self._set = self._set, None
        self.sprung += 1
        Timer(after, victim.kill).start()


class Replicas:
    """Two of the program, each with a place of its own; both run after the constructor."""

    def __init__(self, release: Release) -> None:
        self._release, port = release, free_port()
        self._starts = (lambda: release.start(*QUICK), lambda: release.start_another(port, *QUICK))
        self._lives = [start() for start in self._starts]

    def leader(self) -> Process | None:
        """Whom the Lease names, while it runs."""
        path = f"/apis/coordination.k8s.io/v1/namespaces/{self._release.namespace}/leases/{NAME}"
        holder = self._release.cluster.admin.get(path)["spec"].get("holderIdentity")
        alive = (each for each in self._lives if each.running())
        return next((each for each in alive if holder and holder in each.output()), None)

    def revive(self) -> None:
        """Start again whoever has ended."""
        for place, start in enumerate(self._starts):
            if not self._lives[place].running():
                self._lives[place] = start()

    def end(self) -> None:
        """SIGTERM: what was begun is finished."""
        for each in self._lives:
            each.terminate(30)

    def kill(self) -> None:
        for each in self._lives:
            each.kill()


class Restarts:
    """One run on an installed `release` that nobody has started; `say` hears what happens."""

    def __init__(self, cluster: Cluster, release: Release, folder: Path, seed: int, say: Say) -> None:
        self._cluster, self._release, self._folder = cluster, release, folder
        self._seed, self._chance, self._say = seed, random.Random(seed), say
        self._here = Namespace(cluster, f"restarts-{seed}")
        self._trap, self._size = Trap(), 2

    def run(self, restarts: int) -> Verdict:
        """Everything, in its order."""
        self._say(f"seed {self._seed}")
        self._arrange()
        replicas = Replicas(self._release)
        try:
            eventually(2 * SOON, self._steady, "all are decided upon, and stay as they are")
            with between(self._here, self._folder, self._trap.noticed):
                for name in POLICIES:
                    self._here.share(name, PODS * 5)
                for number in range(restarts):
                    self._restart(replicas)
                    self._say(f"{number + 1} of {restarts}: {self._sizes()}")
                eventually(WINDOW + SOON, lambda: self._sizes()["web"] < PODS, "the window of web is over")
            replicas.end()
            verdict = self._judged(restarts)
            self._say(str(verdict))
            return verdict
        finally:
            replicas.kill()
            self._cluster.admin.delete(f"/api/v1/namespaces/{self._here.name}")

    def _arrange(self) -> None:
        self._cluster.admin.post("/api/v1/namespaces", {"metadata": {"name": self._here.name}})
        for name in (*POLICIES, "busy"):
            self._here.run(name, self._size if name == "busy" else PODS, cpu=f"{USAGE}m")
        eventually(SETTLE, lambda: self._cluster.admin.raw("GET", self._here.scalers)[0] == 200, "our kind is served")
        for name, down in POLICIES.items():
            self._cluster.admin.post(self._here.scalers, scaler(name, _spec(name, 1, PODS, down)))
        self._cluster.admin.post(self._here.scalers, scaler("busy", _spec("busy", self._size, self._size)))

    def _steady(self) -> bool:
        """All pods of all are measured, by whoever leads."""
        for name in (*POLICIES, "busy"):
            found = self._status(name)
            size = self._size if name == "busy" else PODS
            assert (found["currentReplicas"], found["desiredReplicas"]) == (size, size), name
            usage = found["currentMetrics"][0]["resource"]["current"]["averageUtilization"]
            assert abs(usage - USAGE) <= 4, f"{name} uses {usage} %"
        return True

    def _restart(self, replicas: Replicas) -> None:
        """Whoever leads dies, and another has decided about all when this returns."""
        before = {name: self._status(name)["leadership"] for name in (*POLICIES, "busy")}
        leader = eventually(SOON, replicas.leader, "somebody leads")
        last = Timer(self._chance.uniform(0, INSTANTS), leader.kill)
        if self._chance.random() < 0.5:
            last, self._size = Timer(UNTRAPPED, leader.kill), 5 - self._size
            self._trap.arm(leader, self._chance.uniform(0, AT_A_WRITE))
            self._patch("busy", {"spec": {"minReplicas": self._size, "maxReplicas": self._size}})
        last.start()
        eventually(2 * UNTRAPPED, lambda: not leader.running(), "it is dead")
        last.cancel()
        self._trap.disarm()
        self._patch("robbed/status", {"status": {"history": {"scaleDowns": None}}})
        replicas.revive()
        eventually(
            SOON,
            lambda: all(self._status(name)["leadership"] > number for name, number in before.items()),
            "the next one decides about all",
        )

    def _status(self, name: str) -> Object:
        found: Object = self._here.scaler(name)["status"]
        return found

    def _patch(self, path: str, change: Object) -> None:
        self._cluster.admin.patch(f"{self._here.scalers}/{path}", change)

    def _sizes(self) -> dict[str, int]:
        return {name: self._here.replicas(name) for name in (*POLICIES, "busy")}

    def _judged(self, restarts: int) -> Verdict:
        spools = (self._release.spool, self._release.another_spool)
        found = {name: self._told(name, spools) for name in (*POLICIES, "busy")}
        sizes, first = self._sizes(), dict.fromkeys(POLICIES, PODS) | {"busy": 2}
        once = {name: first_told(each) for name, each in found.items()}
        return Verdict(
            seed=self._seed,
            restarts=restarts,
            at_writes=self._trap.sprung,
            lowered={name: len(lowered(each)) for name, each in once.items()},
            hasty=hasty(once["web"], WINDOW),
            crowded=crowded(once["paced"], PERIOD),
            robbed=crowded(once["robbed"], PERIOD),
            untold=[why for name, each in once.items() for why in untold(name, each, first[name], sizes[name])],
            twice=sum(len(each) - len(once[name]) for name, each in found.items()),
            unsound=unsound(spools, f"{self._here.name}/*"),
        )

    def _told(self, name: str, spools: Sequence[Path]) -> list[Decision]:
        made: list[Decision] = []
        for spool in spools:
            with SpoolReader(spool) as reader:
                made += [codec.decode(each.body) for each in reader.records(f"{self._here.name}/Deployment/{name}")]
        return sorted(made, key=lambda each: each.time)


POLICIES: Mapping[str, Object] = {
    "web": {"stabilizationWindowSeconds": WINDOW, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]},
    **{
        name: {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 1, "periodSeconds": PERIOD}]}
        for name in ("paced", "robbed")
    },
}
"""How each may go down."""


def _spec(target: str, least: int, most: int, down: Object | None = None) -> Object:
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": [cpu_utilization(USAGE)],
        **({"behavior": {"scaleDown": down}} if down else {}),
    }


@contextmanager
def standing() -> Iterator[tuple[Cluster, Release, Path]]:
    """A cluster with the chart installed, for a run of its own."""
    with tempfile.TemporaryDirectory() as name:
        cluster = Cluster(need("kwok").parent, Path(name), nodes=2, sampling=SAMPLING)
        try:
            (place := Path(name) / "release").mkdir()
            yield cluster, Release(cluster, place, VALUES), Path(name)
        finally:
            cluster.stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when the verdict is good."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--restarts", type=int, default=100)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3)), help="which instants are drawn")
    chosen, begun = parser.parse_args(arguments), time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:7.0f} s  {text}", flush=True)  # noqa: T201 - a program of its own

    with standing() as (cluster, release, folder):
        verdict = Restarts(cluster, release, folder, chosen.seed, say).run(chosen.restarts)
    return int(not verdict.passed)


if __name__ == "__main__":
    sys.exit(main())
