"""Everything that decides, put together: what an evaluation reads, how it writes, whom it tells, when it is made."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from functools import partial

from autoscaler.app.idleness import tell_idleness
from autoscaler.app.ids import ids
from autoscaler.audit.delivery import Delivery
from autoscaler.audit.outbox import Outbox
from autoscaler.clock import Clock
from autoscaler.config.settings import ControlSettings
from autoscaler.control.allowance import Allowance, WriteRates
from autoscaler.control.calm import Calm
from autoscaler.control.followers import Followers
from autoscaler.control.gatherer import Gatherer, UsageReader
from autoscaler.control.journal import Journal
from autoscaler.control.memory import Memory
from autoscaler.control.observer import Observer
from autoscaler.control.postbox import Postbox
from autoscaler.control.reconciler import Gate, Reconciler
from autoscaler.control.reverts import Reverts
from autoscaler.control.sweep import Evaluator, Forgetful, Pace, Policies, Sweep
from autoscaler.control.teller import Teller
from autoscaler.control.turns import Turns
from autoscaler.errors import SlowError
from autoscaler.kube import autoscalers, policies
from autoscaler.kube.adapters import Adapters
from autoscaler.kube.autoscalers import Autoscalers
from autoscaler.kube.claims import Claims
from autoscaler.kube.client import KubeClient
from autoscaler.kube.cluster import Cluster
from autoscaler.kube.deployments import Deployments
from autoscaler.kube.events import EventWriter
from autoscaler.kube.owners import Owners
from autoscaler.kube.policies import PolicyCache, PolicyClient
from autoscaler.kube.scale import ScaleClient
from autoscaler.kube.writers import Writers
from autoscaler.model.decision import Decision
from autoscaler.model.objects import ObjectKey, Pod
from autoscaler.telemetry import Telemetry

LAST_STATUSES_SECONDS = 1.0
Witness = Callable[[Decision], None]
Parts = dict[str, Callable[[], Coroutine[object, object, None]]]
"""What runs, by name."""


class _WitnessedOutbox:
    """The spool as the reconciler's journal; `witness` sees each record once it is durable, or for the disk to take."""

    def __init__(self, outbox: Outbox, witness: Witness) -> None:
        self._outbox = outbox
        self._witness = witness

    @property
    def halting(self) -> bool:
        return self._outbox.halting

    async def record(self, decision: Decision) -> str:
        try:
            record_id = await self._outbox.record(decision)
        except SlowError:
            self._witness(decision)
            raise
        self._witness(decision)
        return record_id

    async def reserve(self, decision: Decision) -> None:
        await self._outbox.reserve(decision)

    async def reserved(self, key: str) -> Decision | None:
        return await self._outbox.reserved(key)


