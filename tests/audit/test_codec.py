from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator

from autoscaler.audit import codec
from autoscaler.core.rebuild import rebuilt
from autoscaler.core.repeats import expanded
from autoscaler.errors import AuditError, LaterError, MalformedError
from autoscaler.model.basis import Basis, Spec
from autoscaler.model.decision import SCHEMA_VERSION, Decision, PolicyRef, Repeat
from autoscaler.model.plan import Chosen, Counted, Final, Proposal
from autoscaler.model.policy import MetricSpec, TargetRef
from tests.audit.samples import cpu_proposal, decision, record, stages


def names(count: int, prefix: str = "web") -> tuple[str, ...]:
    return tuple(f"{prefix}-7d9f8b6c5d-{index:05}" for index in range(count))


def proposal_of(decoded: Decision) -> Proposal:
    return next(stage for stage in decoded.stages if isinstance(stage, Proposal))


def test_a_decision_comes_back_as_it_went() -> None:
    assert codec.decode(codec.encode(decision())) == decision()


def test_the_body_says_its_schema_and_names_its_stages() -> None:
    body = json.loads(codec.encode(decision()))
    assert body["schema"] == 1
    assert [stage["stage"] for stage in body["stages"]] == ["proposal", "chosen", "stabilized", "limited", "final"]
    assert body["truncated"] == []


def test_a_field_of_a_later_release_is_no_obstacle() -> None:
    body = json.loads(codec.encode(decision())) | {"forecast": {"replicas": 9}}
    assert codec.decode(json.dumps(body).encode()) == decision()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(codec.encode(decision())[:-20], id="cut off"),
        pytest.param(b'{"id": "a"}', id="fields missing"),
        pytest.param(b'{"id": "\xff"}', id="no unicode"),
        pytest.param(b"[]", id="no object"),
    ],
)
def test_what_is_no_decision_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError, match="audit record"):
        codec.decode(body)


def test_headers_are_those_of_a_binary_cloudevent() -> None:
    assert codec.headers(record(3)) == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"web-3"),
        ("ce_source", b"/hpa-companion/autoscaler"),
        ("ce_type", b"dev.hpa-companion.decision.v1"),
        ("ce_time", b"2027-01-15T08:00:03.000000Z"),
        ("content-type", b"application/json"),
        ("epoch", b"7"),
        ("seq", b"3"),
    ]


def test_a_stub_keeps_id_and_number_and_says_why() -> None:
    refused = record(3)
    stub = codec.stub(refused, "MessageSizeTooLargeError: 1")
    assert (stub.key, stub.epoch, stub.seq, stub.position) == (refused.key, 7, 3, 3)
    assert dict(codec.headers(stub, codec.PARKED_TYPE))["ce_id"] == b"web-3"
    assert json.loads(stub.body) == {
        "id": "web-3",
        "time": "2027-01-15T08:00:03.000000Z",
        "reason": "MessageSizeTooLargeError: 1",
        "size": len(refused.body),
    }


class TestTooLong:
    def test_pod_names_go_first_and_are_counted(self) -> None:
        pods = Counted(ready=3, unready=names(2000, "slow"), missing=names(3000, "gone"), ignored=names(4))
        body = codec.encode(decision(stages=stages(cpu_proposal(pods=pods))))
        found = codec.decode(body)
        assert len(body) <= codec.MAX_BODY
        assert found.truncated == ("pods",)
        kept = proposal_of(found).pods
        assert kept is not None
        assert kept.unready == names(10, "slow")
        assert kept.unnamed is not None
        assert (kept.unnamed.unready, kept.unnamed.missing, kept.unnamed.ignored) == (1990, 2990, 0)
        assert found.events == decision().events

    def test_many_metrics_keep_their_sums_without_any_name(self) -> None:
        pods = Counted(ready=3, missing=tuple("n" * 253 + str(index) for index in range(20)))
        found = codec.decode(codec.encode(decision(stages=tuple(cpu_proposal(pods=pods) for _ in range(60)))))
        assert found.truncated == ("pods",)
        assert proposal_of(found).pods == msgspec.convert({"ready": 3, "unnamed": {"missing": 20}}, Counted)

    def test_a_megabyte_of_text_is_cut_where_one_can_see_it(self) -> None:
        hostile = "\x1b[31m\u202e" + "x" * 1_000_000
        found = codec.decode(codec.encode(decision(error=hostile)))
        assert found.truncated == ("texts",)
        assert found.error == hostile[:1023] + "…"
        assert found.stages == decision().stages

    def test_a_spec_that_is_too_long_goes_before_the_sums_do(self) -> None:
        metrics = tuple(MetricSpec(type="External", name=f"queue-{each:0500}") for each in range(200))
        found = codec.decode(codec.encode(decision(basis=Basis(spec=Spec(metrics=metrics)))))
        assert found.truncated == ("events", "basis")
        assert found.basis is None
        assert found.stages == decision().stages

    def test_proposals_go_before_the_number_does(self) -> None:
        found = codec.decode(
            codec.encode(decision(stages=tuple(cpu_proposal(label="l" * 500) for _ in range(500)) + stages()[1:]))
        )
        assert found.truncated == ("events", "basis", "proposals")
        assert isinstance(found.stages[0], Chosen)
        assert isinstance(found.stages[-1], Final)

    def test_a_record_that_is_long_everywhere_still_fits(self) -> None:
        flood = "\x00" * 100_000
        found = decision(
            error=flood,
            namespace=flood,
            target=TargetRef(flood, flood, flood),
            policy=PolicyRef(flood, flood, flood, flood, 1),
            stages=(
                cpu_proposal(label=flood),
                Chosen(metric=flood, replicas=2),
                Final(current=1, replicas=2, why=flood),
            ),
        )
        body = codec.encode(found)
        assert len(body) <= codec.MAX_BODY
        assert codec.decode(body).truncated == ("texts", "events", "basis", "proposals", "names")


