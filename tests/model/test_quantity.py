from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.errors import MalformedError
from autoscaler.model.quantity import bytes_text, decimal_text, fraction, milli, milli_text, nano_cores_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("250m", 250, id="milli"),
        pytest.param("2", 2000, id="plain"),
        pytest.param("0", 0, id="zero"),
        pytest.param("250003945n", 251, id="nano rounds up"),
        pytest.param("-250003945n", -251, id="nano rounds away from zero"),
        pytest.param("1u", 1, id="the smallest amount is one"),
        pytest.param("0.9n", 1, id="finer than nano is kept"),
        pytest.param("128Mi", 128 * 2**20 * 1000, id="binary"),
        pytest.param("1.5Gi", 3 * 2**29 * 1000, id="binary with a fraction"),
        pytest.param("1.5", 1500, id="decimal point"),
        pytest.param(".5", 500, id="no digit before the point"),
        pytest.param("5.", 5000, id="no digit after the point"),
        pytest.param("+7k", 7_000_000, id="plus sign"),
        pytest.param("3e2", 300_000, id="exponent"),
        pytest.param("3E-2", 30, id="negative exponent"),
        pytest.param("-48787065247069005k", 4572827892759024320, id="a usual exponent overflows and wraps"),
        pytest.param("1e16", 0, id="an unusual exponent overflows to zero"),
        pytest.param("8Ei", -1000, id="binary is capped and then wraps"),
        pytest.param("9223372036854775807m", 2**63 - 1, id="the largest"),
        pytest.param("  5 ", 5000, id="blanks around"),
        pytest.param("1e-99999999", 1, id="a tiny exponent costs nothing"),
        pytest.param("1e99999999", 0, id="a huge exponent costs nothing"),
        pytest.param("-583714630868716e-12", -583713, id="a negative big number is rounded up"),
        pytest.param("-72780.9Mi", -2529328703560, id="a negative big number wraps"),
    ],
)
def test_c14_milli_is_what_the_autoscaler_reads(text, expected):
    assert milli(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "m", ".", "-", "1 m", "1mi", "1ki", "1K", "1e", "1.2.3", "--1", "0x1", "1Gi2", "٣", "1" * 300],
    ids=repr,
)
def test_c14_what_is_no_quantity_is_refused(text):
    with pytest.raises(MalformedError, match="is no quantity"):
        milli(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50m", 50 * 1e-3),
        ("0.05", 50 * 1e-3),
        ("9m", 9 * 1e-3),  # 9/1000 is another double
        ("0", 0.0),
        ("1", 1.0),
        ("0.1234", 123400 * 1e-6),
        ("2k", 2000.0),
        ("1Ki", 1024.0),
    ],
)
def test_a_tolerance_is_a_product(text, expected):
    assert fraction(text) == expected


@pytest.mark.parametrize(
    ("nano", "expected"),
    [
        (0, "0"),
        (500_000_000, "500m"),
        (1_234_000, "1234u"),
        (250_002_551, "250002551n"),
        (2_000_000_000, "2"),
        (10**13, "10k"),
        (1_750_016_679, "1750016679n"),
    ],
)
def test_cpu_is_written_in_the_largest_decimal_unit(nano, expected):
    assert nano_cores_text(nano) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "0"),
        (1023, "1023"),
        (1000, "1k"),  # below 1024 upstream falls back to decimal units
        (1024, "1Ki"),
        (64 * 2**20, "64Mi"),
        (12345 * 1024, "12345Ki"),
        (53687091, "53687091"),
        (2**31, "2Gi"),
        (2**62, "4Ei"),
    ],
)
def test_memory_is_written_in_the_largest_binary_unit(size, expected):
    assert bytes_text(size) == expected


@pytest.mark.parametrize(
    ("value", "resource", "expected"),
    [
        (100, "cpu", "100m"),
        (12_000, "", "12"),
        (-(2**63), "", "-9223372036854775808m"),
        (64 * 2**20 * 1000, "memory", "64Mi"),
        (64 * 2**20 * 1000, "cpu", "67108864"),
        (1024_001, "memory", "1024001m"),
        (500, "memory", "500m"),
    ],
)
def test_a_status_average_is_written_in_its_resources_unit(value, resource, expected):
    assert milli_text(value, resource) == expected


def test_beyond_exa_the_exponent_is_written_out():
    assert decimal_text(5, 21) == "5e21"


@given(st.integers(-(10**17), 10**17))
def test_what_is_written_is_read_back(value):
    assert milli(milli_text(value)) == value
    assert milli(nano_cores_text(value * 10**6)) == value
    assert milli(milli_text(value, "memory")) == value


@given(st.text(alphabet="0123456789.+-eEinumkKMGTP \n", max_size=40))
def test_c14_any_text_is_read_or_refused(text):
    with suppress(MalformedError):
        assert -(2**63) <= milli(text) < 2**63


@given(
    st.integers(0, 10**20),
    st.sampled_from(["", "n", "u", "m", "k", "M", "Ki", "Mi", "Gi", "i", "x"]),
    st.integers(0, 3),
)
def test_the_short_way_is_the_long_way(number, unit, zeros):
    """A sign in front is not on the short way, and changes nothing."""
    text = "0" * zeros + str(number) + unit
    try:
        expected = milli(f"+{text}")
    except MalformedError:
        with pytest.raises(MalformedError):
            milli(text)
    else:
        assert milli(text) == expected
