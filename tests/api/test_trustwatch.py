from pathlib import Path

from structlog.testing import capture_logs

from autoscaler.api.certificate import LIFETIME, self_signed
from autoscaler.api.tls import ServingContexts
from autoscaler.api.trustwatch import TrustWatch
from autoscaler.telemetry import Telemetry
from tests.api.cluster import NOW
from tests.api.world import Trust, trust
from tests.clock import FakeClock

DAY = 86400.0


async def test_a25_the_end_of_the_certificate_is_told_from_two_weeks_before_once_a_day(tmp_path: Path) -> None:
    clock, telemetry = FakeClock(NOW), Telemetry()
    watch = TrustWatch(ServingContexts(self_signed(str(tmp_path), ("localhost",), NOW), Trust()), clock, telemetry.api)
    expiry = "autoscaler_serving_certificate_expiry_timestamp_seconds"
    with capture_logs() as logs:
        watch.look()
        await clock.advance(LIFETIME.total_seconds() - 15 * DAY)
        watch.look()
        assert logs == []
        await clock.advance(1.5 * DAY)
        watch.look()
        watch.look()
        await clock.advance(DAY)
        watch.look()
    assert [(entry["event"], entry["days"]) for entry in logs] == [
        ("The serving certificate ends soon", 13.5),
        ("The serving certificate ends soon", 12.5),
    ]
    assert telemetry.registry.get_sample_value(expiry) == NOW + LIFETIME.total_seconds()


async def test_a06_a_series_says_whether_the_trust_is_good_also_while_the_last_one_is_kept(tmp_path: Path) -> None:
    source, telemetry = Trust(None), Telemetry()
    contexts = ServingContexts(self_signed(str(tmp_path), ("localhost",), NOW), source)
    watch = TrustWatch(contexts, FakeClock(NOW), telemetry.api)
    seen = []
    for value, problem in ((None, "forbidden: bind the Role"), (trust(), ""), (trust(), "the ConfigMap is gone")):
        source.value, source.problem = value, problem
        contexts.trusted_ca()
        watch.look()
        seen.append((telemetry.registry.get_sample_value("autoscaler_front_proxy_trust_good"), contexts.trust_problem))
    assert seen == [(0, "forbidden: bind the Role"), (1, ""), (1 - 1, "")]
