"""Any pod with any sample, for hypothesis: names beyond what Kubernetes allows, numbers up to their limits."""

from __future__ import annotations

from hypothesis import strategies as st

from autoscaler.api.items import Item, node_item, pod_item
from autoscaler.model.metrics import NodeUsage, PodUsage, Usage
from autoscaler.model.objects import Node, NodeName, Pod

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
labels = st.dictionaries(words, words, max_size=3)
amounts = st.integers(0, 2**63 - 1)
times = st.one_of(st.just(0), st.integers(10**9, 4_000_000_000 * 10**9))
usages = st.builds(Usage, cpu=amounts, memory=amounts, at_ns=times, window_ns=amounts)
containers = st.lists(st.tuples(words, usages), max_size=3).map(tuple)


@st.composite
def items(draw: st.DrawFn) -> tuple[str, Item]:
    """Kind and item."""
    name, usage = draw(words), draw(usages)
    if draw(st.booleans()):
        return "NodeMetrics", node_item(
            Node(name=NodeName(name), uid="", labels=draw(labels)), NodeUsage(NodeName(name), usage)
        )
    pod = Pod(namespace=draw(words), name=name, labels=draw(labels))
    used = PodUsage(pod.namespace, name, "", draw(containers), usage.at_ns, usage.window_ns)
    return "PodMetrics", pod_item(pod, used)
