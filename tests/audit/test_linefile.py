from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from autoscaler.audit.linefile import BLOCK, LONGEST_LINE, TOO_LONG, opened
from autoscaler.errors import AuditError, ConfigError

LINES = [b"%06d" % number + b"x" * (number % 997) for number in range(2000)]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("end", [pytest.param(b"\n", id="ended"), pytest.param(b"", id="the last without its end")])
def test_every_line_comes_once_under_its_number(tmp_path: Path, packed: bool, end: bytes) -> None:
    text = b"\n".join(LINES) + end
    assert len(text) > 2 * BLOCK
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(text[:1000]) + gzip.compress(text[1000:]) if packed else text)
    with opened(str(path)) as file:
        assert file.grows is not packed
        blocks = list(file.blocks(to_the_end=True))
        assert file.share == 1.0
    assert len(blocks) > 2
    assert [each.cut for each in blocks] == [False] * (len(blocks) - 1) + [not end]
    numbered = {number: line for each in blocks for number, line in enumerate(each.lines, each.number)}
    assert numbered == dict(enumerate(LINES, 1))


def test_a_line_that_is_still_written_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"one\ntw")
    with opened(str(path)) as file, path.open("ab", buffering=0) as writer:
        assert [each.lines for each in file.blocks(to_the_end=False)] == [[b"one"]]
        writer.write(b"o\n")
        assert [(each.number, each.lines) for each in file.blocks(to_the_end=False)] == [(2, [b"two"])]


def test_a_line_may_be_as_long_as_the_limit_and_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"\n".join([b"one", b"x" * LONGEST_LINE, b"x" * (LONGEST_LINE + 1), b"four", b"y" * (4 << 20)]))
    with opened(str(path)) as file:
        found = [line for each in file.blocks(to_the_end=True) for line in each.lines]
    assert [TOO_LONG if each is TOO_LONG else len(each) for each in found] == [3, LONGEST_LINE, TOO_LONG, 4, TOO_LONG]


def test_a_line_without_end_is_never_held_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    with gzip.open(path, "wb", compresslevel=1) as packed:
        for _ in range(64):
            packed.write(b"x" * (1 << 20))
        packed.write(b"\nlast")
    tracemalloc.start()
    try:
        with opened(str(path)) as file:
            found = [(each.number, each.lines) for each in file.blocks(to_the_end=True) if each.lines]
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
    assert found == [(1, [TOO_LONG]), (2, [b"last"])]


def test_another_file_of_its_name_is_seen_and_a_shorter_one(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"one\ntwo\n")
    with opened(str(path)) as file:
        list(file.blocks(to_the_end=False))
        assert not file.replaced
        path.rename(tmp_path / "x.1")
        assert not file.replaced, "nothing is there yet"
        path.touch()
        assert file.replaced
        (tmp_path / "x.1").replace(path)
        assert not file.replaced
        with path.open("r+b") as shorter:
            shorter.truncate(4)
        assert file.replaced


def test_of_an_empty_file_nobody_knows_how_much_was_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch()
    with opened(str(path)) as file:
        assert (list(file.blocks(to_the_end=True)), file.share) == ([], None)
    with pytest.raises(AuditError, match="cannot be read"), opened(str(tmp_path / "none")):
        pass


@pytest.mark.parametrize(
    ("begin", "told"),
    [
        pytest.param(b"SQLite format 3\0\x20\0", "an SQLite file, .* the folder in which it is spool.db", id="a spool"),
        pytest.param(b"PAR1\x15\0", "Parquet, .* `audit export --to FILE.jsonl` writes what is", id="a table"),
    ],
)
def test_a_file_of_another_form_is_told_by_what_to_name_instead(tmp_path: Path, begin: bytes, told: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(begin + b"x\n" * 100)
    with pytest.raises(ConfigError, match=f"^{path} is {told}"), opened(str(path)):
        pass
    path.write_bytes(begin[:3])
    with opened(str(path)) as file:
        found = [line for each in file.blocks(to_the_end=True) for line in each.lines]
    assert found == [begin[:3]], "that much may be anything"


def test_a_closed_standard_input_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(AuditError, match="standard input is closed"), opened("-"):
        pass
