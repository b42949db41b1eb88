from __future__ import annotations

import pytest

from autoscaler.audit.event import from_spool
from autoscaler.audit.wanted import Wanted
from tests.audit.samples import NOON, decision, record


@pytest.mark.parametrize(
    ("target", "taken"),
    [
        pytest.param("", True, id="any"),
        pytest.param("shop/web", True, id="without its kind"),
        pytest.param("shop/Deployment/web", True, id="with its kind"),
        pytest.param("shop/*", True, id="all of a namespace"),
        pytest.param("*/web", True, id="one name everywhere"),
        pytest.param("shop/w", False, id="a part of a name"),
        pytest.param("SHOP/web", False, id="another case"),
    ],
)
def test_targets(target: str, taken: bool) -> None:
    assert Wanted(target=target).takes_target(from_spool(record(1))) is taken


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        pytest.param(Wanted(), True, id="everything"),
        pytest.param(Wanted(since=NOON + 5), True, id="at the first moment"),
        pytest.param(Wanted(until=NOON + 5), True, id="at the last moment"),
        pytest.param(Wanted(since=NOON + 6), False, id="too early"),
        pytest.param(Wanted(until=NOON + 4), False, id="too late"),
        pytest.param(Wanted(reasons=("OnTarget", "AboveTarget")), True, id="one of the reasons"),
        pytest.param(Wanted(reasons=("OnTarget",)), False, id="another reason"),
        pytest.param(Wanted(outcomes=("written",)), True, id="the outcome"),
        pytest.param(Wanted(outcomes=("held",)), False, id="another outcome"),
    ],
)
def test_evaluations(wanted: Wanted, taken: bool) -> None:
    assert wanted.takes(decision(5)) is taken
