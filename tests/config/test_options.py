"""The table agrees with itself, and with the programs whose flags it keeps."""

from __future__ import annotations

import pytest

from autoscaler.config.option import Kind, Option
from autoscaler.config.options import GROUPS, OPTIONS
from autoscaler.config.values import parse

# names that users of metrics-server already have in their manifests
METRICS_SERVER = (
    "metric-resolution", "kubeconfig", "kubelet-port", "kubelet-use-node-status-port",
    "kubelet-preferred-address-types", "kubelet-insecure-tls", "kubelet-certificate-authority",
    "kubelet-client-certificate", "kubelet-client-key", "kubelet-request-timeout", "node-selector", "bind-address",
    "secure-port", "tls-cert-file", "tls-private-key-file", "tls-min-version", "cert-dir",
)  # fmt: skip
# of kube-controller-manager, with its defaults
CONTROLLER_MANAGER = {
    "horizontal-pod-autoscaler-tolerance": 0.1,
    "horizontal-pod-autoscaler-downscale-stabilization": 300.0,
    "horizontal-pod-autoscaler-cpu-initialization-period": 300.0,
    "horizontal-pod-autoscaler-initial-readiness-delay": 30.0,
}

every_option = pytest.mark.parametrize("option", [pytest.param(each, id=each.name) for each in OPTIONS.values()])


def test_no_name_is_used_twice() -> None:
    assert len(OPTIONS) == sum(len(group.options) for group in GROUPS)
    for spelling in ("variable", "key", "field"):
        assert len({getattr(option, spelling) for option in OPTIONS.values()}) == len(OPTIONS)


@every_option
def test_the_default_can_be_read(option: Option) -> None:
    value = parse(option, option.default)
    assert value is not None


@every_option
def test_the_help_is_a_sentence_that_does_not_repeat_the_name(option: Option) -> None:
    assert option.help[0].isupper() or option.help[0] == "`"
    assert option.help.endswith(".")
    assert len(option.help) > 20


@every_option
def test_only_what_is_counted_has_bounds(option: Option) -> None:
    counted = option.kind in {Kind.DURATION, Kind.SIZE, Kind.INTEGER, Kind.FRACTION}
    assert (option.least is not None and option.most is not None) == counted


@pytest.mark.parametrize("name", METRICS_SERVER)
def test_a_flag_of_metrics_server_is_kept(name: str) -> None:
    assert name in OPTIONS


@pytest.mark.parametrize(("name", "default"), CONTROLLER_MANAGER.items())
def test_a_knob_of_the_controller_manager_keeps_name_and_default(name: str, default: float) -> None:
    assert parse(OPTIONS[name], OPTIONS[name].default) == default


def test_no_secret_has_a_flag_of_its_own() -> None:
    assert not [name for name in OPTIONS if name.endswith(("password", "token", "secret"))]
