"""Which rendering answers a request."""

from __future__ import annotations

from autoscaler.api.call import Call
from autoscaler.api.forms import Objects
from autoscaler.api.negotiate import JSON, negotiated
from autoscaler.api.notation import Compact, Indented
from autoscaler.api.textual import Textual
from autoscaler.model.identity import ResourceAttributes

_KINDS = {"nodes": "NodeMetrics", "pods": "PodMetrics"}


def chosen(call: Call, asked: ResourceAttributes) -> Textual:
    """What the client likes best of what there is. Raises StatusError (406)."""
    negotiated(call.accept, (JSON,))
    return Textual(Objects(_KINDS[asked.resource], asked.version), Indented() if call.pretty else Compact())
