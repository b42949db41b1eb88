import gzip
import re

import msgspec
import pytest
from msgspec.structs import replace

from autoscaler.audit import codec
from autoscaler.core.discrepancies import discrepancies
from autoscaler.core.repeats import repeat
from autoscaler.kube import bundle
from autoscaler.model.decision import Repeat
from autoscaler.model.plan import Limited, Proposal
from tests.audit.samples import decision
from tests.conformance.upstream import BUNDLES
from tests.core.chance import evaluations
from tests.core.evaluations import evaluation
from tests.core.recording import recorded


@pytest.mark.parametrize("part", range(2))
def test_no_record_of_ours_says_what_its_sums_do_not_give(part):
    """Of all kinds of metrics, policies and failures; half of them depart from the HPA."""
    for each in evaluations(part + 70, 5_000, deviating=0.5):
        assert not list(discrepancies(recorded(each))), each


def test_nor_does_any_of_what_upstream_decided():
    with gzip.open(BUNDLES) if BUNDLES.suffix == ".gz" else BUNDLES.open("rb") as file:
        for line in file:
            given = bundle.read(line).evaluation
            assert not list(discrepancies(recorded(replace(given, now=round(given.now, 6))))), line


FOUND = recorded(evaluation())


def bent(changes, of=Proposal):
    return replace(FOUND, stages=tuple(replace(s, **changes) if type(s) is of else s for s in FOUND.stages))


@pytest.mark.parametrize(
    ("found", "told"),
    [
        pytest.param(bent({"ratio": 0.5}), "Resource metric cpu: ratio 0.5, its sums give", id="ratio"),
        pytest.param(bent({"current": 50}), "Resource metric cpu: current 50, its sums give", id="percentage"),
        pytest.param(bent({"average": 999}), "Resource metric cpu: average 999, its sums give", id="average"),
        pytest.param(bent({"replicas": 11}), "replicas 11, its sums give 4", id="what a metric asks for"),
        pytest.param(bent({"usage": FOUND.stages[0].usage * 3}), "replicas 4, its sums give 10", id="usage"),
        pytest.param(bent({"requests": FOUND.stages[0].requests * 2}), "current ", id="requests"),
        pytest.param(bent({"pods": replace(FOUND.stages[0].pods, ready=1)}), "its sums give 2", id="ready"),
        pytest.param(bent({"target": FOUND.stages[0].target + 1}), "target ", id="target"),
        pytest.param(bent({"tolerance_up": 0.5}), "tolerance_up 0.5, its sums give 0.1", id="tolerance"),
        pytest.param(bent({"limit": 77}, Limited), "limited: limit 77, its sums give", id="a limit"),
        pytest.param(replace(FOUND, reason="BelowTarget"), "reason BelowTarget, its sums give", id="reason"),
        pytest.param(replace(FOUND, stages=FOUND.stages[1:]), "has the step chosen where its sums give", id="none"),
    ],
)  # fmt: skip
def test_one_edit_shows(found, told):
    [said] = discrepancies(codec.decode(codec.encode(found)))
    assert told in said


def test_sentences_are_not_compared():
    assert not list(discrepancies(bent({"why": "worded by another release"})))


def test_what_a_record_has_lost_is_passed_over():
    found = bent({"ratio": 0.5})
    assert not list(discrepancies(replace(found, truncated=("texts",))))
    assert not list(discrepancies(replace(found, basis=None)))


def test_a_row_is_decided_again_too():
    again = repeat(FOUND, FOUND)
    rows = (again, Repeat(15.0, None, tuple(0 for _ in again.usage)))
    [said] = discrepancies(replace(FOUND, repeats=rows))
    assert re.fullmatch(r"says 4, its sums give \d+", said)


def test_an_end_without_its_event_is_told():
    found = replace(FOUND, reason="InvalidSelector", events=(), stages=())
    assert any("cannot be decided again" in each for each in discrepancies(found))


def test_numbers_that_no_json_has_come_back_as_none():
    target = msgspec.structs.replace(decision().stages[0], target=0)
    assert all(isinstance(each, str) for each in discrepancies(replace(decision(), stages=(target,))))
