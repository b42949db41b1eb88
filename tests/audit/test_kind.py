from __future__ import annotations

import pytest

from autoscaler.audit.codec import DECISION_TYPE, PARKED_TYPE, PROBE_TYPE
from autoscaler.audit.kind import Kind, kind_of


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        (DECISION_TYPE, Kind.DECISION),
        (PARKED_TYPE, Kind.PARKED),
        ("dev.hpa-companion.decision.v2", Kind.LATER),
        ("dev.hpa-companion.parked.v2", Kind.LATER),
        ("dev.hpa-companion.decision.v10", Kind.LATER),
        (PROBE_TYPE, Kind.OTHER),
        ("dev.hpa-companion.decision.v0", Kind.OTHER),
        ("dev.hpa-companion.decision.v01", Kind.OTHER),
        ("dev.hpa-companion.decision.v2x", Kind.OTHER),
        ("dev.hpa-companion.decision.v2\n", Kind.OTHER),
        ("dev.hpa-companion.decision.v²", Kind.OTHER),
        ("dev.hpa-companion.decision.v٢", Kind.OTHER),
        ("devxhpa-companion.decision.v2", Kind.OTHER),
        ("com.example.order.placed", Kind.OTHER),
        ("", Kind.OTHER),
    ],
)
def test_the_type_says_what_an_event_is(type_: str, kind: Kind) -> None:
    assert kind_of(type_) is kind
