from __future__ import annotations

import asyncio
import sys

import pytest
from structlog.testing import capture_logs

from autoscaler.app.eventloop import runner


async def nothing() -> None:
    await asyncio.sleep(0)


def test_it_is_uvloop() -> None:
    assert "uvloop" in runner().__module__


def test_p12_without_uvloop_it_is_that_of_asyncio_and_the_log_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with capture_logs() as logs:
        chosen = runner()
    assert chosen is asyncio.run
    assert [line["log_level"] for line in logs] == ["warning"]
    chosen(nothing())
