"""Where releases of kube-controller-manager decide differently, as named switches (docs/decisions/releases.md).

Only what changes a number, a condition or a status value is a switch. How a controller queues, retries and caches
differs between releases too, and is ours to do well.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Compat(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The defaults are those of release 1.37; `release` is only a name, for the record.

    - `succeeded_pods_ignored`: a Succeeded pod counts like a Failed one, not as missing (#141302).
    - `scale_to_zero`: the gate HPAScaleToZero and the condition ScaledToZero (#139648).
    - `legacy_container_metric_error`: a pod whose metrics lack the container fails the metric (until #127193, in 1.33).
    - `zero_status_average`: per replica of no replica is 0, not the smallest int64 (#140958).
    - `pod_level_resources`: `spec.resources` of a pod are its request (#132430).
    - `configurable_tolerance`: `behavior.*.tolerance` is heeded (KEP-4951).
    """

    release: str = "1.37"
    succeeded_pods_ignored: bool = False
    scale_to_zero: bool = True
    legacy_container_metric_error: bool = False
    zero_status_average: bool = False
    pod_level_resources: bool = True
    configurable_tolerance: bool = True


_NO_ZERO = {"scale_to_zero": False}
_NO_TOLERANCE = {**_NO_ZERO, "configurable_tolerance": False}
_SWITCHES: Mapping[str, Mapping[str, bool]] = {
    "1.33": {**_NO_TOLERANCE, "pod_level_resources": False},
    "1.34": _NO_TOLERANCE,
    "1.35": _NO_ZERO,
    "1.36": _NO_ZERO,
    "1.37": {},
    "latest": {"succeeded_pods_ignored": True, "zero_status_average": True},
}
RELEASES: Mapping[str, Compat] = {name: Compat(release=name, **switches) for name, switches in _SWITCHES.items()}
"""With each release's default gates; `latest` is upstream's main branch of August 2026."""
