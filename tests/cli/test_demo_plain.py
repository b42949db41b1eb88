from __future__ import annotations

import io

from msgspec.structs import replace

from autoscaler.cli.demo_plain import PlainView
from autoscaler.cli.demo_scene import Moment
from tests.cli.demo_decisions import CPU, decision, scene


def test_every_change_is_one_line_without_control_codes() -> None:
    out, rows = io.StringIO(), scene()
    with PlainView(out) as view:
        view.show(Moment(3.2, 90, "The load rises."), rows)
    assert out.getvalue().splitlines() == [
        "  3 s  story     The load rises.",
        "  3 s  node      node-1 has fresh numbers",
        "  3 s  node      node-2 keeps its last numbers, which grow old",
        "  3 s  node      node-3 has no numbers: connect: refused\ufffd[2J",
        "  3 s  node      node-4 has no numbers yet",
        "  3 s  decision  shop/web 2 -> 6: cpu 338 % (target 60 % of requests) asks for 12",
        "  3 s  pods      shop/web 6 wanted, 4 ready",
    ]


def test_what_stays_is_not_told_again() -> None:
    out, rows = io.StringIO(), scene()
    view = PlainView(out)
    view.show(Moment(1, 90, "Calm."), rows)
    told = out.getvalue()
    view.show(Moment(2, 90, "Calm."), rows)
    assert out.getvalue() == told
    hold = decision(6, 6, (replace(CPU, current=58, replicas=6),))
    rows.decided += [hold, hold]
    rows.target_rows[0] = replace(rows.target_rows[0], ready=6)
    view.show(Moment(5, 90, "Calm."), rows)
    assert out.getvalue().removeprefix(told).splitlines() == [
        "  5 s  decision  shop/web stays at 6: cpu 58 % (target 60 % of requests) asks for 6",
        "  5 s  pods      shop/web 6 wanted, 6 ready",
    ]
