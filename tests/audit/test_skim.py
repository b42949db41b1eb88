"""The quick reader against the careful one."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from autoscaler.audit import codec
from autoscaler.audit.event import from_spool, line
from autoscaler.audit.skim import KEPT, Skim, _Basis
from autoscaler.core.repeats import repeat
from autoscaler.errors import MalformedError
from autoscaler.model.basis import Basis, Spec
from autoscaler.model.decision import Decision
from autoscaler.model.plan import History, Recommendation
from tests.audit.samples import BASIS, NOON, decision, record
from tests.core.chance import evaluations
from tests.core.test_recollection import recorded


def without_status(full: Decision) -> Decision:
    return replace(full, conditions=(), error="", sample_age=None, agreement=None)


def test_it_reads_what_the_careful_one_reads_but_for_the_status() -> None:
    skim = Skim()
    for each in evaluations(70, 500, deviating=0.5):
        full: Decision = recorded(each)
        assert skim.body(codec.encode(full)) == without_status(full)


def test_a_record_of_a_later_schema_is_left_to_who_says_so() -> None:
    assert Skim().body(codec.encode(replace(decision(), schema=2))) is None


def test_of_a_basis_nothing_is_lost() -> None:
    assert _Basis.__struct_fields__ == Basis.__struct_fields__, "a field of one is a field of both"
    basis = replace(
        BASIS, history=History(recommendations=(Recommendation(3, NOON),), restored=True), observed=4, period_start=2,
        zeroed=True, claims=("HorizontalPodAutoscaler/web",), unseen="x", protected=True,
    )  # fmt: skip
    full = decision(basis=basis, leadership=9)
    assert Skim().body(codec.encode(full)) == without_status(full)


def test_a_line_has_its_place_and_its_time() -> None:
    found = Skim().line(line(from_spool(record(3))))
    assert found is not None
    assert (found.epoch, found.seq, found.at) == (7, 3, NOON + 3)
    assert found.decision == without_status(decision(3))


def test_what_is_alike_is_the_same_object() -> None:
    skim = Skim()
    one, other = (skim.body(codec.encode(decision(number, basis=BASIS))) for number in (1, 2))
    assert one is not None
    assert other is not None
    assert one.basis is not None
    assert other.basis is not None
    assert one.basis.spec is other.basis.spec
    assert (one.target, one.policy) == (other.target, other.policy)
    assert one.target is other.target


def test_very_many_that_differ_are_not_kept() -> None:
    skim = Skim()
    for number in range(KEPT + 2):
        skim.body(codec.encode(decision(basis=replace(BASIS, spec=Spec(max_replicas=number)))))
    assert len(skim._specs._known) == 2


TWICE = replace(decision(), repeats=(repeat(decision(), decision(2)),))


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param((b'"outcome":"written"', b'"outcome":"dreamt"'), id="a later release"),
        pytest.param((b'"time":"2027', b'"time":"1027'), id="no time of ours"),
        pytest.param((b"[1350]", b"[1350,2]"), id="a row of other metrics"),
        pytest.param((b'"api_version"', b'"other"'), id="no target"),
        pytest.param((b'"seq":3', b'"seq":0'), id="no number"),
        pytest.param((b'"epoch":"7"', b'"epoch":"-1"'), id="no epoch"),
        pytest.param((b'"epoch":"7"', b'"epoch":"seven"'), id="no number at all"),
        pytest.param((b'"epoch":"7"', b'"epoch":"07"'), id="a number that no spool writes so"),
        pytest.param((b'"seq":3', b'"seq":9223372036854775808'), id="a number beyond all"),
        pytest.param((b"decision.v1", b"parked.v1"), id="a refused one"),
        pytest.param((b"decision.v1", b"decision.v2"), id="a later type"),
        pytest.param((b"dev.hpa-companion.decision.v1", b"com.example.order"), id="somebody else's"),
        pytest.param((b'"data":{', b'"data":{{'), id="no JSON"),
    ],
)
def test_what_is_no_usual_record_is_left_to_the_careful_one(changed: tuple[bytes, bytes]) -> None:
    text: Any = line(replace(from_spool(record(3)), body=codec.encode(TWICE)))
    assert Skim().line(text)
    assert Skim().line(text.replace(*changed)) is None


def test_a_row_of_other_metrics_is_none_for_both() -> None:
    body = codec.encode(TWICE).replace(b"[1350]", b"[1350,2]")
    assert Skim().body(body) is None
    with pytest.raises(MalformedError, match="repeats: 2 usages of 1 metrics"):
        codec.decode(body)
