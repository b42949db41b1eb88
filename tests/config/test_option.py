from __future__ import annotations

import pytest

from autoscaler.config.option import Kind, Option


def option(name: str, kind: Kind = Kind.TEXT, choices: tuple[str, ...] = ()) -> Option:
    return Option(name, kind, "", "field", "help", choices=choices)


@pytest.mark.parametrize(
    ("name", "flag", "variable", "key"),
    [
        pytest.param("metric-resolution", "--metric-resolution", "AUTOSCALER_METRIC_RESOLUTION", "metricResolution",
                     id="two words"),
        pytest.param("config", "--config", "AUTOSCALER_CONFIG", "config", id="one word"),
        pytest.param("audit-kafka-ca-file", "--audit-kafka-ca-file", "AUTOSCALER_AUDIT_KAFKA_CA_FILE",
                     "auditKafkaCaFile", id="many words"),
    ],
)  # fmt: skip
def test_one_name_has_three_spellings(name: str, flag: str, variable: str, key: str) -> None:
    found = option(name)
    assert (found.flag, found.variable, found.key) == (flag, variable, key)


def test_a_choice_shows_its_words_where_others_show_their_kind() -> None:
    assert option("log-format", Kind.CHOICE, ("text", "json")).placeholder == "text|json"
    assert option("sync-period", Kind.DURATION).placeholder == "DURATION"
