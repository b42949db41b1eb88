from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from autoscaler.errors import MalformedError
from autoscaler.kube.registration import APISERVICES, HINT, LOOK_SECONDS, VERSIONS, Registrations, registration
from autoscaler.telemetry import Telemetry
from tests.kube.apiserver import Answer, SkippingClock, ok, refusal, running, serving, until

FORBIDDEN = f"could not be read: GET {APISERVICES}/v1.metrics.k8s.io: no"
OURS = {"app.kubernetes.io/name": "hpa-companion"}


class Alarm:
    def __init__(self) -> None:
        self.told: list[tuple[str, str, str, str]] = []

    def warn_of_service(self, name: str, uid: str, reason: str, message: str) -> None:
        self.told.append((name, uid, reason, message))


def apiservice(*, labels: dict[str, str] = OURS, available: str = "True", **spec: Any) -> Any:
    condition = {"type": "Available", "status": available, "reason": "Passed", "message": "all checks passed"}
    return {
        "metadata": {"labels": labels, "uid": "u1"},
        "spec": {"service": {"namespace": "hps", "name": "api"}} | spec,
        "status": {"conditions": [{"type": "Other", "status": "False"}, condition]},
    }


@pytest.mark.parametrize(
    ("found", "trouble"),
    [
        pytest.param(apiservice(), "", id="ours and well"),
        pytest.param(apiservice(labels={"helm.sh/chart": "hpa-companion-0.1.0"}), "", id="ours under another name"),
        pytest.param(apiservice(labels={}), "points at hps/api, which is not ours", id="somebody else's"),
        pytest.param(apiservice(service=None), "served by the API server itself", id="local"),
        pytest.param(apiservice(available="False"), "hps/api is not available: Passed: all", id="not available"),
        pytest.param(apiservice() | {"status": {}}, "hps/api is not available: kube-aggregator has not", id="new"),
    ],
)
async def test_a33_whether_requests_come_to_us(found: Any, trouble: str) -> None:
    told = registration(ok(found).body).trouble
    assert told.startswith(trouble)
    assert bool(told) is bool(trouble)


def test_whether_our_certificate_is_verified() -> None:
    assert registration(ok(apiservice()).body).verified
    assert not registration(ok(apiservice(insecureSkipTLSVerify=True)).body).verified


def test_what_is_no_apiservice_is_malformed() -> None:
    with pytest.raises(MalformedError):
        registration(b"[]")


async def test_a33_a_series_and_one_line_say_who_has_it_and_nothing_is_written() -> None:
    telemetry, elsewhere = Telemetry(), apiservice(labels={})
    steps: list[tuple[Answer, float | None]] = [
        (refusal(403, "no", "Forbidden"), None),
        (ok(apiservice()), 1.0),
        (ok(elsewhere), 0.0),
        (ok(elsewhere), 0.0),
        (refusal(403, "no", "Forbidden"), 0.0),
        (refusal(404, "gone", "NotFound"), 0.0),
        (ok(apiservice()), 1.0),
    ]
    async with serving() as (server, client):
        server.on(f"{APISERVICES}/v1beta1.metrics.k8s.io", ok(apiservice()))
        registrations = Registrations(client, SkippingClock(), telemetry.kube, alarm := Alarm())
        with capture_logs() as logs:
            for answer, owned in steps:
                server.on(f"{APISERVICES}/v1.metrics.k8s.io", answer)
                await registrations.look()
                found = telemetry.registry.get_sample_value("autoscaler_apiservice_owned", {"version": "v1"})
                assert found == owned
        assert {asked.method for asked in server.asked} == {"GET"}
    told = [(entry["event"], entry.get("why", "")) for entry in logs if entry["apiservice"] == "v1.metrics.k8s.io"]
    lost, back = "The Metrics API does not come to us", "The Metrics API comes to us"
    assert [event for event, _ in told] == [lost, back, lost, lost, lost, back]
    assert [why for _, why in told if why] == [
        FORBIDDEN, "points at hps/api, which is not ours", FORBIDDEN, "there is none"
    ]  # fmt: skip

    name = "v1.metrics.k8s.io"
    elsewhere_told = (name, "u1", "TurnedAway", f"points at hps/api, which is not ours: {HINT}")
    assert alarm.told == [elsewhere_told, elsewhere_told, (name, "u1", "TurnedAway", f"there is none: {HINT}")]


async def test_a33_what_never_was_ours_is_no_news_to_the_cluster() -> None:
    alarm = Alarm()
    async with serving() as (server, client):
        for version in VERSIONS:
            server.on(f"{APISERVICES}/{version}.metrics.k8s.io", ok(apiservice(labels={})))
        await Registrations(client, SkippingClock(), Telemetry().kube, alarm).look()
    assert alarm.told == []


async def test_it_looks_every_minute() -> None:
    clock = SkippingClock()
    async with serving() as (server, client), running(Registrations(client, clock, Telemetry().kube, Alarm()).run):
        await until(lambda: len(server.asked) >= 4)
    assert set(clock.slept) == {LOOK_SECONDS}
