"""Our own Prometheus series, one class per room.

Names follow Prometheus conventions: base units, `_total`, `_seconds`. The `metrics_server_*` families keep upstream's
names, labels and buckets so that existing dashboards go on working; series labelled by node go when
the node goes. Nothing is labelled by pod.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from autoscaler import __version__
from autoscaler.core.compiled import COMPILED
from autoscaler.telemetry.buckets import (
    DECISION_BUCKETS,
    FRESHNESS_BUCKETS,
    LAG_BUCKETS,
    LEAD_BUCKETS,
    REQUEST_BUCKETS,
    WRITE_BUCKETS,
    tick_buckets,
)
from autoscaler.telemetry.noderequests import NodeRequests


class EngineTelemetry:
    """Scraping and storing; `resolution` is in seconds and gives a histogram its buckets."""

    def __init__(self, registry: CollectorRegistry, resolution: float = 15.0) -> None:
        self.node_requests = NodeRequests()
        registry.register(self.node_requests)
        self.requests = Counter(
            "metrics_server_kubelet_request", "Requests to kubelets, by success.", ["success"], registry=registry
        )
        self.points = Gauge(
            "metrics_server_storage_points", "Nodes and containers that can be served.", ["type"], registry=registry
        )
        self.tick_seconds = Histogram(
            "metrics_server_manager_tick_duration_seconds",
            "From a node being due to its page being stored; every node has ticks of its own.",
            buckets=tick_buckets(resolution),
            registry=registry,
        )
        self.lag_seconds = Histogram(
            "autoscaler_scrape_lag_seconds",
            "From a node being due to its kubelet being asked.",
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )
        self.nodes = Gauge(
            "autoscaler_nodes",
            "Nodes by state: served, failing (nothing to serve, the last scrape failed), waiting.",
            ["state"],
            registry=registry,
        )
        self.coverage = Gauge(
            "autoscaler_node_coverage_ratio", "Nodes that can be served, of all there are.", registry=registry
        )
        self.sample_age = Gauge(
            "autoscaler_node_sample_age_seconds",
            "Age of the samples that nodes are served from, by quantile.",
            ["quantile"],
            registry=registry,
        )
        self.hot = Gauge(
            "autoscaler_nodes_hot", "Nodes with pods of a target, scraped at --hot-resolution.", registry=registry
        )
        self.unverified = Gauge(
            "autoscaler_kubelets_unverified",
            "Nodes whose kubelet is believed without a certificate.",
            registry=registry,
        )
        self.errors = Counter(
            "autoscaler_scrape_errors", "Scrapes that gave no page, by reason.", ["reason"], registry=registry
        )
        self.foreign = Counter(
            "autoscaler_foreign_samples",
            "Samples of pods that are not bound to the node that sent them, by that node.",
            ["node"],
            registry=registry,
        )
        self.skipped = Counter(
            "autoscaler_samples_skipped", "Samples left out of a good page, by reason.", ["reason"], registry=registry
        )

    def forget_node(self, node: str) -> None:
        """Drop the series of a node that is gone."""
        self.node_requests.forget(node)
        if (node,) in self.foreign._metrics:
            self.foreign.remove(node)


class ApiTelemetry:
    """Serving."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "autoscaler_api_requests", "Requests answered, by resource, verb and code.", ["resource", "verb", "code"],
            registry=registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "autoscaler_api_request_duration_seconds", "Time to answer, by resource and verb.", ["resource", "verb"],
            buckets=REQUEST_BUCKETS, registry=registry,
        )  # fmt: skip
        self.freshness = Histogram(
            "metrics_server_api_metric_freshness_seconds", "Age of a sample when it was served.",
            buckets=FRESHNESS_BUCKETS, registry=registry,
        )  # fmt: skip
        self.trust_good = Gauge(
            "autoscaler_front_proxy_trust_good",
            "1 while what the cluster says of its front proxy is there and usable.",
            registry=registry,
        )
        self.certificate_expiry = Gauge(
            "autoscaler_serving_certificate_expiry_timestamp_seconds",
            "End of the serving certificate, seconds since 1970.",
            registry=registry,
        )
        self.certificate_errors = Counter(
            "autoscaler_serving_certificate_reload_errors", "Changed certificate files that could not be taken up.",
            registry=registry,
        )  # fmt: skip
        self.watches = Gauge("autoscaler_api_watches", "Watches that are open.", registry=registry)
        self.denied = Counter(
            "autoscaler_api_denied", "Requests refused, by reason (authentication, authorization, review_unavailable).",
            ["reason"], registry=registry,
        )  # fmt: skip


