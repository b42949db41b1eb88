from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from autoscaler.config.load import load
from autoscaler.errors import ConfigError

HEAD = "apiVersion: hpa-companion.dev/v1alpha1\nkind: Configuration\n"


def configured(folder: Path, body: str) -> str:
    path = folder / "config.yaml"
    path.write_text(HEAD + body)
    return str(path)


@pytest.mark.parametrize(
    ("flags", "environment", "in_file", "value", "origin"),
    [
        pytest.param({"sync-period": "1s"}, {"AUTOSCALER_SYNC_PERIOD": "2s"}, "3s", 1.0, "flag", id="flag wins"),
        pytest.param({}, {"AUTOSCALER_SYNC_PERIOD": "2s"}, "3s", 2.0, "environment", id="then the environment"),
        pytest.param({}, {}, "3s", 3.0, "file", id="then the file"),
        pytest.param({}, {}, None, 15.0, "default", id="then the default"),
    ],
)
def test_c06_flag_over_environment_over_file_over_default(
    tmp_path: Path, flags: dict[str, str], environment: dict[str, str], in_file: str | None, value: float, origin: str
) -> None:
    lines = f"evaluationInterval: 100ms\n{'' if in_file is None else f'syncPeriod: {in_file}'}\n"
    settings = load(flags | {"config": configured(tmp_path, lines)}, environment)
    assert settings.control.sync_period == value
    assert settings.origins["sync-period"] == origin


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    settings = load({}, {"AUTOSCALER_CONFIG": configured(tmp_path, "auditTopic: t\n")})
    assert settings.audit.kafka.topic == "t"
    assert settings.origins["audit-topic"] == "file"


def test_everything_wrong_is_told_at_once_each_with_its_place(tmp_path: Path) -> None:
    path = configured(tmp_path, "kubeletPort: 99999\nsyncPeriodd: 1s\n")
    with pytest.raises(ConfigError) as raised:
        load(
            {"config": path, "metric-resolution": "15", "tls-cert-file": "/none.pem"},
            {"AUTOSCALER_LOG_LEVEL": "verbose", "AUTOSCALER_LOG_FORMT": "json"},
            ["unknown flag --kubelet-prot; did you mean --kubelet-port?"],
        )
    message = str(raised.value)
    assert message.startswith("8 settings must be changed:\n")
    for told in (
        "unknown flag --kubelet-prot",
        "unknown variable AUTOSCALER_LOG_FORMT; did you mean AUTOSCALER_LOG_FORMAT?",
        f"{path}, line 4: unknown key 'syncPeriodd'; did you mean syncPeriod?",
        f"{path}, line 3: kubeletPort: 99999 is too large: at most 65535",
        "--metric-resolution: '15' is no duration",
        "AUTOSCALER_LOG_LEVEL: 'verbose' is none of debug, info, warning, error",
        "--tls-cert-file: there is no file /none.pem",
        "--tls-cert-file needs --tls-private-key-file",
    ):
        assert told in message


def test_one_problem_is_one_line() -> None:
    with pytest.raises(ConfigError, match=r"^--kubelet-port: 0 is too small: at least 1$"):
        load({"kubelet-port": "0"}, {})


# what the kubelet injects for Services named `autoscaler` and `autoscaler-secure`
SERVICE_LINKS = {
    "AUTOSCALER_SERVICE_HOST": "10.0.0.7",
    "AUTOSCALER_SERVICE_PORT": "443",
    "AUTOSCALER_SERVICE_PORT_HTTPS": "443",
    "AUTOSCALER_PORT": "tcp://10.0.0.7:443",
    "AUTOSCALER_PORT_443_TCP": "tcp://10.0.0.7:443",
    "AUTOSCALER_PORT_443_TCP_PROTO": "tcp",
    "AUTOSCALER_PORT_443_TCP_PORT": "443",
    "AUTOSCALER_PORT_443_TCP_ADDR": "10.0.0.7",
    "AUTOSCALER_SECURE_PORT": "tcp://10.0.0.8:443",
    "AUTOSCALER_SECURE_SERVICE_HOST": "10.0.0.8",
}


def test_service_links_of_the_kubelet_are_no_options() -> None:
    settings = load({}, SERVICE_LINKS)
    assert settings.serving.port == 10250
    assert set(settings.origins.values()) == {"default"}


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        pytest.param({"XDG_STATE_HOME": "/state"}, "/state/hpa-companion/spool", id="where XDG says"),
        pytest.param({}, os.path.expanduser("~/.local/state/hpa-companion/spool"), id="below home"),
    ],
)
def test_the_spool_has_a_place_of_its_own(environment: Mapping[str, str], folder: str) -> None:
    assert load({}, environment).audit.spool_dir == folder


def test_a_short_resolution_lowers_the_default_timeout_only() -> None:
    assert load({"metric-resolution": "3s"}, {}).kubelet.request_timeout == 2.7
    with pytest.raises(ConfigError, match="longer than"):
        load({"metric-resolution": "3s", "kubelet-request-timeout": "8s"}, {})


def test_what_the_rules_find_is_told_with_its_place(tmp_path: Path) -> None:
    body = "nodeSelector: '!!!'\nbindAddress: foo\nmetricResolution: 20s\nkubeletRequestTimeout: 1h\n"
    path = configured(tmp_path, body + "auditKafkaBootstrapServers: [kafka]\ntlsCertFile: /dev/null\n")
    with pytest.raises(ConfigError) as caught:
        load({"config": path, "sync-period": "1s"}, {"AUTOSCALER_KUBELET_INSECURE_TLS_NODES": "a in b"})
    told = str(caught.value)
    assert f"- {path}, line 3: nodeSelector: " in told
    assert f"- {path}, line 4: bindAddress: 'foo' is no IP address" in told
    assert f"- {path}, line 6: kubeletRequestTimeout 3600s is longer than 0.9 x metricResolution (18s)" in told
    assert f"- {path}, line 7: auditKafkaBootstrapServers: 'kafka' is not host:port" in told
    assert "- AUTOSCALER_KUBELET_INSECURE_TLS_NODES: " in told
    assert "--evaluation-interval 5s is longer than --sync-period 1s" in told


def test_a_file_that_must_exist_is_looked_for_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"AUTOSCALER_KUBECONFIG: there is no file"):
        load({}, {"AUTOSCALER_KUBECONFIG": str(tmp_path / "none")})
    with pytest.raises(ConfigError, match=f"--kubeconfig: {tmp_path} is a directory"):
        load({"kubeconfig": str(tmp_path)}, {})


def test_some_files_may_be_folders(tmp_path: Path) -> None:
    name = "kubelet-certificate-authority"
    assert load({name: str(tmp_path)}, {}).kubelet.certificate_authority == str(tmp_path)
    with pytest.raises(ConfigError, match=r"--kubelet-certificate-authority: there is no file"):
        load({name: str(tmp_path / "none")}, {})


def test_kafka_credentials_may_come_later() -> None:
    flags = {
        "audit-kafka-security-protocol": "SASL_SSL",
        "audit-kafka-username-file": "/not/yet/user",
        "audit-kafka-password-file": "/not/yet/password",
    }
    assert load(flags, {}).audit.kafka.password_file == "/not/yet/password"


def test_yaml_is_not_imported_without_a_file() -> None:
    code = "import sys; from autoscaler.config.load import load; load({}, {}); sys.exit('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
