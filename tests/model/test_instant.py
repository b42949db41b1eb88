import pytest

from autoscaler.errors import MalformedError
from autoscaler.model.instant import micro_text, micros_after, parse_instant, seconds_text


def test_texts_are_those_of_metav1_time_and_microtime() -> None:
    assert seconds_text(1795427661.9) == "2026-11-23T09:54:21Z"
    assert micro_text(1795427661.25) == "2026-11-23T09:54:21.250000Z"


@pytest.mark.parametrize("at", [0.0, 1795427661.0, 1795427661.25])
def test_parsing_gives_back_what_was_written(at: float) -> None:
    assert parse_instant(micro_text(at)) == at


@pytest.mark.parametrize("at", [0.0, 1795427661.123456, 1795427661.9999997, 4_102_444_800.000001])
def test_a_microsecond_is_as_it_is_written_and_the_next_one_is_another(at: float) -> None:
    near = [micros_after(at, count) for count in (-1, 0, 1)]
    assert [parse_instant(micro_text(each)) for each in near] == near == sorted(set(near))
    assert micro_text(near[1]) == micro_text(at)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-23T09:54:21", "2026-13-01T00:00:00Z"])
def test_what_is_no_instant_is_named(text: str) -> None:
    with pytest.raises(MalformedError, match=r"RFC 3339|time zone"):
        parse_instant(text)
