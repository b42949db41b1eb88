"""What each reason means, and what a person can do about it: shown by `explain`, printed in docs/reasons.md."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from autoscaler.model.reason import Reason


class Meaning(Struct, frozen=True):
    """`todo` is empty where nothing is wrong; `bare`: what to do where there is no `spec.behavior`, "" the same."""

    means: str
    todo: str = ""
    bare: str = ""

    def advice(self, *, behavior: bool) -> str:
        """What to do, for a policy with `spec.behavior` or without."""
        return self.todo if behavior else self.bare or self.todo


MEANINGS: Mapping[Reason, Meaning] = {
    Reason.ON_TARGET: Meaning("Every metric is within the tolerance of its target, or asks for just as many."),
    Reason.ABOVE_TARGET: Meaning("A metric is above its target: replicas are added."),
    Reason.BELOW_TARGET: Meaning("All metrics are below their targets: replicas are taken away."),
    Reason.SCALE_UP_STABILIZED: Meaning(
        "More would be needed now, but not according to the whole scale-up window.",
        "Shorten spec.behavior.scaleUp.stabilizationWindowSeconds if this is too slow.",
    ),
    Reason.SCALE_DOWN_STABILIZED: Meaning(
        "Fewer would do now, but more were needed within the scale-down window.",
        "Shorten spec.behavior.scaleDown.stabilizationWindowSeconds if pods stay too long.",
        "Set spec.behavior.scaleDown.stabilizationWindowSeconds if pods stay too long; now the program's holds.",
    ),
    Reason.SCALE_UP_LIMIT: Meaning(
        "More are asked for than may be added within the period of a rule.",
        "Raise spec.behavior.scaleUp.policies if this is too slow.",
        "Set spec.behavior.scaleUp.policies if this is too slow; now it is a doubling in a sync period.",
    ),
    Reason.SCALE_DOWN_LIMIT: Meaning(
        "Fewer are asked for than may be taken away to within the period of a rule.",
        "Raise spec.behavior.scaleDown.policies if this is too slow.",
    ),
    Reason.TOO_FEW_REPLICAS: Meaning(
        "The minimum holds: less is asked for, or there are fewer now.",
        "Lower spec.minReplicas if so many are not needed.",
    ),
    Reason.TOO_MANY_REPLICAS: Meaning(
        "The maximum holds: more is asked for, or there are more now.",
        "Raise spec.maxReplicas, or what the pods request, if they cannot keep up.",
    ),
    Reason.SCALING_DISABLED: Meaning(
        "Somebody has scaled the target to 0, which turns scaling off.",
        "Scale the target to 1 or more to turn it on again.",
    ),
    Reason.FAILED_GET_SCALE: Meaning(
        "The target could not be read: it is not there, has no scale subresource, or we may not.",
        "Check spec.scaleTargetRef, and that the role of the program allows get on its scale.",
    ),
    Reason.INVALID_SELECTOR: Meaning(
        "The scale of the target has no selector, or none that can be read, so its pods are unknown.",
        "Give the target a selector; a custom resource needs subresources.scale.labelSelectorPath in its definition.",
    ),
    Reason.AMBIGUOUS_SELECTOR: Meaning(
        "Pods of the target are claimed by another policy too: nobody scales what two claim.",
        "Remove one of the policies, or make the selectors of their targets disjoint.",
    ),
    Reason.FAILED_GET_RESOURCE_METRIC: Meaning(
        "CPU or memory of the pods could not be had, and so nothing may be taken away.",
        "Read the message: pods without requests, samples or readiness; the verb `doctor` looks at the nodes.",
    ),
    Reason.FAILED_GET_CONTAINER_RESOURCE_METRIC: Meaning(
        "CPU or memory of the named container could not be had.",
        "Check spec.metrics[].containerResource.container, and that this container has a request.",
    ),
    Reason.FAILED_GET_PODS_METRIC: Meaning(
        "The custom metrics API has no such metric of the pods, or only values that are too old (spec.maxSampleAge).",
        "Check the adapter that serves custom.metrics.k8s.io, name and selector in spec.metrics[].pods.metric.",
    ),
    Reason.FAILED_GET_OBJECT_METRIC: Meaning(
        "The custom metrics API has no such metric of the described object, or only values that are too old.",
        "Check spec.metrics[].object.describedObject, and the adapter that serves custom.metrics.k8s.io.",
    ),
    Reason.FAILED_GET_EXTERNAL_METRIC: Meaning(
        "The external metrics API has no such metric, or only values that are too old (spec.maxSampleAge).",
        "Check the adapter that serves external.metrics.k8s.io, name and selector in spec.metrics[].external.metric.",
    ),
    Reason.INVALID_METRIC_SOURCE_TYPE: Meaning(
        "A metric has a type that is none of the five.",
        "Use Resource, ContainerResource, Pods, Object or External in spec.metrics[].type.",
    ),
    Reason.INVALID_SPEC: Meaning(
        "The policy contradicts itself or lacks a field.",
        "Correct the fields that the message names.",
    ),
    Reason.PAUSED: Meaning(
        "Another number is wanted, and somebody holds this direction until a time.",
        "Wait, or take spec.pause away; the message says whose it is and why.",
    ),
    Reason.CONFLICTED: Meaning(
        "Another number is wanted, but somebody else scales the target too, or may: so nobody of ours writes.",
        "Leave one of those whom the message names; the condition Conflicted says what to do.",
    ),
    Reason.FAILED_GET_OWNERS: Meaning(
        "Whose the pods are could not be read, and spec.ownedPodsOnly wants to know.",
        "Let the role of the program get replicasets, or take spec.ownedPodsOnly away.",
    ),
}
