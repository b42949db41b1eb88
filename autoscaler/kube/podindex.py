"""Pods by node, by namespace and by the labels that somebody selects by.

A selector is answered from the smallest group one of its `key=value` terms names, so a thousand targets in one crowded
namespace cost what they select, not what is there. A label key is indexed in a namespace from its first use on. An
answer is kept until a pod of its namespace changes: selectors are few, and asked all the time.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import TypeVar

from autoscaler.core import selectors
from autoscaler.model.objects import NodeName, Pod

K = TypeVar("K", bound=Hashable)
N = TypeVar("N", bound=Hashable)

Group = dict[str, Pod]
"""Pods of one namespace by name."""
ANSWERS = 4096
"""Of one namespace; more selectors than that are not those of targets."""


class PodIndex:
    """Fed with every difference by `changed`."""

    def __init__(self) -> None:
        self._namespaces: dict[str, Group] = {}
        self._nodes: dict[NodeName, list[Pod]] = {}
        """A list of some dozens is a tenth of a mapping by name, and hardly slower."""
        self._labelled: dict[tuple[str, str], dict[str, Group]] = {}
        """By namespace and label key, then by value."""
        self._answers: dict[str, dict[str, Sequence[Pod]]] = {}
        """By namespace, then by selector."""

    def changed(self, old: Pod | None, new: Pod | None) -> None:
        """Take one difference: old None = added, new None = gone."""
        if old is not None:
            self._answers.pop(old.namespace, None)
            self._remove(old)
        if new is not None:
            self._answers.pop(new.namespace, None)
            self._add(new)

    def pod(self, namespace: str, name: str) -> Pod | None:
        """The pod, or None."""
        return self._namespaces.get(namespace, {}).get(name)

    def on(self, node: NodeName) -> Collection[Pod]:
        """Pods bound to the node, in any phase."""
        return self._nodes.get(node, ())

    def within(self, namespace: str) -> Iterable[Pod]:
        """Pods of the namespace."""
        return self._namespaces.get(namespace, {}).values()

    def matching(self, namespace: str, selector: str) -> Sequence[Pod]:
        """Pods with these labels, by name; MalformedError for a selector that is none."""
        answers = self._answers.get(namespace)
        if answers is None and namespace in self._namespaces:  # else nothing would ever take it out again
            answers = self._answers[namespace] = {}
        if answers is None or len(answers) >= ANSWERS:
            return self._matching(namespace, selector)
        found = answers.get(selector)
        if found is None:
            found = answers[selector] = self._matching(namespace, selector)
        return found

    def _matching(self, namespace: str, selector: str) -> Sequence[Pod]:
        wanted = selectors.parse(selector)
        group: Mapping[str, Pod] = self._namespaces.get(namespace, {})
        for term in wanted.requirements:
            if term.operator == "=":
                found = self._by_label(namespace, term.key).get(term.values[0], {})
                group = min(group, found, key=len)
        pods = [pod for pod in group.values() if wanted.matches(pod.labels)]
        return tuple(sorted(pods, key=attrgetter("name")))

    def _by_label(self, namespace: str, label: str) -> dict[str, Group]:
        index = self._labelled.get((namespace, label))
        if index is None:
            index = self._labelled[namespace, label] = {}
            for pod in self.within(namespace):
                if label in pod.labels:
                    index.setdefault(pod.labels[label], {})[pod.name] = pod
        return index

    def _add(self, pod: Pod) -> None:
        self._namespaces.setdefault(pod.namespace, {})[pod.name] = pod
        if pod.node:
            self._nodes.setdefault(pod.node, []).append(pod)
        for label, value in pod.labels.items():
            index = self._labelled.get((pod.namespace, label))
            if index is not None:
                index.setdefault(value, {})[pod.name] = pod

    def _remove(self, pod: Pod) -> None:
        _discard(self._namespaces, pod.namespace, pod.name)
        self._unbind(pod)
        for label, value in pod.labels.items():
            index = self._labelled.get((pod.namespace, label))
            if index is not None:
                _discard(index, value, pod.name)
        if pod.namespace not in self._namespaces:  # an empty namespace may be gone for ever
            for key in [key for key in self._labelled if key[0] == pod.namespace]:
                del self._labelled[key]

    def _unbind(self, pod: Pod) -> None:
        """Take it from its node."""
        bound = self._nodes.get(pod.node)
        if bound is None:
            return
        left = [each for each in bound if each.name != pod.name or each.namespace != pod.namespace]
        if left:
            self._nodes[pod.node] = left
        else:
            del self._nodes[pod.node]


def _discard(groups: dict[K, dict[N, Pod]], group: K, name: N) -> None:
    """Remove a pod from its group, and the group with its last pod."""
    members = groups.get(group)
    if members is not None:
        members.pop(name, None)
        if not members:
            del groups[group]
