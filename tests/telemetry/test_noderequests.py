from collections.abc import Mapping

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from autoscaler.telemetry.buckets import REQUEST_BUCKETS
from autoscaler.telemetry.noderequests import NodeRequests

TOOK = "metrics_server_kubelet_request_duration_seconds"
ASKED = "metrics_server_kubelet_last_request_time_seconds"


def value(registry: CollectorRegistry, name: str, labels: Mapping[str, str]) -> float | None:
    return registry.get_sample_value(name, dict(labels))


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_a_node_looks_as_the_histogram_and_the_gauge_of_metrics_server(registry: CollectorRegistry) -> None:
    requests, usual = NodeRequests(), CollectorRegistry()
    registry.register(requests)
    histogram = Histogram(TOOK, "as usual", ["node"], buckets=REQUEST_BUCKETS, registry=usual)
    for seconds in (0.001, 0.005, 0.0051, 0.3, 9.0, 11.0):
        requests.took("a", seconds)
        histogram.labels("a").observe(seconds)
    requests.asked("a", 1_795_427_651.5)
    assert value(registry, ASKED, {"node": "a"}) == 1_795_427_651.5
    for suffix, bounds in (("bucket", [*map(float, REQUEST_BUCKETS), "+Inf"]), ("count", [None]), ("sum", [None])):
        for bound in bounds:
            labels = {"node": "a"} | ({} if bound is None else {"le": str(bound)})
            found = value(registry, f"{TOOK}_{suffix}", labels)
            assert found is not None
            assert found == pytest.approx(value(usual, f"{TOOK}_{suffix}", labels))


def test_beyond_so_many_nodes_one_without_a_name_has_the_answers_of_all(registry: CollectorRegistry) -> None:
    requests = NodeRequests(most_nodes=2)
    registry.register(requests)
    for node in ("a", "b", "c", "d", "c"):
        requests.asked(node, 1.0)
        requests.took(node, 0.1)
    named = {node: value(registry, f"{TOOK}_count", {"node": node}) for node in ("a", "b", "c", "d", "")}
    assert named == {"a": 1, "b": 1, "c": None, "d": None, "": 3}
    assert value(registry, ASKED, {"node": "d"}) == 1.0
    requests.forget("a")
    requests.forget("never seen")
    requests.took("d", 0.1)
    assert value(registry, f"{TOOK}_count", {"node": "a"}) is None
    assert value(registry, f"{TOOK}_count", {"node": ""}) == 4


def test_a_page_of_5000_nodes_is_no_longer_than_that_of_metrics_server_of_1000(registry: CollectorRegistry) -> None:
    requests = NodeRequests()
    registry.register(requests)
    for number in range(5000):
        requests.asked(f"node-{number:04}", 1e9)
        requests.took(f"node-{number:04}", 0.1)
    page = generate_latest(registry)
    assert len(page) < 2_000_000
    families = {family.name: family for family in text_string_to_metric_families(page.decode())}
    assert len(families[ASKED].samples) == 5000
    assert len(families[TOOK].samples) == 1001 * 14