def test_text_that_is_no_unicode_is_an_audit_error() -> None:
    with pytest.raises(AuditError, match="no Unicode"):
        codec.encode(decision(error="\ud800"))


class TestSchema:
    """The published contract: what we write follows it, and what was written under it is read for ever."""

    SCHEMA = files("autoscaler.audit") / f"decision.v{SCHEMA_VERSION}.schema.json"
    KEPT = Path(__file__).parent / "data" / "decision.v1.jsonl"

    def test_every_body_follows_it(self) -> None:
        validator = Draft202012Validator(json.loads(self.SCHEMA.read_text()))
        for body in [codec.encode(decision()), *self.KEPT.read_bytes().splitlines()]:
            validator.validate(json.loads(body))

    def test_it_refuses_what_is_no_record(self) -> None:
        validator = Draft202012Validator(json.loads(self.SCHEMA.read_text()))
        body = json.loads(codec.encode(decision()))
        for change in ({"desired": "5"}, {"reason": "Because"}, {"outcome": "lost"}, {"stages": [{"stage": "magic"}]}):
            assert not validator.is_valid(body | change), change
        del body["id"]
        assert not validator.is_valid(body)

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("current",), -1), (("desired",), -3), (("desired",), 2**31), (("sample_age",), -0.5),
            (("policy", "generation"), 2**63), (("leadership",), 10**400), (("stages", 3, "min_replicas"), -1),
            (("stages", 3, "max_replicas"), -1), (("stages", 4, "replicas"), -5), (("stages", 0, "usage"), 2**63),
            (("stages", 0, "target"), 10**400), (("stages", 0, "pods", "ready"), -1), (("stages", 0, "samples"), -1),
            (("stages", 2, "down_window"), 1e300), (("repeats",), [[1.0, -1.0, [5]]]),
            (("basis", "spec", "max_replicas"), 2**63),
        ],
    )  # fmt: skip
    def test_a_number_beyond_its_bounds_is_in_no_record(self, path: tuple[str | int, ...], value: object) -> None:
        validator = Draft202012Validator(json.loads(self.SCHEMA.read_text()))
        body = json.loads(codec.encode(decision()))
        assert validator.is_valid(body)
        inner = body
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value
        assert not validator.is_valid(body)
        with pytest.raises(MalformedError, match="audit record: Expected"):
            codec.decode(json.dumps(body).encode())

    def test_bodies_of_this_version_are_read_for_ever(self) -> None:
        """Never write this file anew for a change of the record: raise SCHEMA_VERSION, and keep reading it."""
        for body in self.KEPT.read_bytes().splitlines():
            found = codec.decode(body)
            assert found.schema == 1
            for each in expanded(found):
                if each.current is not None:
                    assert rebuilt(each).replicas == each.desired


DEEP = b"[" * 100_000


@pytest.mark.parametrize("read", [codec.decode, codec.head])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(DEEP, id="nested"),
        pytest.param(b'{"id":' + DEEP, id="nested within"),
        pytest.param(b'{"x":' + DEEP, id="nested in a field nobody knows"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b'{"id":"\xff"}', id="no text within"),
    ],
)
def test_what_is_no_json_is_malformed(read: Callable[[bytes], object], body: bytes) -> None:
    with pytest.raises(MalformedError, match="audit record: "):
        read(body)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"time": "9999-12-31T23:59:59Z"}, id="the end of time"),
        pytest.param({"time": "0001-01-01T00:00:00Z"}, id="its beginning"),
        pytest.param({"repeats": (Repeat(1e308, None, ()),)}, id="a repeat after all"),
        pytest.param({"repeats": (Repeat(-1e9, None, ()),)}, id="a repeat before the record"),
    ],
)
def test_a_time_that_no_record_has_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(MalformedError, match=r"audit record: (time|repeats)"):
        codec.decode(codec.encode(decision(**changes)))


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        pytest.param("reason", "QuotaReached", "reason 'QuotaReached'", id="reason"),
        pytest.param("outcome", "queued", "outcome 'queued'", id="outcome"),
        pytest.param("action", "replace", "action 'replace'", id="action"),
        pytest.param("stages", [{"stage": "quota", "left": 3}], "stage 'quota'", id="stage"),
    ],
)
def test_a_word_of_a_later_release_is_told_as_that(field: str, value: object, told: str) -> None:
    body = msgspec.json.encode(msgspec.json.decode(codec.encode(decision())) | {field: value})
    with pytest.raises(LaterError, match=f"of a later release: {told}"):
        codec.decode(body)


def test_a_later_release_may_add_fields_and_change_what_the_schema_says() -> None:
    plain = msgspec.json.decode(codec.encode(decision()))
    assert codec.decode(msgspec.json.encode(plain | {"weather": "fair"})) == decision()
    for misread in (plain | {"schema": 2, "desired": {"web": 5}}, plain | {"schema": 2}):
        with pytest.raises(LaterError, match="schema 2"):
            codec.decode(msgspec.json.encode(misread))
    with pytest.raises(MalformedError) as caught:
        codec.decode(msgspec.json.encode(plain | {"desired": "many"}))
    assert not isinstance(caught.value, LaterError)
