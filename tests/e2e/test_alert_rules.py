"""Prometheus' own promtool reads the alerts as the chart renders them, and the dashboard: each fires, and keeps still.

Cases are promtool's: series as they would be scraped once a minute, and what is firing some time later.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.chart import CHART, objects
from tests.e2e.chartvalues import kafka, monitoring
from tests.e2e.requirements import need

JOB = "try-hpa-companion"
EVERYTHING = monitoring(prometheusRule={}) | kafka(usageTopic="autoscaler.usage")
CHANGED = ("autoscaler_audit_kafka_cluster_changed", "autoscaler_usage_kafka_cluster_changed")
LATE = "autoscaler_event_loop_lag_seconds_bucket"
DAY = 86400

Series = dict[str, str]
"""Values by series, in promtool's notation: `0x9` is ten zeros, `0+3x9` goes up by three."""
Labels = dict[str, str]


def counted(name: str) -> tuple[Series, Series]:
    """One that begins to count in the last minutes, and one that stood where it stands."""
    return {name: "0x100 1+1x20"}, {name: "7x120"}


def both(audit: str, usage: str) -> Series:
    return dict(zip(CHANGED, (audit, usage), strict=True))


CASES: dict[str, tuple[Series, Series, Labels]] = {
    "HpaCompanionDown": (
        {f'up{{job="{JOB}",pod="a"}}': "1x100 0x20", f'up{{job="{JOB}",pod="b"}}': "0x120", 'up{job="other"}': "1x120"},
        {f'up{{job="{JOB}",pod="a"}}': "1x120", f'up{{job="{JOB}",pod="b"}}': "0x120"},
        {},
    ),
    "HpaCompanionNotRegistered": (
        {
            'autoscaler_apiservice_owned{version="v1",pod="a"}': "0x120",
            'autoscaler_apiservice_owned{version="v1",pod="b"}': "0x120",
            'autoscaler_apiservice_owned{version="v1beta1",pod="a"}': "1x120",
        },
        {
            'autoscaler_apiservice_owned{version="v1",pod="a"}': "0x120",
            'autoscaler_apiservice_owned{version="v1",pod="b"}': "1x120",
        },
        {"version": "v1"},
    ),
    "HpaCompanionFrontProxyUnknown": (
        {'autoscaler_front_proxy_trust_good{pod="a"}': "1x120", 'autoscaler_front_proxy_trust_good{pod="b"}': "0x120"},
        {'autoscaler_front_proxy_trust_good{pod="a"}': "1x117 0x3"},
        {},
    ),
    "HpaCompanionCertificateEnds": (
        {"autoscaler_serving_certificate_expiry_timestamp_seconds": f"{13 * DAY}x120"},
        {"autoscaler_serving_certificate_expiry_timestamp_seconds": f"{15 * DAY}x120"},
        {},
    ),
    "HpaCompanionCertificateNotTakenUp": (*counted("autoscaler_serving_certificate_reload_errors_total"), {}),
    "HpaCompanionNodesMissing": (
        {'autoscaler_node_coverage_ratio{pod="a"}': "0.85x120", 'autoscaler_node_coverage_ratio{pod="b"}': "0.8x120"},
        {'autoscaler_node_coverage_ratio{pod="a"}': "0.95x120", 'autoscaler_node_coverage_ratio{pod="b"}': "0.88x120"},
        {},
    ),
    "HpaCompanionReplicaCutOff": (
        {'autoscaler_node_coverage_ratio{pod="a"}': "1x120", 'autoscaler_node_coverage_ratio{pod="b"}': "0.8x120"},
        {'autoscaler_node_coverage_ratio{pod="a"}': "0.8x120", 'autoscaler_node_coverage_ratio{pod="b"}': "0.8x120"},
        {},
    ),
    "HpaCompanionForeignSamples": (
        {
            'autoscaler_foreign_samples_total{node="n1"}': "0+4x120",
            'autoscaler_foreign_samples_total{node="n2"}': "3x120",
        },
        {'autoscaler_foreign_samples_total{node="n1"}': "0x90 0+4x10 40x20"},
        {"node": "n1"},
    ),
    "HpaCompanionEventLoopLate": (
        {f'{LATE}{{le="1"}}': "0+50x120", f'{LATE}{{le="5"}}': "0+60x120", f'{LATE}{{le="+Inf"}}': "0+60x120"},
        {f'{LATE}{{le="1"}}': "0+60x120", f'{LATE}{{le="5"}}': "0+60x120", f'{LATE}{{le="+Inf"}}': "0+60x120"},
        {},
    ),
    "HpaCompanionNobodyLeads": (
        {'autoscaler_leading{pod="a"}': "0x120", 'autoscaler_leading{pod="b"}': "1x100 0x20"},
        {'autoscaler_leading{pod="a"}': "0x120", 'autoscaler_leading{pod="b"}': "1x120"},
        {},
    ),
    "HpaCompanionEvaluationsFail": (
        {'autoscaler_evaluations_total{outcome="failed",reason="FailedUpdateScale"}': "0+1x120"},
        {'autoscaler_evaluations_total{outcome="written",reason="DesiredWithinRange"}': "0+9x120"},
        {"reason": "FailedUpdateScale"},
    ),
    "HpaCompanionRecordsRefused": (
        {'autoscaler_audit_refused_total{reason="full"}': "0x110 1+1x10"},
        {'autoscaler_audit_refused_total{reason="full"}': "7x120"},
        {"reason": "full"},
    ),
    "HpaCompanionRecordsShed": (*counted("autoscaler_audit_shed_total"), {}),
    "HpaCompanionRecordsWait": (
        {'autoscaler_audit_oldest_undelivered_seconds{pod="a"}': "0x100 60+60x20"},
        {'autoscaler_audit_oldest_undelivered_seconds{pod="a"}': "250x120"},
        {},
    ),
    "HpaCompanionRecordsParked": (*counted("autoscaler_audit_parked_total"), {}),
    "HpaCompanionKafkaChanged": (both("0x120", "1x120"), both("0x120", "0x120"), {}),
    "HpaCompanionUsageDropped": (*counted("autoscaler_usage_dropped_total"), {}),
}  # fmt: skip
WHEN = "2h"


