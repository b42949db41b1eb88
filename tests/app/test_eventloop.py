from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from autoscaler.app.eventloop import SWITCH_SECONDS, runner


@pytest.fixture(autouse=True)
def interval() -> Iterator[None]:
    """It is the whole process's."""
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


async def nothing() -> None:
    await asyncio.sleep(0)


def test_it_is_uvloop() -> None:
    assert "uvloop" in runner().__module__


def test_a_thread_makes_way_for_it_quickly() -> None:
    runner()
    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)


def test_p12_without_uvloop_it_is_that_of_asyncio_and_the_log_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with capture_logs() as logs:
        chosen = runner()
    assert chosen is asyncio.run
    assert [line["log_level"] for line in logs] == ["warning"]
    chosen(nothing())
