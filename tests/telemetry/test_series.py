from prometheus_client import generate_latest

from autoscaler import __version__
from autoscaler.core.compiled import COMPILED
from autoscaler.telemetry import Telemetry


def test_the_six_names_of_metrics_server_that_dashboards_use_are_kept() -> None:
    telemetry = Telemetry()
    telemetry.engine.node_requests.took("node-a", 0.1)
    telemetry.engine.requests.labels("true").inc()
    telemetry.engine.node_requests.asked("node-a", 1.0)
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
    telemetry.engine.node_requests.took("gone", 0.1)
    telemetry.engine.forget_node("gone")
    telemetry.engine.forget_node("never seen")
    assert "gone" not in generate_latest(telemetry.registry).decode()


def test_which_program_it_is_stands_beside_what_it_does() -> None:
    page = generate_latest(Telemetry().registry).decode()
    assert f'autoscaler_build_info{{compiled="{str(COMPILED).lower()}",version="{__version__}"}} 1.0' in page
