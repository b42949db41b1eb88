from autoscaler.telemetry import Health, Verdict


def test_health_asks_every_check_each_time() -> None:
    health, state = Health(), {"ok": False}
    health.add_ready(lambda: Verdict("coverage", state["ok"], "no node scraped yet"))
    assert [v.ok for v in health.ready()] == [False]
    state["ok"] = True
    assert [v.ok for v in health.ready()] == [True]
    assert health.live() == []
