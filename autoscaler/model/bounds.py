"""How large the numbers of a record may be; they stand in its JSON Schema, and what is beyond them is no record."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from autoscaler.model.objects import Milli

LAST = 32_503_680_000.0
"""2999 is over: no record is as late, and sums of times stay times."""

Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Amount = Annotated[Milli, Meta(ge=-(2**63), le=2**63 - 1)]
"""Of a resource or a metric, which may be below zero."""
Replicas = Annotated[int, Meta(ge=0, le=2**31 - 1)]
"""As Kubernetes has them, an int32."""
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Seconds = Annotated[float, Meta(ge=0, le=LAST)]
"""A span, or since 1970."""
