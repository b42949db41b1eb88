"""Which policies care for which pods, as of their last evaluation: fresh samples find whom to wake."""

from __future__ import annotations

from collections.abc import Iterable

from autoscaler.control.memory import PolicyId
from autoscaler.model.objects import ObjectKey, Pod

_NOBODY: frozenset[ObjectKey] = frozenset()


class Followers:
    """Both directions of a many-to-many relation between policies and pods."""

    def __init__(self) -> None:
        self._pods: dict[ObjectKey, frozenset[ObjectKey]] = {}
        self._policies: dict[ObjectKey, set[ObjectKey]] = {}

    def follow(self, policy: ObjectKey, pods: Iterable[ObjectKey]) -> None:
        """From now on `policy` follows exactly `pods`; none = it follows nothing."""
        before, after = self._pods.get(policy, _NOBODY), frozenset(pods)
        if before == after:
            return
        for pod in before - after:
            followers = self._policies[pod]
            followers.discard(policy)
            if not followers:
                del self._policies[pod]
        for pod in after - before:
            self._policies.setdefault(pod, set()).add(policy)
        if after:
            self._pods[policy] = after
        else:
            self._pods.pop(policy, None)

    def follow_any(self, pods: Iterable[Pod]) -> bool:
        """Whether any policy follows one of `pods`."""
        policies = self._policies
        return bool(policies) and any(pod.key in policies for pod in pods)

    def forget_all_but(self, policies: set[PolicyId]) -> None:
        """Policies that are gone follow nothing."""
        known = {ObjectKey(namespace, name) for _, namespace, name, _ in policies}
        for gone in self._pods.keys() - known:
            self.follow(gone, ())

    def of(self, pods: Iterable[ObjectKey]) -> set[ObjectKey]:
        """Every policy that follows one of `pods`."""
        found: set[ObjectKey] = set()
        if not self._policies:
            return found
        for pod in pods:
            found |= self._policies.get(pod, _NOBODY)
        return found
