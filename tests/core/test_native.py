"""The compiled sums against the Python that decides what is right."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoscaler.core import compiled
from autoscaler.core.numeral import numeral
from autoscaler.core.rates import CLOCK_NS, NANO, Bounds, next_rate
from autoscaler.model.metrics import Sample
from tests.compiled import native
from tests.e2e.requirements import missing

__all__ = ["native"]

SOURCE = Path(compiled.__file__).with_name("_native.c")
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g", "-O1"]
SEED = 7
fixture_once = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def plan(native: ModuleType, page: bytes, codes: list[int], rows: int = 1) -> bytes:
    hashed, _ = native.texts(page, SEED)
    return struct.pack(f"=Qii{len(codes)}i", hashed, rows, len(codes), *codes)


def read(native: ModuleType, number: str, code: int) -> int | None:
    """What `number` is as the only one of a page, with this code; column 0 has the time."""
    page = f"a {number}\n".encode()
    found = native.read(page, plan(native, page, [code]), SEED)
    return None if found is None else struct.unpack("=4q", found[0])[(code - 1) % 4]


DIGITS = st.text("0123456789", min_size=1, max_size=20)
WRITTEN = st.one_of(
    st.floats(0, 9e9).map(repr),
    st.floats(0, 9e9).map(lambda value: f"{value:.6f}"),
    st.integers(0, 2**53 - 1).map(str),
    st.builds("{}.{}".format, DIGITS, DIGITS),
    st.builds("{}.{}e{}".format, DIGITS, DIGITS, st.integers(-40, 40)),
    st.builds("{}e+{:02}".format, DIGITS, st.integers(0, 30)),
)
ODD = ["", "+1", "-1", "-0", ".5", "1.", "1e", "1e+", "0x1p3", "NaN", "+Inf", "inf", "1_0", "1,0", " 1", "1 ", "1  2",
       "1 2 3", "1 -2", "1 2.5", "1\t2", "1 99999999999999", "1\r", "1e400", "\u0661", "1 9223372036855"]  # fmt: skip


@fixture_once
@given(text=WRITTEN, time=st.integers(0, 9_223_372_036_854))
def test_a_number_is_the_double_that_python_reads(native: ModuleType, text: str, time: int) -> None:
    """Clinger's exact case and the others alike; what is out of range is left."""
    for code, scale, limit in ((2, NANO, 9_223_372_036.0), (3, 1, 2.0**53), (4, NANO, 9_223_372_036.0)):
        whole = f"{text} {time}"
        expected = numeral(whole.encode(), scale)[0] if float(text) < limit else None
        assert read(native, whole, code) == expected


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("code", [2, 3, 4])
def test_a_number_that_no_kubelet_writes_is_left(native: ModuleType, text: str, code: int) -> None:
    assert read(native, text, code) is None


def test_cpu_needs_a_time_and_gives_it(native: ModuleType) -> None:
    page = b"a 1.5 17\n"
    assert read(native, "1.5", 2) is None
    assert native.read(page, plan(native, page, [2]), SEED) == (
        struct.pack("=4q", 17_000_000, 1_500_000_000, 0, 0),
        b"",
    )


def test_numbers_are_handed_over_passed_over_or_must_be_zero(native: ModuleType) -> None:
    page = b'# HELP x y\na{b="c"} 1 17\na{b="d"} 2\nbare 5\nfailed 0\n'
    codes = [-1, -1, 0, -2]
    _, texts = native.texts(page, SEED)
    assert texts == [b'a{b="c"} ', b'a{b="d"} ', b"bare ", b"failed "]
    assert native.read(page, plan(native, page, codes, 0), SEED) == (b"", b"1 17\n2")
    assert native.read(page.replace(b"bare 5", b"bare NaN"), plan(native, page, codes, 0), SEED) == (b"", b"1 17\n2")
    assert native.read(page.replace(b"failed 0", b"failed 1"), plan(native, page, codes, 0), SEED) is None


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(struct.pack("=Qii", 1, 1, 1), id="a code is missing"),
        pytest.param(struct.pack("=Qiii", 1, -1, 1, 0), id="rows below 0"),
        pytest.param(struct.pack("=Qiii", 1, 1, -1, 0), id="numbers below 0"),
        pytest.param(struct.pack("=Qiii", 1, 2, 1, 0), id="a row without a number"),
        pytest.param(struct.pack("=Qiii", 1, 1, 1, -3), id="an unknown code"),
        pytest.param(struct.pack("=Qiii", 1, 1, 1, 1), id="the place of the time"),
        pytest.param(struct.pack("=Qiii", 1, 1, 1, 6), id="a row that is not there"),
    ],
)
def test_a_plan_that_is_none_is_refused(native: ModuleType, bad: bytes) -> None:
    with pytest.raises(ValueError, match="no plan"):
        native.read(b"a 1\n", bad, SEED)


