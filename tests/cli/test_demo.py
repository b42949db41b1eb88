from __future__ import annotations

import asyncio
import io
import json
import os
import shlex
import signal
import sqlite3
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from autoscaler.audit.entry import Entry
from autoscaler.audit.lock import SpoolLock
from autoscaler.audit.sources import SpoolSource
from autoscaler.audit.spool import Spool
from autoscaler.cli import demo, replay
from autoscaler.cli.demo import Play
from autoscaler.cli.demo_plain import PlainView
from autoscaler.cli.demo_scene import Moment, Scene
from autoscaler.cli.demo_view import TerminalView
from autoscaler.cli.explain import run as explain
from autoscaler.cli.replay import Request
from autoscaler.cli.verbs import VERBS
from autoscaler.clock import SystemClock
from autoscaler.config.load import load
from autoscaler.errors import ConfigError, SpoolInUseError
from autoscaler.sim import story
from autoscaler.sim.story import Beat
from tests.cli.demo_decisions import decision


class Watcher:
    """A view that looks instead of drawing, and interrupts once it has seen enough."""

    def __init__(self, *, enough: int) -> None:
        self.captions: list[str] = []
        self.evaluations = 0
        self.nodes_seen = 0
        self._enough = enough

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, moment: Moment, scene: Scene) -> None:
        self.captions.append(moment.caption)
        self.nodes_seen = sum(node.cpu is not None for node in scene.nodes())
        self.evaluations = scene.totals().evaluations
        assert [target.name for target in scene.targets()] == ["shop/web", "shop/cart"]
        if self.evaluations >= self._enough and self.nodes_seen == 4:
            os.kill(os.getpid(), signal.SIGINT)


async def test_the_real_program_decides_in_the_simulated_world_and_ctrl_c_ends_it_cleanly(tmp_path: Path) -> None:
    environment, spool = {"XDG_STATE_HOME": str(tmp_path)}, tmp_path / "hpa-companion" / "demo-7" / "spool"
    assert demo.folder(environment, 7) == spool.parent
    view = Watcher(enough=2)
    async with asyncio.timeout(60):
        summary = await demo.perform(view, SystemClock(), environment, spool, Play((Beat(0, "Begin."),), 60.0))
    assert set(view.captions) == {"Begin."}
    text = "\n".join(summary)
    assert "s of 60 s played." in text
    assert f"  {view.evaluations} evaluations, 0 changes of replicas\n" in text
    assert "shop/web: 2 replicas" in text
    told = io.StringIO()
    assert explain("shop/web", source=SpoolSource(spool), at=None, output="text", out=told) == 0
    assert "shop/Deployment/web: stays at 2 replicas" in told.getvalue()
    again, out = Request(source=str(spool), output="json"), io.StringIO()
    assert await asyncio.to_thread(replay.run, load({}, {}), again, out) == 0
    assert json.loads(out.getvalue())["identical"] == json.loads(out.getvalue())["evaluations"] >= view.evaluations
    assert not (tmp_path / "hpa-companion" / "spool").exists(), "a real run keeps its records there"


def test_a_new_demo_begins_without_the_records_of_the_one_before(tmp_path: Path) -> None:
    Spool(tmp_path, now=1.8e9, forwarding=False).close()
    with sqlite3.connect(tmp_path / "spool.db") as kept:
        kept.execute("INSERT INTO targets VALUES (1, 'shop/Deployment/web', 7, 0)")
    kept.close()
    spool = Spool(demo.emptied(tmp_path), now=1.8e9 + 1, forwarding=False)
    spool.append([Entry("shop/Deployment/web", 1.8e9, True, b"{}")])
    assert [record.seq for record in spool.undelivered(1, 1)] == [1]
    spool.close()


def test_a_running_demo_keeps_its_records(tmp_path: Path) -> None:
    running = Spool(tmp_path, now=1.8e9, forwarding=False)
    with pytest.raises(SpoolInUseError, match="is in use by process"):
        demo.emptied(tmp_path)
    assert running.path.exists()
    running.close()


def test_demos_at_once_and_of_other_users_have_folders_of_their_own(tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    first = demo.folder(environment, 1000)
    (first / "demo.log").write_text("of the first")
    running = Spool(first / "spool", now=1.8e9, forwarding=False)
    assert demo.folder(environment, 1000) == first.with_name("demo-1000-2")
    assert demo.folder(environment, 1001) == first.with_name("demo-1001")
    assert running.path.exists()
    assert (first / "demo.log").read_text() == "of the first"
    running.close()
    assert demo.folder(environment, 1000) == first


def test_demos_without_end_are_a_mistake(tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    with ExitStack() as stack:
        for _ in range(demo.AT_ONCE):
            stack.callback(SpoolLock(demo.folder(environment, 7) / "spool").release)
        with pytest.raises(ConfigError, match="end one of them"):
            demo.folder(environment, 7)


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "hpa-companion").write_text("no folder")
    with pytest.raises(ConfigError, match=r"demo-7/spool cannot be written: Not a directory"):
        demo.folder({"XDG_STATE_HOME": str(tmp_path)}, 7)


async def test_the_command_of_the_summary_asks_the_demos_own_spool(tmp_path: Path) -> None:
    async with story.stage(SystemClock()) as world:
        settings = load({"kubeconfig": str(world.kubeconfig(tmp_path / "kubeconfig"))}, {})
        performance = demo.Performance(world, settings, SystemClock(), 90.0, "")
        performance.witnessed.append(decision(2, 6))
        performance.sizes.update({"shop/web": [2, 6, 4], "shop/cart": [3]})
        told = "\n".join(performance.summary(tmp_path / "my spool"))
    assert "shop/web: between 2 and 6 replicas seen\n    2 -> 6 -> 4\n  shop/cart: 3 replicas\n" in told
    command = shlex.split(told.partition("Ask its record:")[2].replace("\\\n", ""))
    assert command[command.index("explain") :] == [
        "explain", "shop/web", "--at", "2027-01-15T08:00:00.000000Z", "--audit-spool-dir", str(tmp_path / "my spool"),
    ]  # fmt: skip


def test_the_end_tells_what_stays_and_until_when(tmp_path: Path) -> None:
    told = list(demo.left(tmp_path / "demo-0" / "demo.log", 0))
    assert f"  {tmp_path}/demo-0/demo.log" in told
    assert told[-1] == "beside the record. The folder is that of demos of user 0: the next one replaces both."
    assert "hpa-companion/demo-UID\n(below $XDG_STATE_HOME" in VERBS["demo"].epilog
    assert "replaces them" in VERBS["demo"].epilog


async def test_the_story_ends_by_itself(tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    view = Watcher(enough=1_000)
    async with asyncio.timeout(60):
        summary = await demo.perform(view, SystemClock(), environment, tmp_path, Play((Beat(0, "Begin."),), 0.5))
    assert "played." in summary[1]
    assert len(view.captions) < 20


@pytest.mark.parametrize(
    ("terminal", "environment", "kind"),
    [
        pytest.param(True, {"TERM": "xterm"}, TerminalView, id="a terminal"),
        pytest.param(True, {"TERM": "dumb"}, PlainView, id="a dumb terminal"),
        pytest.param(False, {"TERM": "xterm"}, PlainView, id="a pipe"),
    ],
)
def test_pictures_are_for_terminals(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, environment: dict[str, str], kind: type[Any]
) -> None:
    class Out(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert isinstance(demo.view_for(Out()), kind)
    assert Console(file=Out()).is_terminal is terminal