class Scaling:
    """`parts` run until they are cancelled; nothing is decided before `open_gate`."""

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
        gate: Gate,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._client, self._settings, self._clock, self._telemetry = client, settings, clock, telemetry
        self._cluster, self._usage, self._delivery, self._gate = cluster, usage, delivery, gate
        self._journal = _WitnessedOutbox(outbox, witness)
        self._values, self._owners = Adapters(client, clock), Owners(client)
        self._sizes = Deployments(client, clock=clock, telemetry=telemetry.kube)
        self._scaler = ScaleClient(client, self._sizes, clock)
        self.policies = PolicyCache(client, clock=clock, telemetry=telemetry.kube)
        self._autoscalers = Autoscalers(client, clock=clock, telemetry=telemetry.kube)
        self._calm = Calm()
        self.events = EventWriter(client, clock, f"hpa-companion-{socket.gethostname()}", self._calm)
        self._claims = Claims(client, self.policies, self.events, clock=clock, telemetry=telemetry.kube)
        self._statuses = PolicyClient(client, self.policies, self.events, clock)
        self._postbox = Postbox(self._statuses, telemetry.control, self._calm)
        self._followers, self._watchers = Followers(), Followers()
        self.sweep = self._deciding()
        self._observing = self._looking_on() if settings.observe_hpas else None

    def _deciding(self) -> Sweep:
        """Our own policies."""
        memory, reverts, selecting = Memory(self._settings.sync_period, self._clock), Reverts(), Followers()
        journal = Journal(self._statuses, memory, self._gate)
        reconciler = Reconciler(
            gatherer=self._gatherer(memory, self._followers, selecting),
            scaler=self._scaler,
            writers=Writers(self._client, self._clock),
            teller=self._teller(),
            memory=memory,
            reverts=reverts,
            allowance=self._allowance(),
            gate=self._gate,
            journal=journal,
            turns=Turns(self._calm),
            settings=self._settings.controller,
            protected=self._settings.protected_namespaces,
            clock=self._clock,
            telemetry=self._telemetry.control,
        )
        memories = (memory, journal, reverts, self._postbox, self._followers, selecting)
        return self._sweep(self.policies, reconciler, memories, policies.KIND, self._calm)

    def _looking_on(self) -> Sweep:
        """HPAs that somebody else scales by."""
        memory, selecting = Memory(self._settings.sync_period, self._clock), Followers()
        observer = Observer(
            gatherer=self._gatherer(memory, self._watchers, selecting),
            teller=self._teller(),
            memory=memory,
            statuses=self._autoscalers,
            sync_period=self._settings.sync_period,
            telemetry=self._telemetry.control,
        )
        memories = (memory, observer, self._watchers, selecting)
        return self._sweep(self._autoscalers, observer, memories, autoscalers.KIND, Calm())

    def _gatherer(self, memory: Memory, followers: Followers, selecting: Followers) -> Gatherer:
        return Gatherer(
            targets=self._cluster,
            usage=self._usage,
            values=self._values,
            owners=self._owners,
            claims=self._claims,
            scales=self._scaler,
            memory=memory,
            followers=followers,
            selecting=selecting,
            settings=self._settings.controller,
            clock=self._clock,
        )

    def _allowance(self) -> Allowance:
        settings = self._settings
        rates = WriteRates(cluster=settings.writes_per_second, namespace=settings.namespace_writes_per_second)
        return Allowance(rates, self._clock)

    def _teller(self) -> Teller:
        return Teller(
            self._journal,
            self._postbox,
            self._statuses,
            self._delivery,
            self._telemetry.control,
            rivals=self._claims,
            new_id=partial(next, ids()),
            leadership=lambda: self._gate.epoch,
        )

    def _sweep(
        self, known: Policies, evaluator: Evaluator, memories: Sequence[Forgetful], kind: str, calm: Calm
    ) -> Sweep:
        settings = self._settings
        return Sweep(
            policies=known,
            evaluator=evaluator,
            memories=memories,
            pace=Pace(sync_period=settings.sync_period, evaluation_interval=settings.evaluation_interval),
            clock=self._clock,
            known=self._telemetry.control.targets.labels(kind).set,
            calm=calm,
        )

    def open_gate(self) -> None:
        """There is something to decide from, and it is ours to decide: begin."""
        for sweep in self._sweeps():
            sweep.open_gate()

    def close_gate(self) -> None:
        """Another process decides: begin nothing more until the gate is opened again."""
        for sweep in self._sweeps():
            sweep.close_gate()

    def stop(self) -> None:
        """Begin nothing more."""
        for sweep in self._sweeps():
            sweep.stop()

    async def finish(self) -> None:
        """After the last evaluation: tell what was to be told with the next one, while that takes a second at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_STATUSES_SECONDS):
                await self._postbox.flush()

    def _sweeps(self) -> Sequence[Sweep]:
        return (self.sweep,) if self._observing is None else (self.sweep, self._observing)

    def fresh(self, pods: Sequence[ObjectKey]) -> None:
        """New samples of these pods are in."""
        self.sweep.fresh(self._followers.of(pods))
        if self._observing is not None:
            self._observing.fresh(self._watchers.of(pods))

    def follow_any(self, pods: Collection[Pod]) -> bool:
        """Whether a target is decided by the numbers of one of these pods."""
        return self._followers.follow_any(pods) or self._watchers.follow_any(pods)

    def parts(self) -> Parts:
        """What has to run."""
        made: Parts = {
            "policies": self.policies.run,
            "claims": self._claims.run,
            "sizes": self._watch_sizes,
            "statuses": self._postbox.run,
            "events": self.events.run,
            "sweep": self.sweep.run,
            "policy changes": self._follow_policies,
            "claim changes": self._follow_claims,
        }
        if (observing := self._observing) is None:
            made["idleness"] = partial(tell_idleness, self.policies)
        else:
            made |= {
                "HPAs": self._autoscalers.run,
                "observing": observing.run,
                "HPA changes": lambda: self._follow_autoscalers(observing),
            }
        return made

    async def _watch_sizes(self) -> None:
        """From the first policy on: who only serves metrics need not know any Deployment."""
        changes = self.policies.policy_changes()
        if not self.policies.policies():
            await anext(changes)
        await self._sizes.run()

    async def _follow_policies(self) -> None:
        async for key in self.policies.policy_changes():
            self.sweep.changed()
            self.sweep.fresh({key})  # its rivals may have changed, and not its spec

    async def _follow_claims(self) -> None:
        async for key in self._claims.changes():
            self.sweep.fresh({key})

    async def _follow_autoscalers(self, sweep: Sweep) -> None:
        async for _ in self._autoscalers.policy_changes():
            sweep.changed()
