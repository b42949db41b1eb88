"""Why an evaluation ended as it did: one word out of a closed list, the same in record, log, series and explanation."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """At most 25, so that a person can know them all; upstream's words where upstream has one.

    What each means, and what to do about it: `core.reasons`, `docs/reasons.md`.
    """

    ON_TARGET = "OnTarget"
    ABOVE_TARGET = "AboveTarget"
    BELOW_TARGET = "BelowTarget"
    SCALE_UP_STABILIZED = "ScaleUpStabilized"
    SCALE_DOWN_STABILIZED = "ScaleDownStabilized"
    SCALE_UP_LIMIT = "ScaleUpLimit"
    SCALE_DOWN_LIMIT = "ScaleDownLimit"
    TOO_FEW_REPLICAS = "TooFewReplicas"
    TOO_MANY_REPLICAS = "TooManyReplicas"
    SCALING_DISABLED = "ScalingDisabled"
    FAILED_GET_SCALE = "FailedGetScale"
    INVALID_SELECTOR = "InvalidSelector"
    AMBIGUOUS_SELECTOR = "AmbiguousSelector"
    FAILED_GET_RESOURCE_METRIC = "FailedGetResourceMetric"
    FAILED_GET_CONTAINER_RESOURCE_METRIC = "FailedGetContainerResourceMetric"
    FAILED_GET_PODS_METRIC = "FailedGetPodsMetric"
    FAILED_GET_OBJECT_METRIC = "FailedGetObjectMetric"
    FAILED_GET_EXTERNAL_METRIC = "FailedGetExternalMetric"
    INVALID_METRIC_SOURCE_TYPE = "InvalidMetricSourceType"
    INVALID_SPEC = "InvalidSpec"
    PAUSED = "Paused"
    CONFLICTED = "Conflicted"
    FAILED_GET_OWNERS = "FailedGetOwners"
