"""The demo for pipes, logs and dumb terminals: a plain line for every change, no control codes."""

from __future__ import annotations

from typing import TextIO

from autoscaler.cli.demo_scene import AGEING, Moment, NodeRow, Scene, TargetRow, noteworthy, sentence
from autoscaler.core.explanation import printable
from autoscaler.model.decision import Decision


class PlainView:
    """Writes lines such as ` 23 s  decision  shop/web 2 -> 6: ...` to `out`."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._caption = ""
        self._decided = 0
        self._last: dict[str, Decision] = {}
        self._nodes: dict[str, str] = {}
        self._targets: dict[str, str] = {}

    def __enter__(self) -> PlainView:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.flush()

    def show(self, moment: Moment, scene: Scene) -> None:
        """Write what changed since the last time."""
        if moment.caption != self._caption:
            self._caption = moment.caption
            self._line(moment, "story", moment.caption)
        for node in scene.nodes():
            self._when_changed(moment, "node", self._nodes, node.name, _node(node))
        decisions = scene.decisions()
        for decision in decisions[self._decided :]:
            if noteworthy(decision, self._last.get(decision.key)):
                self._line(moment, "decision", sentence(decision))
            self._last[decision.key] = decision
        self._decided = len(decisions)
        for target in scene.targets():
            self._when_changed(moment, "pods", self._targets, target.name, _target(target))

    def _when_changed(self, moment: Moment, kind: str, known: dict[str, str], name: str, text: str) -> None:
        if known.get(name) != text:
            known[name] = text
            self._line(moment, kind, f"{name} {text}")

    def _line(self, moment: Moment, kind: str, text: str) -> None:
        print(printable(f"{moment.elapsed:3.0f} s  {kind:<8}  {text}"), file=self._out, flush=True)


def _node(row: NodeRow) -> str:
    """The state of a node, in words that change seldom."""
    if row.cpu is None:
        return f"has no numbers: {row.trouble}" if row.trouble else "has no numbers yet"
    if row.age is not None and row.age > AGEING:
        return "keeps its last numbers, which grow old"
    return "has fresh numbers"


def _target(row: TargetRow) -> str:
    return f"{row.replicas} wanted, {row.ready} ready"
