"""The demo on a terminal: story, nodes, targets and decisions, drawn anew a few times a second (rich)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from autoscaler.cli.demo_scene import AGEING, Moment, NodeRow, Scene, TargetRow, noteworthy, sentence
from autoscaler.core import figures
from autoscaler.core.explanation import printable
from autoscaler.model.decision import Decision
from autoscaler.model.plan import Action

REMEMBERED_DECISIONS = 12
NARROW = 100
"""Columns below which something has to be left out."""
TRACE = 36
"""Points of a sparkline."""
_BLOCKS = "▁▂▃▄▅▆▇█"
_BAR = 14
HEADER_ROWS = 6


class TerminalView:
    """Draws on `console`; colours as far as the terminal and NO_COLOR allow."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=False, vertical_overflow="crop")
        self._lines: deque[tuple[float, Decision]] = deque(maxlen=REMEMBERED_DECISIONS)
        self._decided = 0
        self._last: dict[str, Decision] = {}
        self._traces: dict[str, list[int]] = {}
        self._step = -1

    def __enter__(self) -> TerminalView:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, moment: Moment, scene: Scene) -> None:
        """Draw this moment."""
        self._remember(moment, scene)
        self._live.update(self.frame(moment, scene), refresh=True)

    def frame(self, moment: Moment, scene: Scene) -> RenderableType:
        """The whole picture."""
        nodes, targets = scene.nodes(), scene.targets()
        narrow = self._console.width < NARROW
        above = HEADER_ROWS + len(nodes) + len(targets) + 5  # two headings, two gaps, the heading of the decisions
        room = self._console.height - above - 1
        return Group(
            header(moment),
            node_table(nodes, narrow=narrow),
            "",
            self._targets(targets, narrow=narrow),
            "",
            decision_table(newest(self._lines, self._console.width - 9, room)),
        )

    def _remember(self, moment: Moment, scene: Scene) -> None:
        decisions = scene.decisions()
        for decision in decisions[self._decided :]:
            if noteworthy(decision, self._last.get(decision.key)):
                self._lines.append((moment.elapsed, decision))
            self._last[decision.key] = decision
        self._decided = len(decisions)
        step = int(moment.elapsed / moment.length * TRACE)
        if step != self._step:
            self._step = step
            for target in scene.targets():
                self._traces.setdefault(target.name, []).append(target.replicas)

    def _targets(self, rows: Sequence[TargetRow], *, narrow: bool) -> Table:
        names = ("Target", ">Usage", *(() if narrow else ("Wanted",)), ">Replicas", ">Ready", ">No sample", "So far")
        table = _table(*names, widths=(9, 14, *(() if narrow else (16,)), 8, 5, 9, 0))
        points = TRACE // 2 if narrow else TRACE
        for row in rows:
            table.add_row(
                row.name,
                f"{row.metric} {row.usage}" if row.metric else "-",
                *(() if narrow else (row.goal or "-",)),
                Text(str(row.replicas), style="bold"),
                Text(str(row.ready), style="green" if row.ready == row.replicas else "yellow"),
                Text(str(row.missing), style="yellow" if row.missing else "dim"),
                Text(sparkline(self._traces.get(row.name, [])[-points:]), style="cyan"),
            )
        return table


def header(moment: Moment) -> Panel:
    """What is being told, how far it is."""
    left = max(0.0, moment.length - moment.elapsed)
    caption = Text(printable(moment.caption), style="bold")
    bar = ProgressBar(total=moment.length, completed=min(moment.elapsed, moment.length))
    title = "HPA Companion, the real program against a simulated cluster"
    subtitle = f"{moment.elapsed:.0f} s, {left:.0f} s to go, Ctrl-C ends it"
    return Panel(Group(caption, bar), title=title, subtitle=subtitle, height=HEADER_ROWS)


def node_table(rows: Sequence[NodeRow], *, narrow: bool = False) -> Table:
    """Usage of every node, and how old its sample is."""
    load = () if narrow else ("",)
    table = _table(
        "Node", ">CPU", *load, ">Memory", ">Sample age", "State", widths=(9, 14, *(_BAR for _ in load), 9, 10, 0)
    )
    for row in rows:
        table.add_row(
            row.name,
            "-" if row.cpu is None else f"{row.cpu:.2f} of {row.cores:g}",
            *(bar(row.cpu or 0.0, row.cores) for _ in load),
            "-" if row.memory is None else figures.size(row.memory),
            _age(row.age),
            _state(row),
        )
    return table


def newest(lines: Sequence[tuple[float, Decision]], width: int, rows: int) -> list[tuple[float, Decision]]:
    """As many of the last lines as fit into so many rows of so many columns; at least the last one."""
    fitting: list[tuple[float, Decision]] = []
    for line in reversed(lines):
        rows -= -(-len(sentence(line[1])) // (width - 8))  # words that do not fit leave a gap: count on it
        if rows < 0 and fitting:
            break
        fitting.append(line)
    return fitting[::-1]


def decision_table(lines: Sequence[tuple[float, Decision]]) -> Table:
    """The last decisions that said something new, the newest at the bottom."""
    table = _table(">At", "Last decisions, and why", widths=(5, 0))
    for at, decision in lines:
        style = "bold green" if decision.action is Action.RESIZE else ""
        table.add_row(f"{at:.0f} s", Text(printable(sentence(decision)), style=style, overflow="fold"))
    return table


def sparkline(values: Sequence[int]) -> str:
    """One block per value, the highest is the tallest; "" for none."""
    highest = max(values, default=0)
    return "".join(_BLOCKS[min(7, value * 7 // highest if highest else 0)] for value in values)


def bar(value: float, whole: float) -> Text:
    """A bar of fixed width, filled by the part of the whole."""
    filled = min(_BAR, round(_BAR * value / whole)) if whole else 0
    return Text("█" * filled, style="blue") + Text("░" * (_BAR - filled), style="dim")


def _age(age: float | None) -> Text:
    if age is None:
        return Text("-")
    return Text(f"{age:.1f} s", style="yellow" if age > AGEING else "green")


def _state(row: NodeRow) -> Text:
    if row.cpu is None:
        style, text = ("red", f"no numbers: {row.trouble}") if row.trouble else ("yellow", "first samples")
        return Text(printable(text), style=style, overflow="ellipsis", no_wrap=True)
    if row.age is not None and row.age > AGEING:
        return Text("silent, its last numbers grow old", style="yellow")
    return Text("answers", style="green")


def _table(*columns: str, widths: Sequence[int]) -> Table:
    """A table without lines; a leading `>` aligns a column to the right, a width of 0 is what the content needs."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column, width in zip(columns, widths, strict=True):
        right = column.startswith(">")
        table.add_column(column.removeprefix(">"), justify="right" if right else "left", min_width=width or None)
    return table