class ControlTelemetry:
    """Deciding."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.evaluations = Counter(
            "autoscaler_evaluations", "Evaluations, by outcome and reason.", ["outcome", "reason"], registry=registry
        )
        self.plan_seconds = Histogram(
            "autoscaler_plan_duration_seconds", "Time to compute one plan.", buckets=DECISION_BUCKETS, registry=registry
        )
        self.write_seconds = Histogram(
            "autoscaler_decision_to_write_seconds", "From the decision to the accepted scale write.",
            buckets=WRITE_BUCKETS, registry=registry,
        )  # fmt: skip
        self.statuses_waiting = Gauge(
            "autoscaler_statuses_waiting", "Statuses of policies that are to be written.", registry=registry
        )
        self.targets = Gauge("autoscaler_policies", "Policies being evaluated, by kind.", ["kind"], registry=registry)
        self.observed = Gauge(
            "autoscaler_observed_hpas", "HPAs that are observed, by how they compare with us now.", ["verdict"],
            registry=registry,
        )  # fmt: skip
        self.agreements = Counter(
            "autoscaler_agreements", "Evaluations of observed HPAs, by how they compared.", ["verdict"],
            registry=registry,
        )  # fmt: skip
        self.lead_seconds = Histogram(
            "autoscaler_observed_lead_seconds",
            "How long our number stood before the HPA came to the same; negative where the HPA was first.",
            buckets=LEAD_BUCKETS, registry=registry,
        )  # fmt: skip
        self.leading = Gauge(
            "autoscaler_leading",
            "1 while this process is the one that decides; without leader election always.",
            registry=registry,
        )


class DeliveryTelemetry:
    """Delivering records of one stream to Kafka.

    `audit` are decisions, `latest` the last one of each target, `usage` kubelets' samples.
    """

    def __init__(self, registry: CollectorRegistry, stream: str) -> None:
        prefix = f"autoscaler_{stream}"
        self.delivered = Counter(f"{prefix}_delivered", "Records acknowledged by Kafka.", registry=registry)
        self.parked = Counter(f"{prefix}_parked", "Records Kafka will never take.", registry=registry)
        self.producers = Counter(
            f"{prefix}_producer_replacements",
            "Producers thrown away, by error.",
            ["error"],
            registry=registry,
        )


class AuditTelemetry(DeliveryTelemetry):
    """Keeping records of one stream, and delivering them."""

    def __init__(self, registry: CollectorRegistry, stream: str = "audit") -> None:
        super().__init__(registry, stream)
        prefix = f"autoscaler_{stream}"
        self.cluster_changed = Gauge(
            f"{prefix}_kafka_cluster_changed", "1 while Kafka is another cluster than the one remembered.",
            registry=registry,
        )  # fmt: skip
        self.kept_back = Counter(
            f"{prefix}_kept_back",
            "Tries to set a record aside for which dead-letters.jsonl has no room: it waits, and all behind it.",
            registry=registry,
        )
        self.committed = Counter(f"{prefix}_committed", "Records made durable in the spool.", registry=registry)
        self.undelivered = Gauge(f"{prefix}_undelivered", "Records in the spool not yet in Kafka.", registry=registry)
        self.oldest = Gauge(
            f"{prefix}_oldest_undelivered_seconds",
            "Age of the oldest undelivered record.",
            registry=registry,
        )
        self.refused = Counter(
            f"{prefix}_refused",
            "Records the spool could not take, by reason.",
            ["reason"],
            registry=registry,
        )
        self.shed = Counter(
            f"{prefix}_shed",
            "Records that say nothing new, dropped while the spool was nearly full.",
            registry=registry,
        )
        self.late = Counter(f"{prefix}_late", "Records the disk did not take within a second.", registry=registry)
        self.damaged = Counter(
            f"{prefix}_spools_damaged", "Damaged spool files that were put aside.", registry=registry
        )
        self.commit_seconds = Histogram(
            f"{prefix}_commit_duration_seconds", "From handing over a record to its commit.",
            buckets=REQUEST_BUCKETS, registry=registry,
        )  # fmt: skip


class UsageTelemetry:
    """Keeping usage outside."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.stream = AuditTelemetry(registry, "usage")
        self.dropped = Counter(
            "autoscaler_usage_dropped", "Records of usage that the spool could not take.", registry=registry
        )


class KubeTelemetry:
    """Talking to the API server."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "autoscaler_kube_requests", "Requests to the API server, by verb and code (0: none).", ["verb", "code"],
            registry=registry,
        )  # fmt: skip
        self.owned = Gauge(
            "autoscaler_apiservice_owned", "1 while the API server sends this version of metrics.k8s.io to us.",
            ["version"], registry=registry,
        )  # fmt: skip
        self.clock_ahead = Gauge(
            "autoscaler_api_server_clock_ahead_seconds",
            "How far the API server's clock is ahead of ours, to a second; negative: behind.",
            registry=registry,
        )
        self.relists = Counter("autoscaler_watch_relists", "Lists made, by resource.", ["resource"], registry=registry)


class ProcessTelemetry:
    """The process itself, and which program it is."""

    def __init__(self, registry: CollectorRegistry) -> None:
        build = Gauge(
            "autoscaler_build_info",
            "1, with the version, and whether the sums of a scrape are compiled (else they take twice the CPU).",
            ["version", "compiled"],
            registry=registry,
        )
        build.labels(__version__, "true" if COMPILED else "false").set(1)
        self.loop_lag = Histogram(
            "autoscaler_event_loop_lag_seconds",
            "How late the event loop comes to each of ten timers a second.",
            buckets=LAG_BUCKETS,
            registry=registry,
        )
        self.clock_steps = Counter(
            "autoscaler_wall_clock_steps", "Times the wall clock was set by a second or more.", registry=registry
        )


class Telemetry:
    """All rooms' series in one registry; `app` makes it and hands each room its own part."""

    def __init__(self, resolution: float = 15.0) -> None:
        self.registry = CollectorRegistry()
        self.engine = EngineTelemetry(self.registry, resolution)
        self.api = ApiTelemetry(self.registry)
        self.control = ControlTelemetry(self.registry)
        self.audit = AuditTelemetry(self.registry)
        self.latest = DeliveryTelemetry(self.registry, "latest")
        self.usage = UsageTelemetry(self.registry)
        self.kube = KubeTelemetry(self.registry)
        self.process = ProcessTelemetry(self.registry)
