import pytest
from msgspec.structs import replace

from autoscaler.audit import codec
from autoscaler.audit.event import from_spool
from autoscaler.cli.replayitems import OTHERS, PLACELESS, REFUSED, Body, Unread, item, stranger
from autoscaler.errors import LaterError, MalformedError, OtherError
from tests.audit.samples import NOON, record

EVENT = from_spool(replace(record(3), shed=2))
LATER = "dev.hpa-companion.decision.v2"


def test_a_decision_is_to_be_made_again_and_other_records_have_a_place_and_a_reason():
    assert item(EVENT) == Body(EVENT.key, 7, 3, EVENT.body, 2)
    assert item(replace(EVENT, type=codec.PARKED_TYPE)) == Unread(EVENT.key, 7, 3, NOON + 3, REFUSED, 2)
    told = f"audit record of a later release: type {LATER}"
    assert item(replace(EVENT, type=LATER)) == Unread(EVENT.key, 7, 3, NOON + 3, told, 2)
    with pytest.raises(MalformedError):
        item(replace(EVENT, type=LATER, time="noon"))


@pytest.mark.parametrize(
    ("error", "told"), [(OtherError("x"), OTHERS), (LaterError("x"), PLACELESS), (MalformedError("x"), "")]
)
def test_what_is_broken_is_no_stranger(error, told):
    assert stranger(error) == told
