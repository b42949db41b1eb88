from __future__ import annotations

from autoscaler.cli.finding import State, bad, doubtful, good


def test_only_what_is_not_good_says_what_to_do() -> None:
    assert good("spool", "fine").todo == ""
    assert (doubtful("spool", "small", "make room").state, bad("spool", "gone", "make it").state) == (
        State.WARN,
        State.BAD,
    )
