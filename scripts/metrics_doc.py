"""Writes docs/metrics.md from the registry of series; `--check` only says whether it is up to date.

A test compares the two, so the page cannot drift.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import generated
from prometheus_client import Counter, Histogram
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric

from autoscaler.telemetry import Telemetry
from autoscaler.telemetry.buckets import REQUEST_BUCKETS
from autoscaler.telemetry.noderequests import NodeRequests

PAGE = Path(__file__).resolve().parent.parent / "docs" / "metrics.md"
_HEAD = """# Series and health

<!-- Made by scripts/metrics_doc.py from autoscaler/telemetry/series.py: change that, then run
     `python scripts/metrics_doc.py`. -->

`/metrics` tells of the program itself, to whom may `get` the nonResourceURL `/metrics` (the built-in ClusterRole
`system:monitoring` does). The six `metrics_server_*` families keep their names, labels and buckets, so that dashboards
of metrics-server go on working; there is no cycle over all nodes here, so each node's own turn counts as a tick. Series
labelled by node go when the node goes, and no more than 1,000 nodes have a histogram of their own. Nothing is labelled
by pod.

| series | type | labels | what |
|---|---|---|---|
"""
_TAIL = """
## One node after the other: /debug/nodes

`/debug/nodes` (`?node=NAME` for one) tells as JSON how scraping each node goes: when it was last asked and when its
last page came, the age of the sample served, the address that answered or was tried, how its certificate stands, and,
when it fails, the reason, since when, and what to do. Who may `get` the nonResourceURL may read it. `autoscaler doctor`
finds the same out from outside.

## The core metrics of the cluster: /metrics/core

`/metrics/core` gives a monitoring pipeline the CPU and memory of every node, container and pod from one place, so that
it need not scrape kubelets itself. Who may `get` the nonResourceURL `/metrics/core` may read it (the chart's
ClusterRole `<release>-core-metrics` allows that, and `/debug/nodes`). Names, values and times are those of the
kubelets:

| series | type | labels |
|---|---|---|
| `node_cpu_usage_seconds_total` | counter | node |
| `node_memory_working_set_bytes` | gauge | node |
| `container_cpu_usage_seconds_total` | counter | container, namespace, node, pod |
| `container_memory_working_set_bytes` | gauge | container, namespace, node, pod |
| `pod_cpu_usage_seconds_total` | counter | namespace, node, pod |
| `pod_cpu_usage_cores`, `pod_memory_working_set_bytes` | gauge | namespace, node, pod |

CPU is the kubelet's own counter, with the time the kubelet took it at, so `rate()` is exact however often the page is
scraped; a restarted container's counter begins anew, as Prometheus expects, and a pod's goes on. The gauges of pods are
what `kubectl top pods` shows. Where a kubelet has no counters of pods, use
`sum by (namespace, pod) (rate(container_cpu_usage_seconds_total[5m]))`. A sample older than three resolutions is not on
the page.

## Several replicas

Each replica scrapes for itself and tells the age of its own samples. They disagree when
`autoscaler_node_coverage_ratio` or `autoscaler_node_sample_age_seconds` differ between them: the one that is worse off
is cut off from kubelets that the other reaches.

## Health

`/livez`, `/readyz` and `/healthz` are open to everybody and answer like a Go API server: `ok`, `?verbose`, `?exclude=`,
and one path per check, such as `/readyz/metric-storage-ready`, which says what is wrong and needs permission.

- `/livez` is about our own loops alone. `event-loop` fails when the event loop did not turn for 20 s.
  `metric-collection-timely` fails when scrapes are due and none came to an end for three resolutions; kubelets that
  fail are no reason.
- `/readyz` is about having something to serve. `inventory-synced` fails until nodes and pods were listed,
  `front-proxy-trust` while the cluster's requestheader CA is not known or cannot be read. `metric-storage-ready` fails
  until nine of ten ready nodes have had a usage, for a minute at most; once good it stays so, in a total outage of the
  kubelets too, since an unready APIService would block the deletion of namespaces.
"""


def page() -> str:
    """The whole page."""
    return _HEAD + "\n".join(sorted(_rows())) + "\n" + _TAIL


def _rows() -> Iterator[str]:
    for series in Telemetry().registry._collector_to_names:  # the registry has no public list of what it collects
        if isinstance(series, NodeRequests):
            yield from map(_row_of_nodes, series.describe())
            continue
        assert isinstance(series, MetricWrapperBase)
        name = series._name + ("_total" if isinstance(series, Counter) else "")
        labels = ", ".join(series._labelnames) or "-"
        what = series._documentation
        if isinstance(series, Histogram):
            what += _bounds(series._upper_bounds[:-1])
        yield f"| `{name}` | {series._type} | {labels} | {what} |"


def _row_of_nodes(family: Metric) -> str:
    what = family.documentation + (_bounds(REQUEST_BUCKETS) if family.type == "histogram" else "")
    return f"| `{family.name}` | {family.type} | node | {what} |"


def _bounds(bounds: Iterable[float]) -> str:
    return f" Buckets: {', '.join(f'{bound:.4g}' for bound in bounds)}."


if __name__ == "__main__":
    sys.exit(generated.main({PAGE: page()}))
