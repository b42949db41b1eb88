import errno
import io
import os
import subprocess
import sys

import pytest

from autoscaler.cli import main
from autoscaler.cli.output import Output, guarded
from autoscaler.errors import AutoscalerError
from tests.cli.test_explain import spool
from tests.cli.test_plan import GOOD
from tests.cli.test_replay import record

__all__ = ["record", "spool"]


@pytest.fixture
def full():
    """A disk without room."""
    with open("/dev/full", "w", encoding="utf-8") as file:
        yield file


@pytest.mark.parametrize(
    "words",
    [
        pytest.param("--help", id="help"),
        pytest.param("--version", id="version"),
        pytest.param("plan --help", id="help of a verb"),
        pytest.param("config print", id="settings"),
        pytest.param("plan --bundle {bundle}", id="plan"),
        pytest.param("explain shop/web --from {spool}", id="explain"),
        pytest.param("explain shop/web --from {spool} -o json", id="explain as JSON"),
        pytest.param("replay --from {record}", id="replay"),
        pytest.param("audit tail --from {spool}", id="audit tail"),
        pytest.param("audit show web-2 --from {spool}", id="audit show"),
        pytest.param("audit export --from {spool}", id="audit export"),
        pytest.param("audit verify --from {spool}", id="audit verify"),
    ],
)
def test_a_full_disk_is_a_sentence_whichever_verb_prints(words, spool, record, tmp_path, full, monkeypatch, capsys):
    bundle = tmp_path / "bundle.json"
    bundle.write_bytes(GOOD)
    monkeypatch.setattr("sys.stdout", full)
    assert main(words.format(bundle=bundle, spool=spool.path.parent, record=record).split()) == 1
    told = capsys.readouterr().err.splitlines()
    assert told[-1] == "autoscaler: standard output: No space left on device; what was printed is not all of it"


def test_a_process_that_fails_so_ends_without_another_word(full, tmp_path):
    """The doctor, as a process: it sets logs up for good, and the interpreter complains of its own of what is left."""
    (tmp_path / "it").write_text("{}")
    words = [sys.executable, "-m", "autoscaler", "doctor", "--check", "policies", "--kubeconfig", str(tmp_path / "it")]
    found = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    told = "autoscaler: standard output: No space left on device; what was printed is not all of it\n"
    assert (found.returncode, found.stderr) == (1, told)


def test_what_is_told_on_the_way_out_is_the_failure_that_ended_it(full, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout", full)
    assert main(["explain"]) == 2
    assert "standard output" not in capsys.readouterr().err


def test_a_closed_output_is_told_when_something_is_printed(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout", None)
    assert main(["--version"]) == 1
    assert "standard output: Bad file descriptor" in capsys.readouterr().err


def test_text_arrives_and_the_descriptor_stays_open(tmp_path):
    with (tmp_path / "out").open("w+", encoding="utf-8") as file:
        text = guarded(file)
        text.write("größer\n")
        text.close()
        file.seek(0)
        assert file.read() == "größer\n"


def test_after_a_failure_nothing_more_is_tried(full):
    output = Output(full.fileno())
    with pytest.raises(AutoscalerError):
        output.write(b"a")
    assert output.write(b"bc") == 2


def test_a_reader_that_has_gone_is_no_full_disk():
    reader, writer = os.pipe()
    os.close(reader)
    output = Output(writer)
    with pytest.raises(BrokenPipeError) as told:
        output.write(b"a")
    assert told.value.errno == errno.EPIPE
    assert output.write(b"b") == 1
    os.close(writer)


def test_an_output_without_a_descriptor_is_left_alone():
    stream = io.StringIO()
    assert guarded(stream) is stream
