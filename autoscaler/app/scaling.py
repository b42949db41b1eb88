"""Everything that decides, put together: what an evaluation reads, how it writes, whom it tells, when it is made."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable, Coroutine, Iterable

from autoscaler.audit.delivery import Delivery
from autoscaler.audit.outbox import Outbox
from autoscaler.clock import Clock
from autoscaler.config.settings import ControlSettings
from autoscaler.control.allowance import Allowance, WriteRates
from autoscaler.control.followers import Followers
from autoscaler.control.gatherer import Gatherer, UsageReader
from autoscaler.control.memory import Memory
from autoscaler.control.reconciler import Reconciler
from autoscaler.control.reverts import Reverts
from autoscaler.control.sweep import Pace, Sweep
from autoscaler.control.teller import Teller
from autoscaler.kube.adapters import Adapters
from autoscaler.kube.claims import Claims
from autoscaler.kube.client import KubeClient
from autoscaler.kube.cluster import Cluster
from autoscaler.kube.events import EventWriter
from autoscaler.kube.owners import Owners
from autoscaler.kube.policies import PolicyCache, PolicyClient
from autoscaler.kube.scale import ScaleClient
from autoscaler.kube.writers import Writers
from autoscaler.model.decision import Decision
from autoscaler.model.objects import ObjectKey
from autoscaler.telemetry import Telemetry

Witness = Callable[[Decision], None]
Parts = dict[str, Callable[[], Coroutine[object, object, None]]]
"""What runs, by name."""


class _WitnessedOutbox:
    """The spool as the reconciler's journal; `witness` sees each record once it is durable."""

    def __init__(self, outbox: Outbox, witness: Witness) -> None:
        self._outbox = outbox
        self._witness = witness

    async def record(self, decision: Decision) -> str:
        record_id = await self._outbox.record(decision)
        self._witness(decision)
        return record_id


class Scaling:
    """`parts` run until they are cancelled; nothing is decided before the `sweep`'s gate is opened."""

    def __init__(
        self,
        client: KubeClient,
        *,
        settings: ControlSettings,
        cluster: Cluster,
        usage: UsageReader,
        outbox: Outbox,
        delivery: Delivery,
        witness: Witness,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self.policies = PolicyCache(client, clock=clock, telemetry=telemetry.kube)
        self._claims = Claims(client, self.policies, clock=clock, telemetry=telemetry.kube)
        self.events = EventWriter(client, clock, f"hpa-companion-{socket.gethostname()}")
        self._followers, selecting = Followers(), Followers()
        memory, reverts, scaler = Memory(settings.sync_period), Reverts(), ScaleClient(client, clock)
        reconciler = Reconciler(
            gatherer=Gatherer(
                targets=cluster,
                usage=usage,
                values=Adapters(client, clock),
                owners=Owners(client),
                claims=self._claims,
                scales=scaler,
                memory=memory,
                followers=self._followers,
                selecting=selecting,
                settings=settings.controller,
                clock=clock,
            ),
            scaler=scaler,
            writers=Writers(client, clock),
            teller=Teller(
                _WitnessedOutbox(outbox, witness),
                PolicyClient(client, self.policies, self.events, clock),
                delivery,
                telemetry.control,
                lambda: uuid.uuid4().hex,
            ),
            memory=memory,
            reverts=reverts,
            allowance=Allowance(
                WriteRates(cluster=settings.writes_per_second, namespace=settings.namespace_writes_per_second), clock
            ),
            compat=settings.controller.compat,
            protected=settings.protected_namespaces,
            clock=clock,
            telemetry=telemetry.control,
        )
        self.sweep = Sweep(
            policies=self.policies,
            evaluator=reconciler,
            memories=(memory, reverts, self._followers, selecting),
            pace=Pace(sync_period=settings.sync_period, evaluation_interval=settings.evaluation_interval),
            clock=clock,
            telemetry=telemetry.control,
        )

    def fresh(self, pods: Iterable[ObjectKey]) -> None:
        """New samples of these pods are in."""
        self.sweep.fresh(self._followers.of(pods))

    def follows(self, pod: ObjectKey) -> bool:
        """Whether a target is decided by this pod's numbers."""
        return self._followers.follows(pod)

    def parts(self) -> Parts:
        """What has to run."""
        return {
            "policies": self.policies.run,
            "claims": self._claims.run,
            "events": self.events.run,
            "sweep": self.sweep.run,
            "policy changes": self._follow_policies,
            "claim changes": self._follow_claims,
        }

    async def _follow_policies(self) -> None:
        async for key in self.policies.policy_changes():
            self.sweep.changed()
            self.sweep.fresh({key})  # its rivals may have changed, and not its spec

    async def _follow_claims(self) -> None:
        async for key in self._claims.changes():
            self.sweep.fresh({key})
