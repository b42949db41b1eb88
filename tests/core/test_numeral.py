from __future__ import annotations

import pytest

from autoscaler.core.numeral import LIMIT, numeral


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"1.5 17", (1_500_000_000, 17_000_000)),
        (b"1.5", (1_500_000_000, None)),
        (b"\t 2   18 \r", (2_000_000_000, 18_000_000)),
        (b"1e-9", (1, None)),
        (b"+3", (3_000_000_000, None)),
    ],
)
def test_a_number_and_its_time(text: bytes, expected: tuple[int, int | None]) -> None:
    assert numeral(text, 10**9) == expected


@pytest.mark.parametrize(
    "text",
    [b"", b" ", b"x", b"NaN", b"Inf", b"+Inf", b"-1", b"1_0", b"0x10", b"1e308", str(LIMIT).encode(),
     b"1 -5", b"1 1.5", b"1 1 1", b"1 1234567890123456", "\u0661".encode(), b"1 \xd9\xa1"],
)  # fmt: skip
def test_k18_what_is_no_number_or_has_no_time(text: bytes) -> None:
    with pytest.raises(ValueError):
        numeral(text, 1)
