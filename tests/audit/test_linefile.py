from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from autoscaler.audit.linefile import BLOCK, LONGEST_LINE, opened
from autoscaler.errors import AuditError

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
    for longer, found in ((b"", [3, LONGEST_LINE]), (b"x", None)):
        path.write_bytes(b"one\n" + b"x" * LONGEST_LINE + longer)
        with opened(str(path)) as file:
            if found is None:
                with pytest.raises(AuditError, match="line 2 is longer than"):
                    list(file.blocks(to_the_end=True))
            else:
                assert [len(line) for each in file.blocks(to_the_end=True) for line in each.lines] == found


def test_of_an_empty_file_nobody_knows_how_much_was_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch()
    with opened(str(path)) as file:
        assert (list(file.blocks(to_the_end=True)), file.share) == ([], None)
    with pytest.raises(AuditError, match="cannot be read"), opened(str(tmp_path / "none")):
        pass
