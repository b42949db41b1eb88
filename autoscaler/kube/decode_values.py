"""Values that adapters tell: MetricValueList and ExternalMetricValueList to `model.metrics.MetricValue`.

What is read is the same in custom.metrics.k8s.io/v1beta1 and v1beta2 and in external.metrics.k8s.io/v1beta1.
"""

from __future__ import annotations

from msgspec import Raw, Struct

from autoscaler.kube import decode
from autoscaler.kube.wire import Int64, decoder
from autoscaler.model.metrics import MetricValue

DEFAULT_WINDOW = 60.0
"""Seconds; a value without a window counts as one over a minute, as in the HPA."""


class NameWire(Struct, gc=False, frozen=True):
    """The described object, as far as its name."""

    name: str = ""


class ValueWire(Struct, gc=False, rename="camel"):
    """One item."""

    value: str | int | float
    described_object: NameWire = NameWire()
    timestamp: str | None = None
    window_seconds: Int64 | None = None


class ValuesWire(Struct, gc=False, frozen=True):
    """The list."""

    items: list[ValueWire] | None = None


_values = decoder(ValuesWire)


def values(data: bytes | Raw) -> tuple[MetricValue, ...]:
    """The values of an answer, in its order. MalformedError when one cannot be read: half a sum is a wrong sum."""
    return listed(_values(data))


def listed(wire: ValuesWire) -> tuple[MetricValue, ...]:
    """The same of a list within a larger document."""
    return tuple([_value(each) for each in wire.items or ()])


def _value(wire: ValueWire) -> MetricValue:
    return MetricValue(
        value=decode.amount(wire.value),
        object=wire.described_object.name,
        at=decode.instant(wire.timestamp) or 0.0,
        window=DEFAULT_WINDOW if wire.window_seconds is None else float(wire.window_seconds),
    )
