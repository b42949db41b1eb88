from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from autoscaler.cli import localchecks
from autoscaler.cli.finding import State
from autoscaler.config.load import load


def test_the_configuration_says_how_much_was_set_and_where() -> None:
    settings = load({"sync-period": "20s"}, {"AUTOSCALER_LOG_LEVEL": "debug"})
    assert localchecks.configuration(settings).detail == "valid (1 by environment, 1 by flag)"
    assert localchecks.configuration(load({}, {})).detail == "valid (all defaults)"


def test_unverified_kubelets_are_doubtful() -> None:
    finding = localchecks.configuration(load({"kubelet-insecure-tls": "true"}, {}))
    assert finding.state is State.WARN


def test_exempt_nodes_are_doubtful_and_named() -> None:
    finding = localchecks.configuration(load({"kubelet-insecure-tls-nodes": "old=yes"}, {}))
    assert finding.state is State.WARN
    assert "nodes with old=yes are not verified" in finding.detail


def test_a_program_that_is_not_compiled_is_doubtful_and_what_it_lacks_is_named() -> None:
    assert localchecks.build(compiled=True).state is State.OK
    finding = localchecks.build(compiled=False)
    assert finding.state is State.WARN
    assert "twice the CPU" in finding.detail
    assert "gcc libc6-dev python3-dev" in finding.todo
    broken = localchecks.build(compiled=False, fault="wrong ELF class")
    assert broken.state is State.WARN
    assert "does not load (wrong ELF class)" in broken.detail


@pytest.mark.parametrize(
    ("folder", "state"),
    [
        pytest.param("", State.OK, id="it is there"),
        pytest.param("not/yet/there", State.OK, id="it can be made"),
        pytest.param("file", State.BAD, id="a file stands in its place"),
        pytest.param("x" * 300, State.BAD, id="a name too long to be looked for"),
        pytest.param("file/below", State.BAD, id="a file stands in its way"),
    ],
)
def test_the_spool_needs_a_folder(tmp_path: Path, folder: str, state: State) -> None:
    (tmp_path / "file").touch()
    audit = load({"audit-spool-dir": str(tmp_path / folder), "audit-spool-max-bytes": "1Mi"}, {}).audit
    assert localchecks.spool(audit).state is state
    assert [path.name for path in tmp_path.iterdir()] == ["file"], "looking leaves nothing behind"


def test_a_spool_larger_than_the_disk_is_doubtful(tmp_path: Path) -> None:
    audit = msgspec.structs.replace(load({"audit-spool-dir": str(tmp_path)}, {}).audit, spool_max_bytes=1 << 60)
    assert localchecks.spool(audit).state is State.WARN
