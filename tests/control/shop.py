"""A target and every seam of the reconciler in one place, for tests to bend."""

import asyncio
import itertools
from collections.abc import Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry

from autoscaler.control.allowance import Allowance, WriteRates
from autoscaler.control.calm import Calm
from autoscaler.control.followers import Followers
from autoscaler.control.gatherer import Gatherer
from autoscaler.control.journal import Journal
from autoscaler.control.memory import Memory
from autoscaler.control.postbox import Postbox
from autoscaler.control.reconciler import Reconciler
from autoscaler.control.reverts import Reverts
from autoscaler.control.teller import Teller
from autoscaler.control.turns import Turns
from autoscaler.errors import MalformedError
from autoscaler.model.decision import Decision
from autoscaler.model.metrics import MetricValue, PodMetrics
from autoscaler.model.objects import Container, Milli, Owner, Pod, Ready, Scale
from autoscaler.model.plan import EventNote, History
from autoscaler.model.policy import Condition, ControllerSettings, MetricSpec, Policy, TargetRef
from autoscaler.model.status import Pending, PolicyStatus
from autoscaler.telemetry import ControlTelemetry
from tests.clock import FakeClock

TARGET = TargetRef("apps/v1", "Deployment", "web")
CPU_60 = MetricSpec(type="Resource", name="cpu", target_type="Utilization", utilization=60)


def policy(**changes: object) -> Policy:
    given: dict[str, object] = {
        "kind": "HorizontalPodScaler", "namespace": "shop", "name": "web", "uid": "p1", "generation": 3,
        "target": TARGET, "min_replicas": 1, "max_replicas": 10, "metrics": (CPU_60,),
    }  # fmt: skip
    return Policy(**{**given, **changes})  # type: ignore[arg-type]  # a test builds it from words


AMPLE = WriteRates()


