"""An observer sees what the reconciler sees, writes nothing, and says how it compares (shop: tests/control/shop.py)."""

import asyncio
import itertools

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from autoscaler.control.followers import Followers
from autoscaler.control.gatherer import Gatherer
from autoscaler.control.memory import Memory, identity
from autoscaler.control.observer import Observer
from autoscaler.control.teller import Teller
from autoscaler.core.comparison import Theirs
from autoscaler.model.agreement import Verdict
from autoscaler.model.decision import Outcome
from autoscaler.model.plan import Limited
from autoscaler.model.policy import Behavior, ControllerSettings, Mode, ScalingPolicy, ScalingRules
from autoscaler.telemetry import ControlTelemetry
from tests.control.shop import Shop, _Claims, _Delivery, _Journal, _Owners, _Policies, policy

ONE_A_MINUTE = ScalingRules(stabilization=0, policies=(ScalingPolicy("Pods", 1, 60),))


class Gallery:
    """A shop and somebody who only looks."""

    def __init__(self):
        self.shop = Shop()
        self.hpa = policy(kind="HorizontalPodAutoscaler", mode=Mode.OBSERVE)
        self.desired = 2
        self.registry = CollectorRegistry()
        shop, telemetry, ids = self.shop, ControlTelemetry(self.registry), itertools.count(1)
        memory = Memory(15, shop.clock)
        self.observer = Observer(
            gatherer=Gatherer(
                targets=shop, usage=shop, values=shop, owners=_Owners(shop), claims=_Claims(shop), scales=shop,
                memory=memory, followers=Followers(), selecting=Followers(), settings=ControllerSettings(),
                clock=shop.clock,
            ),
            teller=Teller(
                _Journal(shop), shop.postbox, _Policies(shop), _Delivery(), telemetry, rivals=_Claims(shop),
                new_id=lambda: f"id-{next(ids)}", leadership=lambda: None,
            ),
            memory=memory, statuses=self, sync_period=15.0, telemetry=telemetry,
        )  # fmt: skip

    def theirs(self, key):
        return Theirs(desired=self.desired) if key == self.hpa.key else None

    def later(self, seconds):
        asyncio.run(self.shop.clock.advance(seconds))

    def look(self):
        return asyncio.run(self.observer.reconcile(self.hpa))

    def value(self, name, **labels):
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def gallery():
    return Gallery()


def test_nothing_is_written_and_everything_recorded(gallery):
    decision = gallery.look()
    assert (decision.outcome, decision.current, decision.desired) == (Outcome.OBSERVED, 2, 4)
    assert decision.policy.kind == "HorizontalPodAutoscaler"
    assert gallery.shop.records == [decision]
    assert (gallery.shop.written, gallery.shop.statuses, gallery.shop.notes) == ([], [], [])


def test_the_agreement_is_in_the_record_and_in_series(gallery):
    assert gallery.look().agreement.verdict is Verdict.AHEAD
    gallery.later(9)
    gallery.desired = gallery.shop.replicas = 4
    gallery.shop.used = 60
    found = gallery.look()
    assert (found.agreement.verdict, found.agreement.lead, found.outcome) == (Verdict.SAME, 9.0, Outcome.HELD)
    assert gallery.value("autoscaler_agreements_total", verdict="ahead") == 1
    assert gallery.value("autoscaler_observed_hpas", verdict="same") == 1
    assert [gallery.value("autoscaler_observed_lead_seconds_bucket", le=le) for le in ("5.0", "15.0")] == [0, 1]


def test_a_difference_that_stays_is_explained(gallery):
    gallery.look()
    gallery.later(46)
    agreement = gallery.look().agreement
    assert (agreement.verdict, agreement.theirs) == (Verdict.DIFFERS, 2)
    assert agreement.because


def test_what_the_hpa_wrote_counts_towards_its_rate_limits(gallery):
    """Seen in either order: the size first, or the status that says when it was written."""
    gallery.hpa = replace(gallery.hpa, behavior=Behavior(ONE_A_MINUTE, ONE_A_MINUTE), last_scale=None)
    assert gallery.look().desired == 3
    gallery.shop.replicas = 3
    gallery.later(5)
    gallery.look()
    gallery.hpa = replace(gallery.hpa, last_scale=gallery.shop.clock.now() - 4)
    found = gallery.look()
    limited = next(stage for stage in found.stages if isinstance(stage, Limited))
    assert (found.desired, limited.limit, limited.start) == (3, 3, 2)
    gallery.later(70)
    assert gallery.look().desired == 4


def test_an_hpa_that_is_gone_is_forgotten(gallery):
    gallery.look()
    gallery.observer.forget_all_but({identity(gallery.hpa)})
    assert gallery.value("autoscaler_observed_hpas", verdict="ahead") == 1
    gallery.observer.forget_all_but(set())
    assert gallery.value("autoscaler_observed_hpas", verdict="ahead") == 0


def test_without_a_scale_nothing_can_be_compared(gallery):
    gallery.shop.unreadable = None
    gallery.desired = None
    assert gallery.look().agreement.verdict is Verdict.UNKNOWN
