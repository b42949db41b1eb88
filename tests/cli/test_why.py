from __future__ import annotations

import io
import json
from collections.abc import Iterable

import pytest

from autoscaler.audit import codec
from autoscaler.audit.event import Event, line
from autoscaler.audit.verify import Number
from autoscaler.cli.absence import API, KINDS
from autoscaler.cli.why import Answer, asked, tell
from autoscaler.errors import NotFoundError, UnreachableError
from autoscaler.model.decision import Outcome, PolicyRef
from autoscaler.model.instant import micro_text
from autoscaler.model.plan import Action
from tests.audit.samples import NOON, decision

DECISIONS = "/apis/metrics.k8s.io/v1beta1/namespaces/shop/decisions/web"
NOW = NOON + 10
POLICY = "/apis/hpa-companion.dev/v1alpha1/namespaces/shop/horizontalpodscalers/web"

LISTS = [path.format("shop") for _, path in KINDS]


class Cluster:
    """What an API server answers, by path."""

    def __init__(self, **answers: bytes) -> None:
        self.listed = answers.get("listed", b"{}")
        self.answers = {DECISIONS: answers.get("decisions"), POLICY: answers.get("policy")}

    async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes:
        if path in LISTS:
            return self.listed
        found = self.answers[path]
        if found is None:
            raise NotFoundError("no decision about shop/web is kept by this replica", status=404, reason="NotFound")
        return found


class Replicas(Cluster):
    """Each question meets the next one, and the last one from then on; None has no record."""

    def __init__(self, policy_path: str, policy: bytes, *decisions: bytes | None) -> None:
        super().__init__()
        self.policy_path, self.policy, self.decisions = policy_path, policy, list(decisions)

    async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes:
        if path == DECISIONS:
            self.answers[path] = self.decisions.pop(0) if len(self.decisions) > 1 else self.decisions[0]
            return await super().get(path)
        if path == self.policy_path:
            return self.policy
        raise NotFoundError(path, status=404)


def told(found: Answer, output: str = "text") -> tuple[int, str]:
    out = io.StringIO()
    return tell(found, "shop/web", at=None, diff=(), output=output, out=out), out.getvalue()


def structured(seq: int, **changes: object) -> bytes:
    made = decision(seq, **changes)
    number = Number(made.key, 1, seq)
    return line(Event(number=number, id=made.id, time=made.time, type=codec.DECISION_TYPE, body=codec.encode(made)))


async def test_what_the_program_answers_is_explained() -> None:
    found = await asked(Cluster(decisions=structured(1) + b"\n" + structured(2) + b"\n"), "shop", "web", NOW)
    code, text = told(found)
    assert (code, text.partition("\n")[0]) == (0, "shop/Deployment/web: 3 -> 5 replicas, written")


async def test_a_latest_evaluation_that_failed_comes_first() -> None:
    held = {"action": Action.HOLD, "outcome": Outcome.HELD, "current": 5, "desired": 5, "stages": ()}
    failing = structured(2, **held, reason="FailedGetResourceMetric", error="no metrics")
    _, text = told(await asked(Cluster(decisions=structured(1) + b"\n" + failing), "shop", "web", NOW))
    first, _, headline, *_ = text.splitlines()
    assert first.startswith(
        "NOT the present state: the latest evaluation failed, 2027-01-15T08:00:02Z: shop/Deployment/web: "
    )
    assert first.endswith("stays at 5 replicas (FailedGetResourceMetric): no metrics")
    assert headline == "shop/Deployment/web: 3 -> 5 replicas, written"


async def test_a_line_that_cannot_be_read_is_told_and_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    found = await asked(Cluster(decisions=structured(1) + b"\n" + structured(2)[:-9]), "shop", "web", NOW)
    code, text = told(found)
    assert (code, text.partition("\n")[0]) == (1, "shop/Deployment/web: 3 -> 5 replicas, written")
    assert capsys.readouterr().err.startswith(f"broken: {DECISIONS}:2: no record of ours")


@pytest.mark.parametrize("policy", ["web", "front"])
async def test_a_former_leader_is_not_taken_at_its_word(policy: str) -> None:
    def answers(last: str) -> bytes:
        return json.dumps({"status": {"lastDecisionId": last}}).encode()

    ref = PolicyRef("HorizontalPodScaler", "shop", policy, "uid-1", 4)
    old, new = structured(1, policy=ref), structured(2, policy=ref, leadership=9)
    path = POLICY.replace("/web", f"/{policy}")
    code, text = told(await asked(Replicas(path, answers("web-2"), old), "shop", "web", NOW))
    assert code == 1
    assert text.startswith("NOT the newest decision: that is web-2, and no replica that answered has it;")
    assert "3 -> 5 replicas, written" in text
    code, text = told(await asked(Replicas(path, answers("web-2"), old, None, new), "shop", "web", NOW))
    assert (code, "NOT" in text) == (0, False)
    code, text = told(await asked(Replicas(path, answers("web-1"), old + b"\n" + new), "shop", "web", NOW))
    assert (code, "NOT" in text) == (0, False)  # statuses are written behind the decisions


