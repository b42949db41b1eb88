"""Every value is described, reaches the program, or is refused by its path; no cluster needed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from autoscaler.config.options import OPTIONS
from tests.e2e.chart import CHART, EXISTING, ChartRefusedError, container, objects, render, told

HOOK = "helm.sh/hook"


def test_every_argument_is_a_flag_of_the_program() -> None:
    everything = {
        "kubelet": {
            "nodeSelector": "a=b",
            "certificateAuthority": {"configMap": "kubelet-ca"},
            "insecureTLSNodes": "old=yes",
        },
        "audit": {"kafka": {"bootstrapServers": ["k:9092"], "usageTopic": "autoscaler.usage"}},
    }
    verb, *flags = told(container(everything))
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
    assert argument in told(container(values))
    assert argument not in told(container())


def _installed(values: dict[str, Any]) -> set[str]:
    """The kinds of what is there after an install; what `helm test` makes for itself goes with it."""
    return {kind for (kind, _), each in objects(values).items() if HOOK not in each["metadata"].get("annotations", {})}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        pytest.param({"apiService": {"create": False}}, "APIService", id="not registered"),
        pytest.param({"crds": {"install": False}}, "CustomResourceDefinition", id="no CRD"),
        pytest.param({"rbac": {"create": False}}, "ClusterRole", id="no roles"),
        pytest.param(
            {"serviceAccount": {"create": False, "name": "ours"}, "kubelet": {"ownAccount": False}},
            "ServiceAccount",
            id="no account",
        ),
        pytest.param({"podDisruptionBudget": {"enabled": False}}, "PodDisruptionBudget", id="no budget"),
    ],
)
def test_what_is_switched_off_is_not_rendered(values: dict[str, Any], kind: str) -> None:
    assert kind in _installed({})
    assert kind not in _installed(values)


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
        pytest.param({"tls": {"mode": "insecure"}}, "/tls/mode", id="no way to get a certificate"),
        pytest.param({"tls": {"auto": {"lifetime": "90d"}}}, "/tls/auto/lifetime", id="days are no duration"),
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
        pytest.param({"monitoring": {"scrape": {}}}, "scrape", id="unknown way to monitor"),
        pytest.param(
            {"monitoring": {"prometheusRule": {"runbooks": "page#anchor"}}},
            "/monitoring/prometheusRule/runbooks",
            id="runbooks that are no page",
        ),
    ],
)
def test_c05_what_is_no_value_is_refused_by_its_path(values: dict[str, Any], where: str) -> None:
    with pytest.raises(ChartRefusedError, match=re.escape(where)):
        render(values)


@pytest.mark.parametrize("missing", ["existingSecret", "caBundle"])
def test_a_missing_certificate_is_asked_for(missing: str) -> None:
    given = {key: value for key, value in EXISTING["tls"].items() if key != missing}
    with pytest.raises(ChartRefusedError, match=rf"tls\.{missing} is needed"):
        render({"tls": given})


@pytest.mark.parametrize("mode", ["auto", "certManager"])
def test_a_secret_that_would_not_be_used_is_refused(mode: str) -> None:
    with pytest.raises(ChartRefusedError, match=r"set tls\.mode to existingSecret"):
        render({"tls": {"mode": mode, "existingSecret": "serving"}})


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
