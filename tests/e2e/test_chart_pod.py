"""Where the pod runs, who reaches it and how it is kept alive; no cluster needed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.e2e.chart import container, objects, told
from tests.e2e.chartvalues import DIGEST, OBSERVE, kafka
from tests.e2e.kubeapi import Object

NAME = "try-hpa-companion"


def spec(values: dict[str, Any] | None = None) -> Object:
    made: Object = objects(values)["Deployment", NAME]["spec"]["template"]["spec"]
    return made


def policy(**values: Any) -> Object:
    made: Object = objects({"networkPolicy": values} | kafka())["NetworkPolicy", NAME]["spec"]
    return made


def test_others_reach_its_one_port_and_no_other() -> None:
    found = policy()
    assert (found["policyTypes"], found["ingress"]) == (
        ["Ingress"],
        [{"ports": [{"port": "https", "protocol": "TCP"}]}],
    )
    peers = [{"ipBlock": {"cidr": "10.0.0.0/8"}}]
    [rule] = policy(ingress={"from": peers})["ingress"]
    assert rule["from"] == peers


def test_where_it_may_go_is_bounded_by_port_when_that_is_wanted() -> None:
    more = {"to": [{"ipBlock": {"cidr": "10.9.0.0/16"}}]}
    found = policy(egress={"enabled": True, "extra": [more]})
    assert found["policyTypes"] == ["Ingress", "Egress"]
    ports, extra = found["egress"]
    assert [port["port"] for port in ports["ports"]] == [53, 53, 443, 6443, 10250, 9093]
    assert extra == more


def test_a_flooded_api_server_serves_our_lease_and_our_writes_first() -> None:
    made = objects()
    levels = {
        name: each["spec"]["priorityLevelConfiguration"]["name"]
        for (kind, name), each in made.items()
        if kind == "FlowSchema"
    }
    assert levels == {f"{NAME}-lease": "leader-election", NAME: "workload-high"}
    for name in levels:
        [rule] = made["FlowSchema", name]["spec"]["rules"]
        assert rule["subjects"] == [
            {"kind": "ServiceAccount", "serviceAccount": {"name": NAME, "namespace": "metrics"}}
        ]
    assert not any(kind == "FlowSchema" for kind, _ in objects(OBSERVE)), "who only looks on waits its turn"


def test_several_are_spread_over_nodes_and_zones_where_that_can_be_had() -> None:
    found = spec()["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in found] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert {each["whenUnsatisfiable"] for each in found} == {"ScheduleAnyway"}
    assert "topologySpreadConstraints" not in spec({"topologySpread": {"keys": []}})


def test_one_at_a_time_may_be_evicted_ready_or_not() -> None:
    found = objects()["PodDisruptionBudget", NAME]["spec"]
    assert (found["maxUnavailable"], found["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
    assert spec()["priorityClassName"] == "system-cluster-critical"


def test_a_slow_start_is_no_reason_to_be_killed() -> None:
    found = container()
    assert found["startupProbe"]["httpGet"] == found["livenessProbe"]["httpGet"]
    assert found["startupProbe"]["periodSeconds"] * found["startupProbe"]["failureThreshold"] == 60


def test_on_the_network_of_the_node_it_has_a_port_of_its_own() -> None:
    found = spec({"hostNetwork": True, "securePort": 10251})
    assert (found["hostNetwork"], found["dnsPolicy"]) == (True, "ClusterFirstWithHostNet")
    [one] = found["containers"]
    assert one["ports"][0]["containerPort"] == 10251
    assert "--secure-port=10251" in told(one)


@pytest.mark.parametrize(
    ("image", "rendered"),
    [
        pytest.param({"tag": "v1", "digest": DIGEST}, f":v1@{DIGEST}", id="both"),
        pytest.param({"digest": DIGEST}, f"hpa-companion@{DIGEST}", id="a digest"),
        pytest.param({"tag": "v1"}, "hpa-companion:v1", id="a tag"),
    ],
)
def test_the_image_is_the_one_that_is_named(image: dict[str, str], rendered: str) -> None:
    assert container({"image": image})["image"].endswith(rendered)


def test_what_is_further_wanted_is_there() -> None:
    values = {
        "extraEnv": [{"name": "TZ", "value": "UTC"}],
        "extraVolumes": [{"name": "more", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
        "extraObjects": [
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-x"}, "data": {"a": "b"}}
        ],
    }
    found = container(values)
    assert found["env"][-1] == {"name": "TZ", "value": "UTC"}
    assert found["volumeMounts"][-1] == {"name": "more", "mountPath": "/more"}
    assert spec(values)["volumes"][-1] == {"name": "more", "emptyDir": {}}
    assert objects(values)["ConfigMap", "try-x"]["data"] == {"a": "b"}


def test_a_pod_monitor_shows_a_token_it_is_given() -> None:
    values = {"monitoring": {"podMonitor": {"enabled": True, "tokenSecret": {"name": "prometheus-token"}}}}
    [endpoint] = objects(values)["PodMonitor", NAME]["spec"]["podMetricsEndpoints"]
    assert endpoint["authorization"] == {"credentials": {"name": "prometheus-token", "key": "token"}}
    assert endpoint["tlsConfig"]["serverName"] == f"{NAME}.metrics.svc"


def test_the_alerts_know_us_by_the_job_whichever_monitor_has_us_scraped() -> None:
    """A ServiceMonitor's is the name of the Service; that of a PodMonitor would be another."""
    scraped = {"podMonitor": {"enabled": True, "tokenSecret": {"name": "prometheus-token"}}}
    made = objects({"monitoring": {**scraped, "prometheusRule": {"enabled": True}}})
    [endpoint] = made["PodMonitor", NAME]["spec"]["podMetricsEndpoints"]
    [job] = [each["replacement"] for each in endpoint["relabelings"] if each["targetLabel"] == "job"]
    assert ("Service", job) in made
    [group] = made["PrometheusRule", NAME]["spec"]["groups"]
    named = {job for rule in group["rules"] for job in re.findall(r'job="([^"]*)"', rule["expr"])}
    assert named == {job}
