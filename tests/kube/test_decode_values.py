from __future__ import annotations

import json

import pytest

from autoscaler.errors import MalformedError
from autoscaler.kube.decode_values import values
from autoscaler.model.metrics import MetricValue
from autoscaler.model.objects import Milli

POD = {
    "describedObject": {"kind": "Pod", "namespace": "shop", "name": "web-0", "apiVersion": "/v1"},
    "timestamp": "1970-01-01T00:01:40Z",
    "windowSeconds": 30,
    "value": "1500m",
}


@pytest.mark.parametrize(
    ("item", "value"),
    [
        pytest.param(POD | {"metric": {"name": "qps"}}, MetricValue(Milli(1500), "web-0", 100.0, 30.0), id="v1beta2"),
        pytest.param(POD | {"metricName": "qps"}, MetricValue(Milli(1500), "web-0", 100.0, 30.0), id="v1beta1"),
        pytest.param(
            {"metricName": "queue", "metricLabels": {"q": "1"}, "value": "-2k", "timestamp": None},
            MetricValue(Milli(-2_000_000), "", 0.0, 60.0),
            id="external, negative, without time and window",
        ),
        pytest.param({"value": 7, "windowSeconds": 0}, MetricValue(Milli(7000), "", 0.0, 0.0), id="a window of 0"),
    ],
)
def test_a_value_is_read(item: dict[str, object], value: MetricValue) -> None:
    assert values(json.dumps({"items": [item]}).encode()) == (value,)


@pytest.mark.parametrize("body", [b"{}", b'{"items": null}', b'{"items": []}'])
def test_nothing_is_an_answer_too(body: bytes) -> None:
    assert values(body) == ()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"<html>",
        b"\xff",
        b'{"items": [{"value": "NaN"}]}',
        b'{"items": [{}]}',
        b'{"items": [{"value": "1", "timestamp": "noon"}]}',
        b'{"items": [{"value": "1"}, {"value": null}]}',
        b'{"items": [{"value": "1", "windowSeconds": %b}]}' % (b"9" * 400),
        b'{"nobody reads this": %b%b}' % (b"[" * 5000, b"]" * 5000),
    ],
)
def test_what_cannot_be_read_is_refused_whole(body: bytes) -> None:
    with pytest.raises(MalformedError):
        values(body)