moment = st.sampled_from([0, 5 * NANO, 10 * NANO, 20 * NANO, 90 * NANO, 20 * NANO + 1])
amount = st.one_of(st.integers(0, 100), st.integers(0, 2**62), st.sampled_from([0, 50 * NANO, 2**63 - 1]))


@fixture_once
@given(
    row=st.tuples(moment, moment, amount),
    sample=st.tuples(moment, amount, amount, moment),
    received=st.sampled_from([20 * NANO, 20 * NANO + CLOCK_NS, 20 * NANO + CLOCK_NS + 1, 2**62]),
    bounds=st.tuples(amount, amount),
)
def test_a_rate_is_the_one_that_python_makes(
    native: ModuleType,
    row: tuple[int, int, int],
    sample: tuple[int, int, int, int],
    received: int,
    bounds: tuple[int, int],
) -> None:
    """`rates.next_rate`, bit for bit; where that has none, the row is as it was."""
    start, at, total = row
    before = struct.pack("=9q", 1, -1, 1, start, at, total, 3, 4, 5)
    rows = bytearray(b"\1" * 8 + before + b"\2" * 8)
    now, cpu, memory, started = sample
    rate = next_rate(at, total, start, Sample(now, cpu, memory, started or None), received, Bounds(0, *bounds))
    oldest, left = native.take(
        struct.pack("=4q", *sample), (rows,), struct.pack("=i", 8), received, bounds[0], bounds[1]
    )
    after = struct.pack("=9q", received, -1, received, start, now, cpu, memory, rate, now - at)
    assert (oldest, left) == ((received, [0]) if rate < 0 else (min(now, received), []))
    assert rows == b"\1" * 8 + (before if rate < 0 else after) + b"\2" * 8


@pytest.mark.parametrize(
    ("rows", "offset"), [(bytearray(72), 1), (bytearray(71), 0), (bytearray(72), -1), (bytes(72), 0)]
)
def test_no_row_is_written_where_none_is(native: ModuleType, rows: bytearray, offset: int) -> None:
    with pytest.raises(ValueError, match="no row"):
        native.take(bytes(32), (rows,), struct.pack("=i", offset), 1, 1, 1)
    with pytest.raises(ValueError, match="for each sample"):
        native.take(bytes(31), (bytearray(72),), struct.pack("=i", 0), 1, 1, 1)
    with pytest.raises(ValueError, match="for each sample"):
        native.take(bytes(32), (bytearray(72),), b"", 1, 1, 1)


def test_the_numbers_it_shares_with_python_are_the_same() -> None:
    defined = dict(re.findall(r"^#define (\w+) (\S.*?)(?:\s*/\*.*)?$", SOURCE.read_text(), re.MULTILINE))
    assert defined["CLOCK_NS"] == f"({CLOCK_NS // NANO} * NANO)"
    assert defined["NANO"] == f"INT64_C({NANO})"


@pytest.mark.fuzz
def test_k17_whatever_a_kubelet_writes_no_byte_outside_is_touched(tmp_path: Path) -> None:
    """Compiled with the address and the undefined-behaviour sanitizer, fed with damaged pages, plans and samples."""
    compiler = shutil.which("gcc")
    if compiler is None or not Path(sysconfig.get_paths()["include"], "Python.h").exists():
        missing("gcc with the headers of Python", "neither the compiled part nor its check by sanitizers is built")
    made, include = tmp_path / "_native.so", sysconfig.get_paths()["include"]
    words = [str(compiler), "-std=c11", "-fPIC", "-shared", f"-I{include}", *SANITIZE, str(SOURCE), "-o", str(made)]
    subprocess.run(words, check=True)
    asan = subprocess.check_output([str(compiler), "-print-file-name=libasan.so"], text=True).strip()
    ran = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("damage.py")), "1", "20000"],
        env={"LD_PRELOAD": asan, "ASAN_OPTIONS": "detect_leaks=0", "PYTHONPATH": str(tmp_path),
             "PYTHONMALLOC": "malloc"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
