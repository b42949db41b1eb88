import pytest
from prometheus_client import generate_latest

from autoscaler.telemetry import Telemetry
from autoscaler.telemetry.series import REQUEST_BUCKETS, tick_buckets


@pytest.mark.parametrize(
    ("resolution", "added"),
    [
        pytest.param(15, (12.5, 15, 22.5, 30), id="the usual resolution: some around it"),
        pytest.param(60, (35, 60, 90, 120), id="a minute"),
        pytest.param(4, (4,), id="below the longest bucket: itself"),
        pytest.param(10, (), id="a bucket already"),
        pytest.param(2.503, (), id="as good as a bucket"),
    ],
)
def test_the_buckets_of_a_tick_are_metrics_servers(resolution: float, added: tuple[float, ...]) -> None:
    assert tick_buckets(resolution) == tuple(sorted({*REQUEST_BUCKETS, *added}))


def test_the_six_names_of_metrics_server_that_dashboards_use_are_kept() -> None:
    telemetry = Telemetry()
    telemetry.engine.request_seconds.labels("node-a").observe(0.1)
    telemetry.engine.requests.labels("true").inc()
    telemetry.engine.last_request.labels("node-a").set(1.0)
    telemetry.engine.points.labels("node").set(1)
    page = generate_latest(telemetry.registry).decode()
    for name in (
        "metrics_server_kubelet_request_duration_seconds_bucket{",
        'metrics_server_kubelet_request_total{success="true"} 1.0',
        'metrics_server_kubelet_last_request_time_seconds{node="node-a"} 1.0',
        'metrics_server_storage_points{type="node"} 1.0',
        'metrics_server_manager_tick_duration_seconds_bucket{le="22.5"}',
        'metrics_server_api_metric_freshness_seconds_bucket{le="1.0"}',
    ):
        assert name in page


def test_series_of_a_node_go_with_the_node() -> None:
    telemetry = Telemetry()
    telemetry.engine.request_seconds.labels("gone").observe(0.1)
    telemetry.engine.forget_node("gone")
    telemetry.engine.forget_node("never seen")
    assert "gone" not in generate_latest(telemetry.registry).decode()
