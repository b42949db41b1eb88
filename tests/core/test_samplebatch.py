from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.core.samplebatch import samples
from autoscaler.model.metrics import Sample


def test_every_line_as_a_kubelet_writes_it() -> None:
    cpu = [b"4.710169 1633253812125", b"0 1633253812126"]
    memory = [b"1.253376e+07 1633253812127", b"0 1633253812126"]
    start = [b"1.633252712e+09", b"0"]
    assert samples(cpu, memory, start) == [
        Sample(1_633_253_812_125_000_000, 4_710_169_000, 12_533_760, 1_633_252_712 * 10**9),
        Sample(1_633_253_812_126_000_000, 0, 0, None),
    ]


STRANGE = (
    "1,2", "1", "-1 17", "1_0 17", "NaN 17", "+Inf 17", "0x1 17", "1e400 17", "1 -17", "1 1.5", "true 17", '"1" 17',
    "[1] 17", "1 17 18", "1 17],[2 18", "", " 1 17", "1\t17", "9.3e9 17", "1 10000000000000",
)  # fmt: skip


@pytest.mark.parametrize("text", STRANGE)
def test_anything_else_is_for_whoever_looks_at_each_line(text: str) -> None:
    assert samples([text.encode()], [b"7 17"], [b"1.6e+09"]) is None


@pytest.mark.parametrize("text", ["9007199254740993 17", "1", "-1 17"])
def test_also_in_memory(text: str) -> None:
    assert samples([b"1 17"], [text.encode()], [b"1.6e+09"]) is None


def test_families_of_different_length_do_not_fit() -> None:
    assert samples([b"1 17"], [b"7 17"], []) is None


@given(cpu=st.floats(0, 9e9), memory=st.integers(0, 2**53 - 1), at=st.integers(0, 10**13 - 1), start=st.floats(0, 9e9))
def test_the_numbers_are_those_of_float(cpu: float, memory: int, at: int, start: float) -> None:
    found = samples([f"{cpu!r} {at}".encode()], [f"{memory} {at}".encode()], [repr(start).encode()])
    assert found == [Sample(at * 10**6, int(cpu * 1e9), memory, int(start * 1e9) or None)]
