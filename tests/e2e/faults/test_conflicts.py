"""Somebody else writes between our read and our write: their number stays, and we decide anew from it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from autoscaler.audit import codec
from autoscaler.audit.read import SpoolReader
from autoscaler.model.decision import Outcome
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.interloper import Interloper
from tests.e2e.kubeapi import MERGE, Object
from tests.e2e.release import Release
from tests.e2e.workloads import Namespace, autoscaler_spec

SOON = 20.0
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
OURS = "system:serviceaccount:hpa-companion-system:hpa-companion"


class Rival:
    """Scales to `size` while the API server is busy with our first scale write."""

    def __init__(self, here: Namespace, size: int) -> None:
        self.here = here
        self.size = size
        self.asked: list[str] = []

    def __call__(self, request: Object) -> None:
        self.asked.append(request["userInfo"]["username"])
        if self.asked.count(OURS) == 1:
            self.here.cluster.admin.patch(f"{self.here.deployments}/web", {"spec": {"replicas": self.size}})


@pytest.fixture
def rival(cluster: Cluster, here: Namespace, tmp_path: Path) -> Iterator[Rival]:
    rival = Rival(here, 3)
    server = Interloper(tmp_path, rival)
    name = here.name
    hook = {
        "name": "rival.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "NoneOnDryRun",
        "timeoutSeconds": 10,
        "clientConfig": {"url": server.url, "caBundle": base64.b64encode(server.authority).decode()},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}},
        "rules": [
            {
                "apiGroups": ["apps"],
                "apiVersions": ["v1"],
                "operations": ["UPDATE"],
                "resources": ["deployments/scale"],
            }
        ],
    }
    cluster.admin.post(WEBHOOKS, {"metadata": {"name": name}, "webhooks": [hook]})

    def in_place() -> bool:
        path = f"{here.deployments}/web/scale?dryRun=All"
        cluster.admin.call("PATCH", path, {"spec": {"replicas": 2}}, MERGE)
        return bool(rival.asked)

    eventually(SOON, in_place, "the API server asks the webhook")
    yield rival
    cluster.admin.delete(f"{WEBHOOKS}/{name}")
    server.stop()


def test_s08_a_size_written_in_between_stays_and_is_decided_from(
    release: Release, here: Namespace, rival: Rival
) -> None:
    spec = autoscaler_spec("web", least=2)
    spec["behavior"]["scaleDown"] = {"selectPolicy": "Disabled"}
    here.cluster.admin.patch(f"{here.scalers}/web", {"spec": spec})

    def decided_anew() -> bool:
        with SpoolReader(release.spool) as spool:
            found = [codec.decode(record.body) for record in spool.records(f"{here.name}/Deployment/web")]
        outcomes = [each.outcome for each in found]
        assert Outcome.CONFLICTED in outcomes, outcomes
        number = outcomes.index(Outcome.CONFLICTED)
        overtaken, after = found[number], found[number + 1 :]
        assert (overtaken.current, overtaken.desired) == (1, 2)
        assert after, "the next one is under way"
        assert {(each.current, each.desired, each.outcome) for each in after} == {(3, 3, Outcome.HELD)}
        return True

    eventually(SOON, decided_anew)
    assert rival.asked.count(OURS) == 1
    assert here.replicas("web") == 3
    eventually(SOON, lambda: here.condition("web", "AbleToScale")["status"] == "True")
