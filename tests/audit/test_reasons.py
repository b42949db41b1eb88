"""The texts are what aiokafka 0.14 raised and logged on a real broker for each trouble."""

from __future__ import annotations

import pytest
from aiokafka.errors import KafkaConnectionError

from autoscaler.audit import frames, reasons
from autoscaler.errors import AuditError

BOOT = KafkaConnectionError("Unable to bootstrap from [('kafka', 9092, <AddressFamily.AF_UNSPEC: 0>)]")
VERIFY = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        pytest.param("[Errno 111] Connect call failed ('10.0.0.1', 9092)", "nobody listens there", id="no listener"),
        pytest.param("[Errno -2] Name or service not known", "not known to DNS", id="no such name"),
        pytest.param(VERIFY + "unable to get local issuer certificate", "--audit-kafka-ca-file", id="unknown CA"),
        pytest.param(
            VERIFY + "Hostname mismatch, certificate is not valid for 'kafka'.", "for another name", id="another name"
        ),
        pytest.param(VERIFY + "certificate has expired", "has expired: renew it", id="the broker's is expired"),
        pytest.param("[SSL: WRONG_VERSION_NUMBER] wrong version number", "does not speak TLS", id="no TLS there"),
        pytest.param(
            "kafka:9092: the connection ended before it could be used", "a port that wants TLS", id="TLS wanted"
        ),
        pytest.param(f"kafka:9092: {frames.TLS}", "what answers there speaks TLS", id="TLS that was not asked for"),
        pytest.param("kafka:9092: no answer within 10 s", "look at the network", id="silence"),
        pytest.param(
            "[Error 58] SaslAuthenticationFailed: Authentication failed during authentication due to invalid "
            "credentials with SASL mechanism SCRAM-SHA-512",
            "--audit-kafka-password-file",
            id="wrong password",
        ),
        pytest.param("[Error 33] UnsupportedSaslMechanismError: <...>", "--audit-kafka-sasl-mechanism", id="mechanism"),
        pytest.param(
            "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required",
            "--audit-kafka-cert-file",
            id="no client certificate",
        ),
        pytest.param(
            "[SSL: SSLV3_ALERT_CERTIFICATE_EXPIRED] sslv3 alert certificate expired",
            "our certificate expired",
            id="an expired client certificate",
        ),
    ],
)
def test_each_trouble_names_what_to_change(said: str, advice: str) -> None:
    told = reasons.told(BOOT, f'Unable connect to "kafka:9092": {said}', "kafka:9092")
    assert told.startswith("KafkaConnectionError: Unable to bootstrap at kafka:9092: ")
    assert advice in told


def test_what_nobody_foresaw_is_told_as_it_was_said() -> None:
    assert reasons.told(TimeoutError("no acknowledgement within 30 s"), "strange", "a:1") == (
        "TimeoutError: no acknowledgement within 30 s at a:1 (last said: strange)"
    )
    assert reasons.told(AuditError("the disk"), "", "") == "AuditError: the disk"
