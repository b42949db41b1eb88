"""The cluster the other tests stand on is what it claims to be."""

from __future__ import annotations

import json

import pytest

from tests.e2e.cluster import Cluster, node_name
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import Credentials
from tests.e2e.tools.inventory import KUBERNETES
from tests.e2e.workloads import Namespace

PAGE, SUMMARY = "/metrics/resource", "/stats/summary"


@pytest.fixture(scope="module")
def tokens(cluster: Cluster) -> dict[str, str]:
    """Of two ServiceAccounts: one may read what a scraper reads, the other nothing."""
    for name in ("scraper", "nobody"):
        cluster.admin.post("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": name}})
    cluster.kubectl("create", "clusterrole", "e2e-scraper", "--verb=get", "--resource=nodes/metrics")
    cluster.kubectl(
        "create", "clusterrolebinding", "e2e-scraper", "--clusterrole=e2e-scraper", "--serviceaccount=default:scraper"
    )
    return {name: cluster.token("default", name) for name in ("scraper", "nobody")} | {"invented": "a.b.c", "none": ""}


def test_the_api_server_is_the_pinned_release(cluster: Cluster) -> None:
    assert cluster.admin.get("/version")["gitVersion"] == KUBERNETES
    assert json.loads(cluster.kubectl("version", "-o", "json"))["clientVersion"]["gitVersion"] == KUBERNETES


def test_pods_of_a_deployment_spread_over_the_nodes_run_and_go(cluster: Cluster, namespace: str) -> None:
    here = Namespace(cluster, namespace)
    here.run("web", 3)
    assert {pod["spec"]["nodeName"] for pod in here.running("web")} == {node_name(number) for number in range(3)}
    cluster.admin.patch(f"{here.deployments}/web", {"spec": {"replicas": 1}})
    eventually(20, lambda: len(here.pods("web")) == 1, "the other two pods are gone")


@pytest.mark.parametrize(
    ("who", "path", "status"),
    [
        pytest.param("none", PAGE, 401, id="no credentials"),
        pytest.param("invented", PAGE, 401, id="a token nobody issued"),
        pytest.param("nobody", PAGE, 403, id="an account without rights"),
        pytest.param("scraper", PAGE, 200, id="get nodes/metrics opens the page"),
        pytest.param("scraper", SUMMARY, 403, id="get nodes/metrics opens nothing else"),
    ],
)
def test_a_kubelet_answers_whom_the_api_server_allows(
    cluster: Cluster, tokens: dict[str, str], who: str, path: str, status: int
) -> None:
    kubelet = cluster.kubelet(0, Credentials(cluster.pki.cluster_ca, token=tokens[who]))
    assert kubelet.raw("GET", path)[0] == status


def test_a_kubelet_takes_a_client_certificate_of_the_cluster(cluster: Cluster) -> None:
    status, body = cluster.kubelet(0, cluster.admin.credentials).raw("GET", SUMMARY)
    assert (status, json.loads(body)["node"]["nodeName"]) == (200, node_name(0))


def test_a_page_shows_what_the_pods_are_told_to_use(cluster: Cluster, namespace: str) -> None:
    Namespace(cluster, namespace).run("web", 3)

    def lines() -> list[str]:
        page = cluster.kubelet(1, cluster.admin.credentials).raw("GET", PAGE)[1].decode()
        return [line for line in page.splitlines() if f'namespace="{namespace}"' in line]

    shown = eventually(20, lines, "the first sample of a container, at most 10 s after its start")
    memory = next(line for line in shown if line.startswith("container_memory_working_set_bytes"))
    assert float(memory.split()[1]) == 64 * 2**20
    assert len(memory.split()) == 3, "a sample has the kubelet's own timestamp"


def test_the_api_server_can_be_restarted_with_its_state(make_cluster) -> None:
    own = make_cluster(nodes=1)
    own.plane.stop_apiserver()
    assert not own.admin.ready()
    own.plane.start_apiserver()
    assert own.admin.exists(f"/api/v1/nodes/{node_name(0)}")
