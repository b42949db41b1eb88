"""How the chart hands over what brokers want to see, by the names of Secrets; no cluster needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autoscaler.audit.brokers import KafkaSettings, client_options
from autoscaler.errors import AuditError
from tests.e2e.chart import container, objects, told
from tests.e2e.chartvalues import SASL, STRIMZI, kafka

FOLDER = "/etc/hpa-companion/kafka"


def given(values: dict[str, Any]) -> dict[str, str]:
    """The arguments about Kafka."""
    pairs = (argument.removeprefix("--audit-kafka-").partition("=") for argument in told(container(values)))
    return {name: value for name, _, value in pairs if name.endswith(("-file", "-protocol", "-mechanism"))}


def volumes(values: dict[str, Any]) -> dict[str, Any]:
    """What is mounted below the folder of credentials, by mount path."""
    pod = objects(values)["Deployment", "try-hpa-companion"]["spec"]["template"]["spec"]
    by_name = {volume.pop("name"): volume for volume in pod["volumes"]}
    mounts = pod["containers"][0]["volumeMounts"]
    return {each["mountPath"]: by_name[each["name"]] for each in mounts if each["mountPath"].startswith(FOLDER)}


def test_a_password_takes_one_name_of_a_secret() -> None:
    assert given(kafka(**SASL)) == {
        "security-protocol": "SASL_SSL",
        "sasl-mechanism": "SCRAM-SHA-512",
        "username-file": f"{FOLDER}/kafka-user/username",
        "password-file": f"{FOLDER}/kafka-user/password",
    }
    assert volumes(kafka(**SASL)) == {
        f"{FOLDER}/kafka-user": {"secret": {"secretName": "kafka-user", "optional": True}}
    }


def test_strimzi_takes_the_secret_of_a_user_and_that_of_the_clusters_ca() -> None:
    values = kafka(securityProtocol="SASL_SSL", **STRIMZI)
    assert given(values) == {
        "security-protocol": "SASL_SSL",
        "sasl-mechanism": "SCRAM-SHA-512",
        "username-file": f"{FOLDER}-user/username",
        "password-file": f"{FOLDER}/hpa-companion/password",
        "ca-file": f"{FOLDER}/my-cluster-cluster-ca-cert/ca.crt",
    }
    assert objects(values)["ConfigMap", "try-hpa-companion-kafka-user"]["data"] == {"username": "hpa-companion"}
    assert set(volumes(values)) == {
        f"{FOLDER}-user", f"{FOLDER}/hpa-companion", f"{FOLDER}/my-cluster-cluster-ca-cert",
    }  # fmt: skip


def test_strimzi_may_know_us_by_a_certificate() -> None:
    assert given(kafka(securityProtocol="SSL", **STRIMZI)) == {
        "security-protocol": "SSL",
        "cert-file": f"{FOLDER}/hpa-companion/user.crt",
        "key-file": f"{FOLDER}/hpa-companion/user.key",
        "ca-file": f"{FOLDER}/my-cluster-cluster-ca-cert/ca.crt",
    }


def test_one_secret_for_everything_is_mounted_once() -> None:
    values = kafka(securityProtocol="SSL", secret={"name": "all"}, ca={"secret": "all"})
    assert set(volumes(values)) == {f"{FOLDER}/all"}


def test_without_brokers_nothing_is_mounted() -> None:
    assert volumes({"audit": {"kafka": STRIMZI}}) == {}


@pytest.mark.parametrize("content", [None, ""], ids=["missing", "empty"])
@pytest.mark.parametrize("values", [kafka(**SASL), kafka(securityProtocol="SSL", **STRIMZI)], ids=["SASL", "SSL"])
def test_c21_a_secret_that_is_not_there_or_empty_keeps_no_pod_from_starting_and_is_named(
    values: dict[str, Any], content: str | None, tmp_path: Path
) -> None:
    assert all(volume["secret"]["optional"] for volume in volumes(values).values())
    here = {}
    for name, value in given(values).items():
        here[name.replace("-", "_")] = value.replace(FOLDER, str(tmp_path)) if name.endswith("-file") else value
    files = [Path(value) for name, value in here.items() if name.endswith("_file")]
    if content is not None:
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
    with pytest.raises(AuditError) as caught:
        client_options(KafkaSettings(bootstrap_servers=("k:9093",), **here))
    [secret] = {file.parent.name for file in files if str(file) in str(caught.value)}
    assert secret in {"kafka-user", "hpa-companion", "my-cluster-cluster-ca-cert"}
