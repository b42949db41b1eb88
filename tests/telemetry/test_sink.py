from __future__ import annotations

import io
import os
from concurrent.futures import ThreadPoolExecutor

from autoscaler.telemetry.sink import Sink, last_words

PATIENCE = 20.0
LINE = "x" * 99 + "\n"


def told(count: int) -> str:
    return f"{count} left out\n"


def test_p07_nobody_waits_for_a_pipe_that_is_not_read_and_what_is_left_out_is_counted() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        sink = Sink(stream, told, kept=1000 * len(LINE))
        for _ in range(50_000):
            sink.write(LINE)
        assert not sink.drain(0.0)
        with ThreadPoolExecutor(1) as pool, os.fdopen(reader) as late:
            read = pool.submit(late.readlines)
            assert sink.drain(PATIENCE)
            stream.close()
            found = read.result(PATIENCE)
    said = found.count(LINE)
    left_out = sum(int(line.split()[0]) for line in found if line != LINE)
    assert said + left_out == 50_000
    assert 1000 <= said < 5000, "what a pipe takes, what is being written, and what waits"


def test_lines_come_whole_and_in_their_order() -> None:
    out = io.StringIO()
    sink = Sink(out, told)
    lines = [f"{number}\n" for number in range(1000)]
    for line in lines:
        sink.write(line)
    last_words(PATIENCE)
    assert out.getvalue() == "".join(lines)


class Closed(io.StringIO):
    """Of a reader that went away."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(len(text))


def test_a_reader_that_went_away_is_no_error() -> None:
    sink = Sink(Closed(), told)
    for _ in range(3):
        sink.write(LINE)
        assert sink.drain(PATIENCE)
    assert not sink.isatty()
