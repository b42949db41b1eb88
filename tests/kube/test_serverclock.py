import asyncio
from email.utils import formatdate

import pytest
from prometheus_client import CollectorRegistry

from autoscaler.errors import UnreachableError
from autoscaler.kube.serverclock import LOOK_SECONDS, ServerClock
from autoscaler.telemetry import KubeTelemetry
from tests.clock import FakeClock, settle
from tests.kube.apiserver import DROPPED, Answer, serving

NOW = 1_800_000_000.0


def dated(text: str) -> Answer:
    return Answer(body=b"{}", headers={"Date": text})


@pytest.mark.parametrize("ahead", [0.0, 600.0, -600.0], ids=["it agrees", "ten minutes ahead", "ten minutes behind"])
async def test_s23_its_date_tells_how_far_it_is_off(ahead: float) -> None:
    async with serving() as (server, client):
        server.on("/version", dated(formatdate(NOW + ahead, usegmt=True)))
        found = await ServerClock(client, FakeClock(NOW), KubeTelemetry(CollectorRegistry())).ahead()
        assert found == pytest.approx(ahead, abs=0.6)


async def test_a_date_that_is_none_says_nothing() -> None:
    async with serving() as (server, client):
        server.on("/version", dated("yesterday"))
        assert await ServerClock(client, FakeClock(NOW), KubeTelemetry(CollectorRegistry())).ahead() is None


async def test_who_does_not_answer_is_an_error() -> None:
    async with serving() as (server, client):
        server.on("/version", DROPPED)
        with pytest.raises(UnreachableError):
            await ServerClock(client, FakeClock(NOW), KubeTelemetry(CollectorRegistry())).ahead()


async def test_s23_the_series_follows_every_minute_and_stays_while_nobody_answers() -> None:
    async with serving() as (server, client):
        clock, registry = FakeClock(NOW), CollectorRegistry()
        server.on("/version", dated(formatdate(NOW + 600, usegmt=True)), dated("yesterday"), DROPPED)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(ServerClock(client, clock, KubeTelemetry(registry)).run())
            for asked in (1, 2, 3):
                while len(server.asked) < asked:
                    await asyncio.sleep(0)
                await settle()
                await clock.advance(LOOK_SECONDS)
            running.cancel()
        assert registry.get_sample_value("autoscaler_api_server_clock_ahead_seconds") == pytest.approx(600, abs=0.6)