@pytest.mark.parametrize("policy", [None, b'{"status": {"lastDecisionId": "web-1"}}'])
async def test_of_replicas_that_no_status_tells_apart_the_one_is_believed_that_evaluates(policy: bytes | None) -> None:
    """An HPA that is observed has no status of ours, and one of ours names no decision that changed nothing."""
    old, new = structured(1), structured(2, leadership=9, time=micro_text(NOON + 600), current=5, desired=6)
    path = POLICY if policy else ""
    late = NOON + 610
    code, text = told(await asked(Replicas(path, policy or b"", old, None, old + b"\n" + new), "shop", "web", late))
    assert (code, text.partition("\n")[0]) == (0, "shop/Deployment/web: 5 -> 6 replicas, written")
    code, text = told(await asked(Replicas(path, policy or b"", old, None), "shop", "web", late))
    assert (code, text.splitlines()[1]) == (1, "shop/Deployment/web: 3 -> 5 replicas, written")
    assert text.startswith("PERHAPS not the newest decision: ")
    assert "is of 2027-01-15T08:00:01Z, 10 min 9 s ago" in text


async def test_one_more_question_that_fails_is_no_matter() -> None:
    class Failing(Replicas):
        async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes:
            if path == DECISIONS and len(self.decisions) == 1:
                raise UnreachableError("gone")
            return await super().get(path, params)

    code, text = told(await asked(Failing("", b"", structured(1), b""), "shop", "web", NOON + 610))
    assert (code, text.partition(":")[0]) == (1, "PERHAPS not the newest decision")


async def test_a_replica_that_never_led_leaves_the_status_to_tell() -> None:
    ready = {"type": "Ready", "status": "False", "reason": "InvalidSpec", "message": "spec.maxReplicas: is 0"}
    status = {"currentReplicas": 3, "desiredReplicas": 5, "lastDecisionId": "abc", "conditions": [ready]}
    found = await asked(Cluster(policy=json.dumps({"status": status}).encode()), "shop", "web", NOW)
    code, text = told(found)
    assert code == 1
    assert text.splitlines() == [
        "shop/web: 3 replicas, 5 wanted; of its status only, as no decision about shop/web is kept by this replica",
        "  Ready False InvalidSpec: spec.maxReplicas: is 0",
        "last decision abc: kubectl hps audit show abc --from SOURCE",
    ]
    code, text = told(found, "json")
    assert (code, json.loads(text)["status"]) == (1, status)
    _, text = told(await asked(Cluster(policy=b'{"status": {}}'), "shop", "web", NOW))
    assert text.startswith("shop/web: of unknown size, no number wanted; of its status only, as no decision")


class Unserved(Cluster):
    """Nobody serves the API."""

    async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes:
        if path.startswith(API):
            raise NotFoundError(f"GET {path}: 404 page not found", status=404)
        return await super().get(path, params)


async def test_where_nobody_serves_the_api_the_next_step_is_told() -> None:
    with pytest.raises(NotFoundError, match=rf"^this cluster serves no {API}: run `autoscaler doctor` to see why; "):
        await asked(Unserved(), "shop", "web", NOW)
    code, text = told(await asked(Unserved(policy=b'{"status": {"currentReplicas": 3}}'), "shop", "web", NOW))
    assert code == 1
    assert text.startswith(
        f"shop/web: 3 replicas, no number wanted; of its status only, as this cluster serves no {API}: "
    )


async def test_without_both_it_is_not_there() -> None:
    listed = json.dumps({"items": [{"metadata": {"name": "front"}, "spec": {"scaleTargetRef": {"name": "web"}}}]})
    with pytest.raises(NotFoundError, match="no decision about shop/web"):
        await asked(Cluster(listed=listed.encode()), "shop", "web", NOW)


async def test_a_name_that_no_policy_and_no_target_has_is_told_as_that() -> None:
    with pytest.raises(NotFoundError, match="no hps or HPA in namespace shop is named web or scales"):
        await asked(Cluster(), "shop", "web", NOW)
