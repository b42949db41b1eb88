import gzip
from collections import Counter
from typing import get_args

import msgspec
import pytest
from msgspec.structs import replace

from autoscaler.core.rebuild import Ask, rebuilt
from autoscaler.kube import bundle
from autoscaler.model.plan import Final, Stage
from tests.audit.samples import decision
from tests.conformance.upstream import BUNDLES
from tests.core.chance import evaluations
from tests.core.recording import mistakes, recorded

PARTS, EACH = 4, 25_000


@pytest.mark.parametrize("part", range(PARTS))
def test_a_hundred_thousand_records_give_their_numbers_again(part):
    """Half of them of policies that depart from the HPA."""
    reasons, stages = Counter(), Counter()
    for evaluation in evaluations(part, EACH, deviating=0.5):
        found = recorded(evaluation)
        assert not mistakes(found), evaluation
        reasons[found.reason] += 1
        stages.update(type(stage) for stage in found.stages)
    assert len(reasons) >= 18, "chance must reach most ways a decision can end"
    assert set(stages) == set(get_args(Stage)), "and every kind of stage"


def test_so_do_the_records_of_what_upstream_decided():
    with gzip.open(BUNDLES) if BUNDLES.suffix == ".gz" else BUNDLES.open("rb") as file:
        for line in file:
            found = recorded(bundle.read(line).evaluation)
            if found.current is not None:
                assert not mistakes(found), line


def test_a_number_that_was_changed_afterwards_shows():
    found = decision()
    assert rebuilt(found).replicas == found.desired == 5
    proposal, *others = found.stages
    forged = replace(found, stages=(replace(proposal, usage=proposal.usage * 2), *others))
    assert rebuilt(forged).replicas != found.desired


def test_nothing_can_be_said_without_the_sums():
    assert rebuilt(replace(decision(), truncated=("proposals",))).replicas is None
    assert rebuilt(replace(decision(), current=None)).replicas is None


def test_a_failed_pass_holds():
    proposal = replace(decision().stages[0], usage=None, replicas=None, reason="FailedGetResourceMetric")
    found = replace(decision(), desired=3, stages=(proposal, Final(current=3, replicas=3, why="")))
    assert msgspec.structs.astuple(rebuilt(found)) == ((None,), 3)


def test_what_another_usage_would_have_asked_for():
    proposal = decision().stages[0]
    assert [Ask(proposal).of(usage, 3) for usage in (450, 900, 1350, 3000)] == [2, 3, 5, 10]
