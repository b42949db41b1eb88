"""Go's numbers, where Python's differ: 64-bit sums that wrap, division toward zero, casts that must end somewhere.

A ratio is always `float(a) / float(b)`: Python divides two integers exactly, Go converts each to a double first, and
the last bit decides about a replica.
"""

from __future__ import annotations

import math

INT32_MAX = 2**31 - 1
INT32_MIN = -(2**31)
INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)


def wrapped64(value: int) -> int:
    """What is left in an int64."""
    return value if INT64_MIN <= value <= INT64_MAX else (value + 2**63) % 2**64 - 2**63


def wrapped32(value: int) -> int:
    """What is left in an int32."""
    return value if INT32_MIN <= value <= INT32_MAX else (value + 2**31) % 2**32 - 2**31


def quotient(dividend: int, divisor: int) -> int:
    """Integer division toward zero."""
    if dividend >= 0 and divisor > 0:
        return wrapped64(dividend // divisor)
    whole = abs(dividend) // abs(divisor)
    return wrapped64(whole if (dividend < 0) == (divisor < 0) else -whole)


def ratio(dividend: float, divisor: float) -> float:
    """Division of doubles; by zero it is infinite, and 0/0 is no number."""
    if divisor:
        return float(dividend) / float(divisor)
    return math.nan if not dividend else math.copysign(math.inf, dividend)


def ceil32(value: float) -> int:
    """The next whole number as int32; out of range it saturates, unlike upstream on some processors."""
    if INT32_MIN <= value <= INT32_MAX:
        return math.ceil(value)
    return INT32_MIN if math.isnan(value) else math.ceil(max(float(INT32_MIN), min(float(INT32_MAX), value)))


def trunc32(value: float) -> int:
    """The whole part as int32, saturated."""
    if INT32_MIN <= value <= INT32_MAX:
        return int(value)
    return int(max(float(INT32_MIN), min(float(INT32_MAX), value)))


def ceil64(value: float) -> int:
    """The next whole number as int64; what does not fit is the smallest one, as on amd64."""
    return math.ceil(value) if -(2.0**63) <= value < 2.0**63 else INT64_MIN