class Shop:
    """A target of two pods at `used` milli-cores of 100 requested each; every seam of the reconciler in one place."""

    def __init__(self, rates: WriteRates = AMPLE) -> None:
        self.clock = FakeClock()
        self.used = 120
        self.sample_age = 4.0
        self.replicas = self.pods = 2
        self.version = 7
        self.selector = "app=web"
        self.answers: dict[str, int | Exception] = {}
        self.questions: list[tuple[str, str, str]] = []
        self.windows: list[float] = []
        self.asking = self.asked_at_once = 0
        self.written: list[tuple[int, str]] = []
        self.refused = ""
        self.left: Pending | None = None
        self.kept: History | None = None
        self.refusals: list[Exception] = []
        self.unreadable: Exception | None = None
        self.records: list[Decision] = []
        self.spool_fault: Exception | None = None
        self.no_room: Exception | None = None
        self.meant: Decision | None = None
        self.statuses: list[PolicyStatus] = []
        self.promises: list[PolicyStatus] = []
        self.status_fault: Exception | None = None
        self.notes: list[EventNote] = []
        self.followers = Followers()
        self.manager = "helm"
        self.others: tuple[str, ...] = ()
        self.warned: list[str] = []
        self.unseen = ""
        self.owner: Owner | None = None
        self.owners: dict[str, str] = {}
        self.owners_fault: Exception | None = None
        ids = itertools.count(1)
        policies = _Policies(self)
        memory, telemetry = Memory(15, self.clock), ControlTelemetry(CollectorRegistry())
        calm = Calm()
        self.postbox = Postbox(policies, telemetry, calm)
        self.reconciler = Reconciler(
            gatherer=Gatherer(
                targets=self, usage=self, values=self, owners=_Owners(self), claims=_Claims(self), scales=self,
                memory=memory, followers=self.followers, selecting=Followers(), settings=ControllerSettings(),
                clock=self.clock,
            ),
            scaler=self, writers=self,
            teller=Teller(
                _Journal(self), self.postbox, policies, _Delivery(), telemetry, rivals=_Claims(self),
                new_id=lambda: f"id-{next(ids)}", leadership=lambda: 5,
            ),
            memory=memory, reverts=Reverts(), allowance=Allowance(rates, self.clock),
            gate=self, journal=Journal(self, memory, self), turns=Turns(calm), settings=ControllerSettings(),
            protected=("kube-system",), clock=self.clock, telemetry=telemetry,
        )  # fmt: skip

    def pods_matching(self, namespace: str, selector: str) -> Sequence[Pod]:
        if selector == "((":
            raise MalformedError("unexpected '('")
        long_ago = self.clock.now() - 3600
        return [
            Pod(namespace=namespace, name=f"web-{n}", labels={"app": "web"}, started=long_ago,
                ready=Ready("True", long_ago), owner=self.owner, containers=(Container("main", {"cpu": Milli(100)}),))
            for n in range(self.pods)
        ]  # fmt: skip

    def pod_metrics(self, namespace: str, pods: Sequence[Pod], window: float = 0.0) -> tuple[PodMetrics, ...]:
        at = self.clock.now() - self.sample_age
        self.windows.append(window)
        return tuple(PodMetrics(pod.name, at, 15.0, (("main", {"cpu": Milli(self.used)}),)) for pod in pods)

    async def values(self, namespace: str, spec: MetricSpec, selector: str) -> Sequence[MetricValue]:
        self.questions.append((namespace, spec.name, selector))
        self.asking += 1
        self.asked_at_once = max(self.asked_at_once, self.asking)
        await asyncio.sleep(0)
        self.asking -= 1
        answer = self.answers[spec.name]
        if isinstance(answer, Exception):
            raise answer
        return (MetricValue(Milli(answer), "web-0", self.clock.now() - 9.0),)

    @property
    def epoch(self) -> int:
        return 5

    def pending(self, policy: Policy) -> Pending | None:
        return self.left

    def history(self, policy: Policy) -> History | None:
        return self.kept

    def refusal(self) -> str:
        return self.refused

    async def read(self, namespace: str, target: TargetRef, *, live: bool = False) -> Scale:
        if self.unreadable:
            raise self.unreadable
        return Scale(
            namespace=namespace, name=target.name, uid="d1", resource_version=str(self.version),
            replicas=self.replicas, observed=self.replicas, selector=self.selector,
        )  # fmt: skip

    async def of_replicas(self, namespace: str, target: TargetRef) -> str:
        return f"{self.manager} (Apply)"

    async def write(self, scale: Scale, target: TargetRef, replicas: int) -> Scale:
        self.written.append((replicas, scale.resource_version))
        self.manager = "hpa-companion"
        if self.refusals:
            raise self.refusals.pop(0)
        self.replicas = replicas
        return scale

    def evaluate(self, given: Policy | None = None) -> Decision:
        """One evaluation, and its status written."""
        return asyncio.run(self.evaluated(given))

    async def evaluated(self, given: Policy | None = None) -> Decision:
        decision = await self.reconciler.reconcile(given or policy())
        await self.postbox.flush()
        return decision

    def condition(self, type_: str) -> Condition:
        return next(each for each in self.statuses[-1].conditions if each.type == type_)


class _Owners:
    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    async def of(self, namespace: str, controllers: Iterable[Owner]) -> Mapping[str, str]:
        if self.shop.owners_fault:
            raise self.shop.owners_fault
        return {each.uid: self.shop.owners[each.uid] for each in controllers if each.uid in self.shop.owners}


class _Claims:
    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    @property
    def unseen(self) -> str:
        return self.shop.unseen

    def others(self, policy: Policy) -> Sequence[str]:
        return self.shop.others

    def warn(self, policy: Policy) -> None:
        self.shop.warned.append(str(policy.key))


class _Delivery:
    def condition(self) -> Condition:
        return Condition(type="AuditDelivered", status="True", reason="Delivered", message="")


class _Journal:
    halting = True

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    async def record(self, decision: Decision) -> str:
        if self.shop.spool_fault:
            raise self.shop.spool_fault
        self.shop.records.append(decision)
        return decision.id

    async def reserve(self, decision: Decision) -> None:
        if self.shop.no_room:
            raise self.shop.no_room

    async def reserved(self, key: str) -> Decision | None:
        return self.shop.meant


class _Policies:
    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    async def write(self, policy: Policy, status: PolicyStatus) -> None:
        if self.shop.status_fault:
            raise self.shop.status_fault
        (self.shop.promises if status.pending else self.shop.statuses).append(status)

    async def event(self, policy: Policy, note: EventNote) -> None:
        self.shop.notes.append(note)