def promtool(*words: str | Path) -> str:
    done = subprocess.run([need("promtool"), *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def written(file: Path, content: Any) -> Path:
    file.write_text(yaml.safe_dump(content))
    return file


def rendered_rules() -> dict[str, Any]:
    """The PrometheusRule's spec, which has the form of a file of rules."""
    spec: dict[str, Any] = objects(EVERYTHING)["PrometheusRule", JOB]["spec"]
    return spec


def firing(rule: dict[str, Any], labels: Labels) -> dict[str, Any]:
    return {"exp_labels": rule["labels"] | labels, "exp_annotations": rule["annotations"]}


def case(rule: dict[str, Any], series: Series, expected: list[dict[str, Any]]) -> dict[str, Any]:
    """Of one alert, after two hours."""
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [{"eval_time": WHEN, "alertname": rule["alert"], "exp_alerts": expected}],
    }


def tried(folder: Path, cases: list[dict[str, Any]]) -> str:
    rules = written(folder / "rules.yaml", rendered_rules())
    return promtool("test", "rules", written(folder / "cases.yaml", {"rule_files": [str(rules)], "tests": cases}))


def test_every_alert_is_a_rule_to_prometheus(tmp_path: Path) -> None:
    said = promtool("check", "rules", written(tmp_path / "rules.yaml", rendered_rules()))
    assert f"{len(CASES)} rules found" in said


def test_every_alert_fires_on_what_it_is_for_and_not_on_what_is_usual(tmp_path: Path) -> None:
    [group] = rendered_rules()["groups"]
    rules = {rule["alert"]: rule for rule in group["rules"]}
    assert rules.keys() == CASES.keys(), "an alert has a case here"
    bad = [case(rules[name], series, [firing(rules[name], labels)]) for name, (series, _, labels) in CASES.items()]
    usual = [case(rules[name], series, []) for name, (_, series, _) in CASES.items()]
    tried(tmp_path, bad + usual)


def test_an_alert_that_does_not_fire_is_seen(tmp_path: Path) -> None:
    [group] = rendered_rules()["groups"]
    for rule in group["rules"][:2]:
        with pytest.raises(AssertionError, match=rule["alert"]):
            tried(tmp_path, [case(rule, CASES[rule["alert"]][1], [firing(rule, CASES[rule["alert"]][2])])])


def test_every_query_of_the_dashboard_is_one_to_prometheus(tmp_path: Path) -> None:
    panels = json.loads((CHART / "files/dashboard.json").read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    recorded = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    file = written(tmp_path / "dashboard.yaml", {"groups": [{"name": "dashboard", "rules": recorded}]})
    assert f"{len(queries)} rules found" in promtool("check", "rules", file)
