"""What the chart makes for a monitoring pipeline, and only where it is wanted; no cluster needed."""

from __future__ import annotations

import json
from typing import Any

import yaml

from tests.e2e.chart import CHART, EXISTING, PEM, objects

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
        "ca": {"secret": {"name": "try-hpa-companion-serving", "key": "ca.crt"}},
    }
    service = made["Service", "try-hpa-companion"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}


def test_prometheus_verifies_a_certificate_that_somebody_else_made_by_the_ca_that_was_given() -> None:
    made = objects(MONITORED | EXISTING)
    [endpoint] = made["ServiceMonitor", "try-hpa-companion"]["spec"]["endpoints"]
    assert endpoint["tlsConfig"]["ca"] == {"configMap": {"name": "try-hpa-companion-serving-ca", "key": "ca.crt"}}
    assert made["ConfigMap", "try-hpa-companion-serving-ca"]["data"] == {"ca.crt": PEM}


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
