from __future__ import annotations

import pytest
from aiokafka.errors import for_code

from autoscaler.audit import refusals

FINAL = {"message too large": 10, "record list too large": 18, "invalid timestamp": 32, "invalid record": 87}
FOR_A_PERSON = {"no such topic": 3, "invalid topic": 17, "no right to the topic": 29, "no right to the cluster": 31}


@pytest.mark.parametrize("code", FINAL.values(), ids=FINAL)
def test_a_refusal_of_the_record_itself_is_final(code: int) -> None:
    refusals.known()
    assert issubclass(for_code(code), refusals.OF_A_RECORD)


@pytest.mark.parametrize("code", FOR_A_PERSON.values(), ids=FOR_A_PERSON)
def test_what_a_person_can_mend_is_not(code: int) -> None:
    refusals.known()
    assert not issubclass(for_code(code), refusals.OF_A_RECORD)
