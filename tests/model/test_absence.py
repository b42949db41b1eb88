from autoscaler.model.absence import Absence, Lack


def test_a_cause_is_a_sentence_with_its_time_when_that_is_known() -> None:
    assert str(Absence(Lack.NO_RATE, "one sample so far")) == "one sample so far"
    assert (
        str(Absence(Lack.NO_RATE, "one sample so far", 1_795_427_661.9))
        == "one sample so far (since 2026-11-23T09:54:21Z)"
    )
