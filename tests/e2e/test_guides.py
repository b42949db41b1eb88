"""The pages that lead somebody through an installation say what happens: each is followed on a real cluster."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from tests.e2e.chart import CHART, container, objects, told
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.guide import SOON, Guide
from tests.e2e.kafka.broker import Broker
from tests.e2e.release import NAME, Release
from tests.e2e.workloads import Namespace, autoscaler_spec, hpa
from tests.pages import ROOT, blocks, typed

pytestmark = pytest.mark.timeout(300)

REGISTERED = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io"

Open = Callable[..., Guide]
TOPIC = "autoscaler.decisions"
NOT_TYPED = {
    "CONTRIBUTING.md": "make",
    "docs/benchmarks.md": "make, and what takes half an hour",
    "docs/image.md": "an engine, and what loads packages: tests/test_image.py holds the Dockerfile to it",
}
"""Pages whose lines nobody types here, and what they need."""


@pytest.fixture(scope="module")
def bare(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that nobody has installed anything into."""
    made = Cluster(tools, tmp_path_factory.mktemp("bare"))
    yield made
    made.stop()


@pytest.fixture
def open_guide(bare: Cluster, tmp_path: Path) -> Iterator[Open]:
    """Makes one, and takes away afterwards what it installed."""
    made: list[Release] = []

    def make(instead: Mapping[str, str] | None = None, **values: object) -> Guide:
        release = Release(bare, tmp_path, values, namespace=NAME, install=False)
        release.values["tls"] = {"mode": "auto"}
        made.append(release)
        return Guide(bare, release, tmp_path, instead)

    yield make
    for each in made:
        each.stop()
        bare.helm("uninstall", NAME, f"--namespace={each.namespace}", "--ignore-not-found", "--wait")
        bare.admin.delete(f"/api/v1/namespaces/{each.namespace}")
        bare.kubectl("delete", "clusterrolebinding", "prometheus")
    bare.kubectl("wait", "--for=delete", f"namespace/{NAME}", "--timeout=60s")
    bare.kubectl("delete", "namespace", "shop", "--ignore-not-found")


def owner(cluster: Cluster) -> str:
    return str(cluster.admin.get(REGISTERED)["spec"]["service"]["name"])


def test_five_minutes_to_a_real_cluster(bare: Cluster, open_guide: Open) -> None:
    guide = open_guide()
    printed = guide.follow(
        "docs/start.md",
        failing={"get apiservice v1beta1": "NotFound", "autoscaler doctor": "not registered: kubectl top and HPAs"},
    )
    assert not bare.admin.exists(REGISTERED)
    assert bare.admin.get("/apis/apps/v1/namespaces/shop/deployments/web")["spec"]["replicas"] == 2, printed


@pytest.fixture
def metrics_server(bare: Cluster, open_guide: Open, tmp_path: Path) -> Iterator[Open]:
    """Opens a guide where a chart is installed that registers as that of metrics-server does, found by the name it has
    in its repository. It goes first: nobody answers there, and then no namespace can end."""
    folder = tmp_path / "metrics-server/metrics-server"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("{apiVersion: v2, name: metrics-server, version: 3.13.1}")
    (folder / "templates/apiservice.yaml").write_text(METRICS_SERVER)
    bare.helm("install", "metrics-server", str(folder), "--namespace=kube-system")
    yield open_guide
    bare.helm("uninstall", "metrics-server", "--namespace=kube-system", "--ignore-not-found")


METRICS_SERVER = """\
apiVersion: v1
kind: Service
metadata: {name: metrics-server, namespace: kube-system}
spec: {ports: [{port: 443}]}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec:
  group: metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {name: metrics-server, namespace: kube-system}
"""


def test_from_metrics_server_and_back(bare: Cluster, metrics_server: Open) -> None:
    guide = metrics_server()
    guide.follow("docs/from-metrics-server.md", failing={"autoscaler doctor": "3 of 3 nodes give a page"})
    assert owner(bare) == "metrics-server"

    # It may stay, as the page says: Helm takes our APIService away with it, and makes it again.
    lines = typed(ROOT / "docs/from-metrics-server.md")
    change_over = next(words for words in lines if "apiService.create=true" in words)
    bare.kubectl("delete", "apiservice", "v1beta1.metrics.k8s.io")
    guide.type(*change_over)
    assert owner(bare) == NAME
    bare.helm("uninstall", "metrics-server", "--namespace=kube-system")
    assert not bare.admin.exists(REGISTERED)
    guide.type(*change_over)
    assert owner(bare) == NAME

    # docs/gitops.md: who applies the chart again finds nothing to change, whatever the program has written meanwhile.
    bare.kubectl("wait", "--for=condition=Available", "apiservice/v1beta1.metrics.k8s.io", "--timeout=60s")
    assert bare.admin.get(REGISTERED)["spec"]["caBundle"]
    manifest = guide.folder / "manifest.yaml"
    manifest.write_text(bare.helm("get", "manifest", NAME, f"--namespace={NAME}"))
    bare.kubectl("diff", "--server-side", "--force-conflicts", "--field-manager=gitops", f"--filename={manifest}")


