"""The settings of one process, frozen: plain values, seconds as float, sizes as bytes, "" for a file not given.

Defaults and bounds are not here but in options.py, once. Build one with `load`.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from autoscaler.config.values import Value
from autoscaler.model.compat import RELEASES
from autoscaler.model.policy import ControllerSettings


class KubeletSettings(Struct, frozen=True, kw_only=True):
    """Whom to scrape, how often, and whom to trust."""

    resolution: float
    hot_resolution: float
    hot_cpu_budget: float
    hot_kubelet_budget: float
    request_timeout: float
    source: str
    port: int
    use_node_status_port: bool
    preferred_address_types: tuple[str, ...]
    certificate_authority: str
    tls_server_name: str
    insecure_tls: bool
    insecure_tls_nodes: str
    client_certificate: str
    client_key: str
    token_account: str
    annotation_path: bool
    allow_loopback: bool
    node_selector: str


class ServingSettings(Struct, frozen=True, kw_only=True):
    """Where the Metrics API listens, with which certificate."""

    bind_address: str
    port: int
    tls_cert_file: str
    tls_private_key_file: str
    tls_min_version: str
    cert_dir: str
    issue_secret: str
    issue_service: str
    issue_namespace: str
    issue_lifetime: float
    issue_overlap: float
    shutdown_delay: float


class ControlSettings(Struct, frozen=True, kw_only=True):
    """When to evaluate, and the controller's knobs."""

    sync_period: float
    evaluation_interval: float
    protected_namespaces: tuple[str, ...]
    writes_per_second: float
    namespace_writes_per_second: float
    observe_hpas: bool
    compat: str
    tolerance: float
    downscale_stabilization: float
    cpu_initialization: float
    initial_readiness_delay: float

    @property
    def controller(self) -> ControllerSettings:
        """The knobs in the planner's words."""
        return ControllerSettings(
            tolerance=self.tolerance,
            downscale_stabilization=self.downscale_stabilization,
            cpu_initialization=self.cpu_initialization,
            initial_readiness_delay=self.initial_readiness_delay,
            sync_period=self.sync_period,
            compat=RELEASES[self.compat],
        )


class LeaseSettings(Struct, frozen=True, kw_only=True):
    """Which of several replicas decides."""

    elect: bool
    lease_duration: float
    renew_deadline: float
    retry_period: float
    name: str
    namespace: str


class KafkaSettings(Struct, frozen=True, kw_only=True):
    """Where records are delivered; no `bootstrap_servers` = nowhere. Credentials are named by file only."""

    bootstrap_servers: tuple[str, ...]
    topic: str
    security_protocol: str
    sasl_mechanism: str
    username_file: str
    password_file: str
    ca_file: str
    cert_file: str
    key_file: str


class TopicSettings(Struct, frozen=True, kw_only=True):
    """How topics are made, if `create`; `latest` is the one of last decisions, "" = none. Times in seconds."""

    latest: str
    create: bool
    partitions: int
    retention: float


class AuditSettings(Struct, frozen=True, kw_only=True):
    """Where records are kept."""

    spool_dir: str
    spool_max_bytes: int
    full: str
    heartbeat: float
    kafka: KafkaSettings
    topics: TopicSettings


class UsageSettings(Struct, frozen=True, kw_only=True):
    """Where kubelets' samples are kept outside; no `topic` = nowhere."""

    topic: str
    spool_max_bytes: int


class LogSettings(Struct, frozen=True, kw_only=True):
    """What is logged, and how it looks."""

    level: str
    format: str


class Settings(Struct, frozen=True, kw_only=True):
    """Everything that was set. `values` and `origins` (flag, environment, file, default) go by option name."""

    config: str
    kubeconfig: str
    kubelet: KubeletSettings
    serving: ServingSettings
    control: ControlSettings
    lease: LeaseSettings
    audit: AuditSettings
    usage: UsageSettings
    log: LogSettings
    values: Mapping[str, Value]
    origins: Mapping[str, str]
