import pytest

from autoscaler.cli.moments import between, last_moment, moment
from autoscaler.errors import ConfigError

NOON = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "at"),
    [
        pytest.param("2027-01-15T08:00:00Z", NOON, id="RFC 3339"),
        pytest.param("2027-01-15T09:00:00+01:00", NOON, id="another zone"),
        pytest.param("2027-01-15", NOON - 8 * 3600, id="a date"),
        pytest.param("15m", NOON - 900, id="minutes ago"),
        pytest.param("-2h", NOON - 7200, id="hours ago, with a sign"),
        pytest.param("1d", NOON - 86400, id="a day ago"),
        pytest.param("30s", NOON - 30, id="seconds ago"),
    ],
)
def test_a_time_as_it_is_typed(text: str, at: float) -> None:
    assert moment("--at", text, NOON) == at


@pytest.mark.parametrize(
    "text",
    [
        "noon",
        "2h30",
        "2027-13-01",
        "--1m",
        "2027-01-15T08:00:00",
        "1w",
        "m",
        "",
        "\u0661\u0665m",
        "\u0662\u0660\u0662\u0667-01-15",
        "2027-01-15T08:00:0\u0660Z",
    ],
)
def test_what_is_none_names_the_flag(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--since: .*; a date or a time ago such as 15m or 2h does, too"):
        moment("--since", text, NOON)


@pytest.mark.parametrize("text", ["2027-01-15T08:00:00", "2027-01-15 08:00"])
def test_without_a_zone_the_same_moment_is_shown_with_one(text: str) -> None:
    with pytest.raises(ConfigError) as told:
        moment("--since", text, NOON)
    written = "2027-01-15T08:00:00Z"
    assert f"{text!r} has no time zone: write {written};" in str(told.value)
    assert moment("--since", written, NOON) == NOON


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        pytest.param("2027-01-15T08:00:00Z", NOON + 0.999999, NOON + 1, id="any of the second that is printed so"),
        pytest.param("2027-01-15T09:00+01:00", NOON + 0.999999, NOON + 1, id="without seconds"),
        pytest.param("2027-01-15T08:00:00.0Z", NOON, NOON + 0.000001, id="with a fraction, that alone"),
        pytest.param("2027-01-15", NOON - 8 * 3600, NOON - 8 * 3600 + 0.000001, id="a date is its beginning"),
        pytest.param("15m", NOON - 900, NOON - 899.999999, id="so long ago"),
    ],
)
def test_what_is_printed_without_a_fraction_is_found_by_it(text: str, first: float, after: float) -> None:
    assert first <= last_moment("--at", text, NOON) < after


def test_what_lies_between_has_its_ends_in_it_and_a_span_the_wrong_way_round_is_refused() -> None:
    first, last = between("2026-11-27T10:00:00Z", "2026-11-27T10:00:00Z", 0.0)
    assert 0.99 < last - first < 1.0, "times are printed without their fraction"
    assert between("", "", 0.0) == (float("-inf"), float("inf"))
    with pytest.raises(ConfigError, match="--since 5m is later than --until 10m"):
        between("5m", "10m", 1e9)
