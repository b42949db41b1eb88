"""Makes pods follow `spec.replicas`, as deployment controller, scheduler and kubelets do together, only simpler.

A pod is bound at once to the next node in turn that takes pods, runs after `START` seconds, is ready after `READY`
more, and is gone `GRACE` seconds after its deletion began. It belongs to its Deployment directly: there are no
ReplicaSets.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autoscaler.model.instant import seconds_text
from autoscaler.sim.ledger import Ledger
from autoscaler.sim.refusals import RefusedError
from autoscaler.sim.resources import DEPLOYMENTS, PODS
from autoscaler.sim.store import Object, Place, Store
from autoscaler.sim.workloads import Load, RunningPod, Workload

START = 2.0
READY = 1.0
GRACE = 1.0


@dataclass(slots=True)
class _Team:
    """The pods of one Deployment, oldest first, and what they work on."""

    load: Load
    pods: list[RunningPod] = field(default_factory=list)
    told: dict[str, bool] = field(default_factory=dict)
    """By pod uid: whether its status says ready; absent = still Pending."""

    short: bool = False
    """Whether there are fewer pods than wanted."""

    @property
    def settled(self) -> bool:
        """Whether nothing will happen to any pod by itself."""
        return not self.short and all(self.told.get(pod.uid) and pod.left == math.inf for pod in self.pods)


class Deployer:
    """Call `step` a few times a second. Deployments without a workload of their name are left alone."""

    def __init__(
        self,
        store: Store,
        ledgers: Mapping[str, Ledger],
        workloads: Sequence[Workload],
        *,
        epoch: float,
        takes_pods: Callable[[str], bool],
    ) -> None:
        self._store = store
        self._ledgers = ledgers
        self._epoch = epoch
        self._takes_pods = takes_pods
        self._teams: dict[Place, _Team] = {
            (workload.namespace, workload.name): _Team(Load(workload)) for workload in workloads
        }
        self._nodes = deque(ledgers)
        self._numbers = itertools.count(1)
        self._seen = 0
        self._unsettled = set(self._teams)

    def settle(self, now: float) -> None:
        """Begin with every wanted pod running and ready since `now`, which may lie in the past."""
        for place, team in self._teams.items():
            deployment = self._store.get(DEPLOYMENTS, *place)
            for _ in range(deployment["spec"]["replicas"]):
                self._start(deployment, team, now - self._epoch - READY)
        self.step(now)

    def step(self, now: float) -> None:
        """Bring pods and statuses up to `now`; looks only at what changed and at what is under way."""
        at = now - self._epoch
        for place in sorted(self._unsettled | self._changed()):
            team = self._teams[place]
            try:
                deployment = self._store.get(DEPLOYMENTS, *place)
            except RefusedError:  # deleted: its pods go, too
                deployment = {"spec": {"replicas": 0}}
            self._follow(deployment, team, at)
            if "metadata" in deployment:
                self._store.merge(DEPLOYMENTS, *place, {"status": _status(deployment, team)}, "status")
            (self._unsettled.discard if team.settled else self._unsettled.add)(place)

    def _changed(self) -> set[Place]:
        """Whose Deployment or pods were written since the last step."""
        seen, self._seen = self._seen, self._store.revision
        try:
            deployments, pods = self._store.changes(DEPLOYMENTS, seen), self._store.changes(PODS, seen)
        except RefusedError:  # more than the history holds
            return set(self._teams)
        places = {_place(change.after, change.after["metadata"]["name"]) for change in deployments}
        places |= {_place(change.after, _owner(change.after)) for change in pods}
        return places & self._teams.keys()

    def _follow(self, deployment: Object, team: _Team, at: float) -> None:
        self._notice_deletions(team, at)
        staying = [pod for pod in team.pods if pod.left == math.inf]
        wanted = deployment["spec"].get("replicas", 1)
        for _ in range(wanted - len(staying)):
            self._start(deployment, team, at + START)
        for pod in _least_missed(staying, at)[: max(0, len(staying) - wanted)]:
            pod.left = at
            self._store.mark_deleted(PODS, pod.namespace, pod.name)
        team.short = sum(pod.left == math.inf for pod in team.pods) < wanted
        for pod in list(team.pods):
            self._age(team, pod, at)
        team.load.share_among(sum(pod.ready <= at < pod.left for pod in team.pods), at)

    def _notice_deletions(self, team: _Team, at: float) -> None:
        """Somebody may have deleted a pod through the API."""
        for pod in list(team.pods):
            try:
                self._store.get(PODS, pod.namespace, pod.name)
            except RefusedError:
                self._end(team, pod, at)

    def _start(self, deployment: Object, team: _Team, started: float) -> None:
        node = self._next_node()
        if not node:  # nowhere to run: tried again at the next step
            return
        metadata, template = deployment["metadata"], deployment["spec"]["template"]
        name = f"{metadata['name']}-{next(self._numbers):05x}"
        owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"], "uid": metadata["uid"]}
        made = self._store.create(
            PODS,
            metadata["namespace"],
            {
                "metadata": {**template["metadata"], "name": name, "ownerReferences": [{**owner, "controller": True}]},
                "spec": {**template["spec"], "nodeName": node},
            },
        )
        self._store.merge(PODS, metadata["namespace"], name, {"status": {"phase": "Pending"}}, "status")
        pod = RunningPod(
            namespace=metadata["namespace"],
            name=name,
            uid=made["metadata"]["uid"],
            node=node,
            load=team.load,
            started=started,
        )
        team.pods.append(pod)

    def _next_node(self) -> str:
        """Round robin among the nodes that take pods; "" when none does."""
        for _ in range(len(self._nodes)):
            self._nodes.rotate(-1)
            if self._takes_pods(self._nodes[-1]):
                return self._nodes[-1]
        return ""

    def _age(self, team: _Team, pod: RunningPod, at: float) -> None:
        """Tell what has happened to a pod since the last step."""
        if at >= pod.left + GRACE:
            self._store.delete(PODS, pod.namespace, pod.name)
            self._end(team, pod, at)
        elif pod.left == math.inf and at >= pod.started:
            ready = at >= pod.started + READY
            if team.told.get(pod.uid) is not ready:
                if ready:
                    pod.ready = at  # not when it was due: the shares change now
                if pod.uid not in team.told:
                    self._ledgers[pod.node].add(pod)
                team.told[pod.uid] = ready
                self._store.merge(PODS, pod.namespace, pod.name, {"status": self._running(pod, ready=ready)}, "status")

    def _end(self, team: _Team, pod: RunningPod, at: float) -> None:
        team.pods.remove(pod)
        if team.told.pop(pod.uid, None) is not None:
            self._ledgers[pod.node].end(pod, at)

    def _running(self, pod: RunningPod, *, ready: bool) -> dict[str, Any]:
        """`status` of a pod whose containers run."""
        started, since = self._text(pod.started), self._text(pod.ready if ready else pod.started)
        state = {"running": {"startedAt": started}}
        return {
            "phase": "Running",
            "startTime": started,
            "conditions": [
                {"type": kind, "status": "True" if ready else "False", "lastTransitionTime": since}
                for kind in ("Ready", "ContainersReady")
            ]
            + [{"type": "PodScheduled", "status": "True", "lastTransitionTime": started}],
            "containerStatuses": [
                {"name": each.name, "ready": ready, "restartCount": 0, "state": state} for each in pod.containers
            ],
        }

    def _text(self, at: float) -> str:
        return seconds_text(self._epoch + at)


def _place(item: Object, name: str) -> Place:
    return item["metadata"].get("namespace", ""), name


def _owner(pod: Object) -> str:
    return next((owner["name"] for owner in pod["metadata"].get("ownerReferences", ())), "")


def _least_missed(pods: list[RunningPod], at: float) -> list[RunningPod]:
    """Whom to delete first: those not ready yet, then the youngest, as the ReplicaSet controller ranks them."""
    return sorted(pods, key=lambda pod: (pod.ready <= at, -pod.started, pod.name))


def _status(deployment: Object, team: _Team) -> dict[str, Any]:
    staying = [pod for pod in team.pods if pod.left == math.inf]
    ready = sum(bool(team.told.get(pod.uid)) for pod in staying)
    return {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": len(staying),
        "updatedReplicas": len(staying),
        "readyReplicas": ready,
        "availableReplicas": ready,
    }
