from __future__ import annotations

import io
import json
from collections.abc import Iterable

import pytest

from autoscaler.audit import codec
from autoscaler.audit.collected import Collected
from autoscaler.audit.event import Event, line
from autoscaler.audit.verify import Number
from autoscaler.cli import explain
from autoscaler.cli.why import asked
from autoscaler.errors import NotFoundError
from tests.audit.samples import decision

DECISIONS = "/apis/metrics.k8s.io/v1beta1/namespaces/shop/decisions/web"
POLICY = "/apis/hpa-companion.dev/v1alpha1/namespaces/shop/horizontalpodscalers/web"


class Cluster:
    """What an API server answers, by path."""

    def __init__(self, **answers: bytes) -> None:
        self.answers = {DECISIONS: answers.get("decisions"), POLICY: answers.get("policy")}

    async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes:
        found = self.answers[path]
        if found is None:
            raise NotFoundError("no decision about shop/web is kept by this replica", status=404)
        return found


def structured(seq: int) -> bytes:
    made = decision(seq)
    number = Number(made.key, 1, seq)
    return line(Event(number=number, id=made.id, time=made.time, type=codec.DECISION_TYPE, body=codec.encode(made)))


async def test_what_the_program_answers_is_explained() -> None:
    found = await asked(Cluster(decisions=structured(1) + b"\n" + structured(2) + b"\n"), "shop", "web")
    assert isinstance(found, Collected)
    out = io.StringIO()
    assert explain.tell(found, "shop/web", at=None, diff=(), output="text", out=out) == 0
    assert out.getvalue().startswith("shop/Deployment/web: 3 -> 5 replicas, written\n")


async def test_a_replica_that_never_led_leaves_the_status_to_tell() -> None:
    ready = {"type": "Ready", "status": "False", "reason": "InvalidSpec", "message": "spec.maxReplicas: is 0"}
    status = {"currentReplicas": 3, "desiredReplicas": 5, "lastDecisionId": "abc", "conditions": [ready]}
    told = await asked(Cluster(policy=json.dumps({"status": status}).encode()), "shop", "web")
    assert told == [
        "shop/web: 3 replicas, 5 wanted; of its status only, as no decision about shop/web is kept by this replica",
        "  Ready False InvalidSpec: spec.maxReplicas: is 0",
        "last decision abc: kubectl hps audit show abc --from SOURCE",
    ]


async def test_without_both_it_is_not_there() -> None:
    with pytest.raises(NotFoundError, match="no decision about shop/web"):
        await asked(Cluster(), "shop", "web")
