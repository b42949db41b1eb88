from collections.abc import Iterable, Sequence

from prometheus_client.parser import text_string_to_metric_families

from autoscaler.api.call import parse_call
from autoscaler.api.coremetrics import FAMILIES, NODES_AT_ONCE, CoreMetrics
from autoscaler.model.metrics import PodTotal, PodUsage, Reading, Usage
from autoscaler.model.objects import NodeName

AT = 1_795_427_651_250_000_000
HOSTILE = 'a"b\\c\nd'


class Kubelets:
    """Every node says the same."""

    def __init__(self, *names: str, container: str = "app") -> None:
        self.names = [NodeName(name) for name in names]
        self.container = container

    def nodes(self) -> Sequence[NodeName]:
        return self.names

    def node(self, name: NodeName) -> Reading | None:
        return None if name == "silent" else Reading("", "", "", 12_000_000_001, 1 << 30, AT)

    def containers(self, name: NodeName) -> Iterable[Reading]:
        return [Reading("shop", f"web-{name}", self.container, 1_500_000_000, 7, AT)]

    def pod_totals(self, name: NodeName) -> Iterable[PodTotal]:
        return [PodTotal("shop", f"web-{name}", 2_000_000_000, AT)]

    def pods(self, name: NodeName) -> Iterable[PodUsage]:
        usages = (("app", Usage(250_000_000, 7, AT, 1)), ("proxy", Usage(1_000_000, 8, AT, 1)))
        return [PodUsage("shop", f"web-{name}", "u", usages, AT, 1)]


def page(kubelets: Kubelets) -> str:
    answer = CoreMetrics(kubelets).answer(parse_call("GET", "/metrics/core"))
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    return b"".join(answer.body).decode()  # type: ignore[arg-type] # pieces


def test_the_page_of_one_node() -> None:
    lines = [line for line in page(Kubelets("n1")).splitlines() if not line.startswith("#")]
    assert lines == [
        'node_cpu_usage_seconds_total{node="n1"} 12.000000001 1795427651250',
        'node_memory_working_set_bytes{node="n1"} 1073741824 1795427651250',
        'container_cpu_usage_seconds_total{container="app",namespace="shop",node="n1",pod="web-n1"} 1.500000000 '
        "1795427651250",
        'container_memory_working_set_bytes{container="app",namespace="shop",node="n1",pod="web-n1"} 7 1795427651250',
        'pod_cpu_usage_seconds_total{namespace="shop",node="n1",pod="web-n1"} 2.000000000 1795427651250',
        'pod_cpu_usage_cores{namespace="shop",node="n1",pod="web-n1"} 0.251000000 1795427651250',
        'pod_memory_working_set_bytes{namespace="shop",node="n1",pod="web-n1"} 15 1795427651250',
    ]


def test_prometheus_reads_it_each_family_in_one_piece_whatever_the_names_are() -> None:
    families = list(text_string_to_metric_families(page(Kubelets("n1", "silent", "n2", container=HOSTILE))))
    assert [family.name for family in families] == [family.name.removesuffix("_total") for family in FAMILIES]
    assert [len(family.samples) for family in families] == [2, 2, 3, 3, 3, 3, 3]
    assert {sample.labels["container"] for sample in families[2].samples} == {HOSTILE}
    assert [family.type for family in families] == ["counter", "gauge"] * 3 + ["gauge"]


def test_many_nodes_are_given_in_slices() -> None:
    names = [f"n{number}" for number in range(NODES_AT_ONCE * 2 + 1)]
    answer = CoreMetrics(Kubelets(*names)).answer(parse_call("GET", "/metrics/core"))
    assert len(list(answer.body)) == len(FAMILIES) * (1 + 3)


def test_without_nodes_the_families_are_named_all_the_same() -> None:
    assert page(Kubelets()).count("# TYPE ") == len(FAMILIES)
