"""The simulated cluster as a process of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from autoscaler.cli.arguments import parse
from autoscaler.cli.verbs import VERBS
from autoscaler.sim.__main__ import told_of
from autoscaler.sim.world import World
from tests.clock import FakeClock
from tests.pages import ROOT
from tests.simulation import SIM, running, words_of


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(("--nodes", "-1"), "argument --nodes: -1 is not between 1 and 50000", id="fewer nodes than none"),
        pytest.param(("--nodes", "many"), "argument --nodes: invalid", id="no number"),
        pytest.param(("--sample-period", "nan"), "nan is not between 0.1 and 3600 seconds", id="no time"),
        pytest.param(
            ("--restless",), "--restless is about HorizontalPodScalers: give --scaled", id="who does not scale"
        ),
        pytest.param(("--node", "2"), "unrecognized arguments: --node 2", id="half a flag"),
        pytest.param((), "cannot be written: No such file or directory", id="a kubeconfig in no folder"),
    ],
)
def test_what_cannot_be_is_one_sentence(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    file = str(tmp_path / "none" / "kubeconfig")
    done = subprocess.run([*SIM, "--kubeconfig", file, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_it_says_how_it_is_used_and_ends_when_it_is_told_to(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    with running(file) as told:
        pass
    flags = {verb: words_of(told, f"autoscaler {verb}")[2:] for verb in ("run", "doctor")}
    for verb, given in flags.items():
        assert parse(VERBS[verb], given, "autoscaler").faults == ()
        assert given[given.index("--kubeconfig") + 1] == str(file)
    assert flags["run"] == flags["doctor"]
    assert "curl -sk -H 'Authorization: Bearer sim-admin' https://127.0.0.1:" in told
    assert "nothing is decided: begin with --scaled" in told
    kubectl = words_of(told, "kubectl")
    assert {"--token", "sim-admin", "--validate=false", "apply"} <= set(kubectl)
    assert (ROOT / kubectl[-1]).is_file()


def test_each_cluster_has_a_spool_of_its_own(tmp_path: Path) -> None:
    """Whoever begins again with the same kubeconfig; the clock is the world's, which stands here."""
    file = tmp_path / "kubeconfig"
    spools = set()
    for epoch in (1_800_000_000.0, 1_800_000_001.0):
        told = told_of(World(FakeClock(epoch)), file, scaled=True).replace("\\\n", " ")
        run = words_of(told, "autoscaler run")
        spools.add(run[run.index("--audit-spool-dir") + 1])
        assert "nothing is decided" not in told
    assert len(spools) == 2
