"""The chart gives for every value what it promises, and refuses what is no value; no cluster needed."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from autoscaler.config.options import OPTIONS
from tests.e2e.chart import CHART, NEEDED, PEM, ChartRefusedError, container, objects, render

PROGRAM_RULES = [
    {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["nodes", "pods"], "verbs": ["list", "watch"]},
    {"apiGroups": ["hpa-companion.dev"], "resources": ["horizontalpodscalers"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["hpa-companion.dev"], "resources": ["horizontalpodscalers/status"], "verbs": ["update"]},
    {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]},
    {"apiGroups": ["custom.metrics.k8s.io"], "resources": ["*"], "verbs": ["get"]},
    {"apiGroups": ["external.metrics.k8s.io"], "resources": ["*"], "verbs": ["list"]},
    {"apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["keda.sh"], "resources": ["scaledobjects"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["apps"], "resources": ["replicasets"], "verbs": ["get"]},
    {
        "apiGroups": ["apiregistration.k8s.io"],
        "resources": ["apiservices"],
        "resourceNames": ["v1beta1.metrics.k8s.io", "v1.metrics.k8s.io"],
        "verbs": ["get"],
    },
    {"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["get", "update"]},
    {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]},
]


def test_the_program_may_do_this_and_nothing_else() -> None:
    made = objects()
    assert made["ClusterRole", "try-hpa-companion"]["rules"] == PROGRAM_RULES
    bound = {name: each["roleRef"]["name"] for (kind, name), each in made.items() if kind.endswith("RoleBinding")}
    assert bound == {
        "try-hpa-companion": "try-hpa-companion",
        "try-hpa-companion:system:auth-delegator": "system:auth-delegator",
        "try-hpa-companion-auth-reader": "extension-apiserver-authentication-reader",
        "try-hpa-companion-leader-election": "try-hpa-companion-leader-election",
    }


LEASES = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}


def test_one_of_several_pods_decides_by_one_named_lease() -> None:
    made = objects({"replicas": 3})
    role = made["Role", "try-hpa-companion-leader-election"]
    assert role["metadata"]["namespace"] == "metrics"
    assert role["rules"] == [
        {**LEASES, "verbs": ["create"]},
        {**LEASES, "resourceNames": ["try-hpa-companion"], "verbs": ["get", "update"]},
    ]
    spec = made["Deployment", "try-hpa-companion"]["spec"]
    assert (spec["replicas"], spec["strategy"]) == (3, {"type": "RollingUpdate"})
    arguments = container()["args"]
    assert "--leader-elect" in arguments
    assert "--leader-elect-resource-namespace=metrics" in arguments
    assert "--leader-elect-resource-name=try-hpa-companion" in arguments


def test_without_leader_election_there_is_one_pod_and_never_two() -> None:
    made = objects({"leaderElection": {"enabled": False}})
    assert ("Role", "try-hpa-companion-leader-election") not in made
    assert made["Deployment", "try-hpa-companion"]["spec"]["strategy"] == {"type": "Recreate"}
    assert "--leader-elect" not in container({"leaderElection": {"enabled": False}})["args"]
    with pytest.raises(ChartRefusedError, match=r"needs leaderElection\.enabled"):
        render({"replicas": 2, "leaderElection": {"enabled": False}})


def test_a_monitoring_pipeline_has_a_role_to_bind() -> None:
    [rule] = objects()["ClusterRole", "try-hpa-companion-core-metrics"]["rules"]
    assert rule == {"nonResourceURLs": ["/metrics", "/metrics/core", "/debug/nodes"], "verbs": ["get"]}


def test_an_api_server_stays_with_the_replica_whose_revisions_it_knows() -> None:
    assert objects()["Service", "try-hpa-companion"]["spec"]["sessionAffinity"] == "ClientIP"


def test_further_kinds_may_be_scaled_one_by_one() -> None:
    targets = [{"group": "apps", "resource": "statefulsets"}, {"group": "argoproj.io", "resource": "rollouts"}]
    rules = objects({"rbac": {"targets": targets}})["ClusterRole", "try-hpa-companion"]["rules"]
    for each in targets:
        scale = f"{each['resource']}/scale"
        assert {"apiGroups": [each["group"]], "resources": [scale], "verbs": ["get", "update"]} in rules
    assert not any("deployments/scale" in rule["resources"] for rule in rules)


def test_the_api_server_verifies_us_under_both_versions() -> None:
    made = objects()
    for version in ("v1beta1", "v1"):
        spec = made["APIService", f"{version}.metrics.k8s.io"]["spec"]
        assert (spec["group"], spec["version"]) == ("metrics.k8s.io", version)
        assert spec["insecureSkipTLSVerify"] is False
        assert base64.b64decode(spec["caBundle"]).decode() == PEM
        assert spec["service"] == {"name": "try-hpa-companion", "namespace": "metrics", "port": 443}


def test_the_same_values_give_the_same_bytes() -> None:
    assert render() == render()


def test_every_argument_is_a_flag_of_the_program() -> None:
    everything = {
        "kubelet": {
            "nodeSelector": "a=b",
            "certificateAuthority": {"configMap": "kubelet-ca"},
            "insecureTLSNodes": "old=yes",
        },
        "audit": {"kafka": {"bootstrapServers": ["k:9092"], "usageTopic": "autoscaler.usage"}},
    }
    verb, *flags = container(everything)["args"]
    assert verb == "run"
    assert {flag.partition("=")[0].removeprefix("--") for flag in flags} <= OPTIONS.keys()


@pytest.mark.parametrize(
    ("values", "argument"),
    [
        pytest.param({"kubelet": {"resolution": "30s"}}, "--metric-resolution=30s", id="resolution"),
        pytest.param({"kubelet": {"insecureTLS": True}}, "--kubelet-insecure-tls", id="unverified kubelets"),
        pytest.param({"kubelet": {"hotResolution": "0s"}}, "--hot-resolution=0s", id="no hot nodes"),
        pytest.param(
            {"kubelet": {"tlsServerName": "node-name"}},
            "--kubelet-tls-server-name=node-name",
            id="verified by node name",
        ),
        pytest.param(
            {"kubelet": {"insecureTLSNodes": "a in (b,c)"}},
            "--kubelet-insecure-tls-nodes=a in (b,c)",
            id="some kubelets unverified",
        ),
        pytest.param(
            {"kubelet": {"certificateAuthority": {"configMap": "cas", "key": ""}}},
            "--kubelet-certificate-authority=/etc/hpa-companion/kubelet",
            id="a folder of CAs",
        ),
        pytest.param({"kubelet": {"nodeSelector": "a=b,c"}}, "--node-selector=a=b,c", id="some nodes only"),
        pytest.param(
            {"kubelet": {"preferredAddressTypes": ["Hostname", "InternalIP"]}},
            "--kubelet-preferred-address-types=Hostname,InternalIP",
            id="address types keep their order",
        ),
        pytest.param(
            {"audit": {"kafka": {"bootstrapServers": ["a:9092", "b:9092"]}}},
            "--audit-kafka-bootstrap-servers=a:9092,b:9092",
            id="brokers",
        ),
        pytest.param({"scaling": {"observeHpas": True}}, "--observe-hpas", id="observing"),
        pytest.param(
            {"audit": {"kafka": {"bootstrapServers": ["a:9092"], "usageTopic": "autoscaler.usage"}}},
            "--usage-topic=autoscaler.usage",
            id="samples kept in Kafka",
        ),
        pytest.param(
            {"leaderElection": {"leaseDuration": "3s"}}, "--leader-elect-lease-duration=3s", id="a short lease"
        ),
        pytest.param({"extraArgs": ["--kubelet-allow-loopback"]}, "--kubelet-allow-loopback", id="extra argument"),
    ],
)
def test_a_value_reaches_the_program(values: dict[str, Any], argument: str) -> None:
    assert argument in container(values)["args"]
    assert argument not in container()["args"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        pytest.param({"apiService": {"create": False}}, "APIService", id="not registered"),
        pytest.param({"crds": {"install": False}}, "CustomResourceDefinition", id="no CRD"),
        pytest.param({"rbac": {"create": False}}, "ClusterRole", id="no roles"),
        pytest.param({"serviceAccount": {"create": False}}, "ServiceAccount", id="no account"),
        pytest.param({"podDisruptionBudget": {"enabled": False}}, "PodDisruptionBudget", id="no budget"),
    ],
)
def test_what_is_switched_off_is_not_rendered(values: dict[str, Any], kind: str) -> None:
    assert kind in {kind for kind, _ in objects()}
    assert kind not in {kind for kind, _ in objects(values)}


def test_c09_our_own_namespace_is_protected_whatever_else_is() -> None:
    assert "--protected-namespaces=kube-system,metrics" in container()["args"]
    own = {"scaling": {"protectedNamespaces": ["metrics", "ingress"]}}
    assert "--protected-namespaces=metrics,ingress" in container(own)["args"]


def test_a_digest_wins_over_a_tag() -> None:
    digest = "sha256:" + "0" * 64
    assert container({"image": {"tag": "v1", "digest": digest}})["image"].endswith(f"@{digest}")


@pytest.mark.parametrize(
    ("values", "where"),
    [
        pytest.param({"workers": 2}, "workers", id="unknown key"),
        pytest.param({"replicas": 0}, "/replicas", id="no pod"),
        pytest.param({"kubelet": {"metricResolution": "15s"}}, "metricResolution", id="unknown key below a known one"),
        pytest.param({"kubelet": {"resolution": 15}}, "/kubelet/resolution", id="a number where a duration belongs"),
        pytest.param({"kubelet": {"source": "cadvisor"}}, "/kubelet/source", id="unknown source"),
        pytest.param(
            {"kubelet": {"preferredAddressTypes": []}}, "/kubelet/preferredAddressTypes", id="no address type"
        ),
        pytest.param({"service": {"port": 70000}}, "/service/port", id="no port"),
        pytest.param({"tls": {"caBundle": "ca.crt"}}, "/tls/caBundle", id="a file name where a PEM belongs"),
        pytest.param({"tls": {"insecureSkipTLSVerify": True}}, "insecureSkipTLSVerify", id="no way to skip verifying"),
        pytest.param(
            {"audit": {"kafka": {"bootstrapServers": ["kafka"]}}}, "/bootstrapServers/0", id="broker, no port"
        ),
        pytest.param({"audit": {"spool": {"maxBytes": "lots"}}}, "/audit/spool/maxBytes", id="no size"),
        pytest.param({"image": {"digest": "latest"}}, "/image/digest", id="no digest"),
        pytest.param({"extraArgs": ["kubelet-port=1"]}, "/extraArgs/0", id="an argument without dashes"),
        pytest.param({"runAsUser": 0}, "/runAsUser", id="root"),
        pytest.param(
            {"rbac": {"targets": [{"group": "apps", "resource": "*"}]}}, "/rbac/targets/0/resource", id="everything"
        ),
        pytest.param({"log": {"level": "verbose"}}, "/log/level", id="unknown level"),
        pytest.param({"monitoring": {"podMonitor": {}}}, "podMonitor", id="unknown way to monitor"),
        pytest.param(
            {"monitoring": {"prometheusRule": {"runbooks": "page#anchor"}}},
            "/monitoring/prometheusRule/runbooks",
            id="runbooks that are no page",
        ),
    ],
)
def test_what_is_no_value_is_refused_by_its_path(values: dict[str, Any], where: str) -> None:
    with pytest.raises(ChartRefusedError, match=re.escape(where)):
        render(values)


@pytest.mark.parametrize("missing", ["existingSecret", "caBundle"])
def test_a_missing_certificate_is_asked_for(missing: str) -> None:
    given = {key: value for key, value in NEEDED["tls"].items() if key != missing}
    with pytest.raises(ChartRefusedError, match=rf"tls\.{missing} is needed"):
        render({"tls": given}, needed=False)


MONITORED: dict[str, Any] = {
    "monitoring": {
        "serviceMonitor": {"enabled": True, "interval": "20s", "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True, "runbooks": "https://runbooks.example/"},
        "dashboard": {"enabled": True},
    }
}
MONITORS = [
    ("ServiceMonitor", "try-hpa-companion"),
    ("PrometheusRule", "try-hpa-companion"),
    ("ConfigMap", "try-hpa-companion-serving-ca"),
    ("ConfigMap", "try-hpa-companion-dashboard"),
]


def test_nothing_for_monitoring_is_made_unless_it_is_wanted() -> None:
    assert [each for each in MONITORS if each in objects()] == []
    assert [each for each in MONITORS if each not in objects(MONITORED)] == []


def test_prometheus_verifies_us_and_shows_its_own_token() -> None:
    made = objects(MONITORED)
    monitor = made["ServiceMonitor", "try-hpa-companion"]
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    [endpoint] = monitor["spec"]["endpoints"]
    assert (endpoint["scheme"], endpoint["path"], endpoint["interval"]) == ("https", "/metrics", "20s")
    assert endpoint["tlsConfig"] == {
        "serverName": "try-hpa-companion.metrics.svc",
        "ca": {"configMap": {"name": "try-hpa-companion-serving-ca", "key": "ca.crt"}},
    }
    assert made["ConfigMap", "try-hpa-companion-serving-ca"]["data"] == {"ca.crt": PEM}
    service = made["Service", "try-hpa-companion"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}


def alerts(values: dict[str, Any]) -> dict[str, Any]:
    [group] = objects(MONITORED | values)["PrometheusRule", "try-hpa-companion"]["spec"]["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def test_an_alert_is_made_where_it_makes_sense() -> None:
    written = yaml.safe_load((CHART / "files/alerts.yaml").read_text())["rules"]
    needs = {rule["alert"]: rule.get("needs") for rule in written}
    assert alerts({}).keys() == {name for name, need in needs.items() if need != "kafka"}
    assert alerts({"audit": {"kafka": {"bootstrapServers": ["k:9092"]}}}).keys() == needs.keys()
    assert alerts({"apiService": {"create": False}, "leaderElection": {"enabled": False}}).keys() == {
        name for name, need in needs.items() if need is None
    }


def test_an_alert_has_the_job_and_the_place_of_its_runbook() -> None:
    down = alerts({})["HpaCompanionDown"]
    assert down["expr"] == 'absent(up{job="try-hpa-companion"} == 1)'
    assert down["annotations"]["runbook_url"] == "https://runbooks.example/#nobody-answers"
    assert not any("needs" in rule or "@" in json.dumps(rule) for rule in alerts({}).values())


def test_the_dashboard_is_the_file_of_the_chart() -> None:
    made = objects(MONITORED)["ConfigMap", "try-hpa-companion-dashboard"]
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert made["data"] == {"hpa-companion.json": (CHART / "files/dashboard.json").read_text()}


def test_every_value_is_described_and_in_the_schema() -> None:
    text = (CHART / "values.yaml").read_text()
    schema = json.loads((CHART / "values.schema.json").read_text())
    lines = text.splitlines()
    for path in _leaves(yaml.safe_load(text)):
        at = schema
        for key in path:
            at = at["properties"][key]
        key = "  " * (len(path) - 1) + path[-1] + ":"
        described = [
            i for i, line in enumerate(lines) if line.startswith(key) and lines[i - 1].lstrip().startswith("#")
        ]
        assert described, f"{'.'.join(path)} has no comment above it"


def _leaves(values: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of values; a mapping that is a value itself, such as resources, counts as one."""
    whole = {"resources", "nodeSelector", "affinity", "annotations", "podAnnotations", "podLabels", "labels"}
    for key, value in values.items():
        if isinstance(value, dict) and key not in whole:
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key)