def test_from_an_hpa_to_the_record_in_kafka_and_a_replay(bare: Cluster, open_guide: Open, broker: Broker) -> None:
    guide = open_guide(
        {"kafka:9092": broker.bootstrap},
        audit={"kafka": {"bootstrapServers": [broker.bootstrap], "topic": TOPIC}},
        extraArgs=["--kubelet-allow-loopback", "--audit-kafka-create-topics"],
    )
    bare.admin.post("/api/v1/namespaces", {"metadata": {"name": "shop"}})
    shop = Namespace(bare, "shop")
    shop.run("web", 1, cpu="200m")
    bare.admin.post(shop.hpas, hpa("web", autoscaler_spec("web", percent=80)))
    [shadow] = blocks(ROOT / "docs/from-hpa.md", "yaml")
    (guide.folder / "web.yaml").write_text(shadow)

    guide.follow("docs/from-hpa.md")
    eventually(SOON, lambda: shop.replicas("web") > 2, "we scale it")
    for example in ("deployment-with-hps", "hps-with-pause", "plain-hpa"):
        guide.type("kubectl", "apply", "--dry-run=server", "--validate=strict", f"--filename=examples/{example}.yaml")
    guide.follow("docs/consuming.md", without=["kafka-topics.sh"])
    guide.follow("docs/known-issues.md")
    guide.follow("docs/runbooks.md", without=["kubectl -n hpa-companion logs"])
    policy = yaml.safe_load(shadow)
    policy["spec"]["maxReplicas"] = 20
    (guide.folder / "new.yaml").write_text(yaml.safe_dump(policy))
    assert "every one came to the recorded decision" in guide.follow("docs/replay.md")
    (guide.folder / "case.jsonl").write_text(json.dumps(json.loads(next(blocks(ROOT / "docs/plan.md", "json")))))
    guide.follow("README.md", without=["make"], failing={"autoscaler doctor": "unauthorized"})


async def test_the_topic_that_the_page_makes_is_one_that_kafka_takes(broker: Broker) -> None:
    """Kafka's script is not among the jars here, so its words are taken apart: every setting must be one of a topic."""
    [words] = [words for words in typed(ROOT / "docs/consuming.md") if words[0] == "kafka-topics.sh"]
    script = argparse.ArgumentParser()
    for flag in ("--bootstrap-server", "--topic", "--partitions", "--replication-factor"):
        script.add_argument(flag, required=True)
    script.add_argument("--create", action="store_true", required=True)
    script.add_argument("--config", action="append")
    made = script.parse_args(words[1:])
    settings = dict(each.split("=") for each in made.config)
    await broker.create(f"{made.topic}.as-told", partitions=int(made.partitions), settings=settings)


VALUES = sorted((ROOT / "examples").glob("values-*.yaml"))


@pytest.mark.parametrize("file", [pytest.param(file, id=file.name) for file in VALUES])
def test_values_of_the_examples_reach_the_program(file: Path) -> None:
    values = yaml.safe_load(file.read_text())
    assert f"--audit-kafka-bootstrap-servers={','.join(values['audit']['kafka']['bootstrapServers'])}" in (
        told(container(values))
    )


@pytest.mark.parametrize("page", ["docs/consuming.md", "docs/kubelet-certificates.md"])
def test_values_in_a_page_are_those_of_the_chart(page: str) -> None:
    for block in blocks(ROOT / page, "yaml"):
        assert told(container(yaml.safe_load(block))) != told(container()), block


def test_what_gitops_ignores_is_there_to_be_ignored() -> None:
    """And its values are those of the chart."""
    argo, _ = yaml.safe_load_all((ROOT / "examples/gitops/argo-cd.yaml").read_text())
    _, flux = yaml.safe_load_all((ROOT / "examples/gitops/flux.yaml").read_text())
    made = objects(argo["spec"]["source"]["helm"]["valuesObject"], release="hpa-companion")
    assert objects(flux["spec"]["values"], release="hpa-companion") == made
    assert ("Secret", argo["spec"]["ignoreDifferences"][1]["name"]) in made
    ignored = {each["kind"]: each["jsonPointers"] for each in argo["spec"]["ignoreDifferences"]}
    assert ignored == {each["target"]["kind"]: each["paths"] for each in flux["spec"]["driftDetection"]["ignore"]}
    assert ignored == {"APIService": ["/spec/caBundle"], "Secret": ["/data"]}
    for (kind, _), each in made.items():
        if kind in ignored:
            assert "caBundle" not in each.get("spec", {})
            assert "data" not in each


def test_every_page_with_commands_is_followed() -> None:
    followed = set(re.findall(r'follow\(\s*"([^"]+)"', Path(__file__).read_text()))
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    assert {str(page.relative_to(ROOT)) for page in pages if list(typed(page))} == followed | NOT_TYPED.keys()


def test_the_chart_tells_nothing_that_the_first_page_does_not() -> None:
    """Nor less: without an image that somebody pushed, the pod would not start."""
    first = list(typed(ROOT / "docs/start.md"))
    for words in typed(CHART / "README.md"):
        assert words in first
