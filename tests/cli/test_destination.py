import os
import stat

import pytest

from autoscaler.cli.destination import Destination
from autoscaler.errors import ConfigError


def test_all_of_it_stands_there_and_nothing_else(tmp_path):
    path = tmp_path / "week.html"
    to = Destination(str(path))
    assert list(tmp_path.iterdir()) == []
    to.write(["one", "two"])
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("week.html", "onetwo")]


def halfway():
    yield "<!doctype html>"
    raise OSError(28, "No space left on device")


def test_what_stood_there_stands_until_all_is_written(tmp_path):
    path = tmp_path / "week.html"
    path.write_text("the good one")
    to = Destination(str(path))
    with pytest.raises(ConfigError, match="No space left"):
        to.write(halfway())
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("week.html", "the good one")]


def test_a_link_leads_to_its_file(tmp_path):
    (tmp_path / "to").mkdir()
    link = tmp_path / "link"
    link.symlink_to("to/week.html")
    Destination(str(link)).write(["new"])
    assert link.is_symlink()
    assert (tmp_path / "to" / "week.html").read_text() == "new"


def test_a_pipe_is_written_to_and_stays(tmp_path):
    """So does a device, which is not tried here: a program that replaces it takes it from all others."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        Destination(str(pipe)).write(["told"])
        assert os.read(reader, 10) == b"told"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("to", ["nowhere/week.html", "."])
def test_what_cannot_be_opened_is_said_before_the_work(tmp_path, to):
    with pytest.raises(ConfigError, match=f"--to .*{to}: "):
        Destination(str(tmp_path / to))
