"""The one table of options: every flag, variable and key of the configuration file, its default and what it does.

The flags of metrics-server keep their names and meaning, those of kube-controller-manager too.
`docs/configuration.md` is made from this table.
"""

from __future__ import annotations

from autoscaler.config.option import Group, Kind, Option

GENERAL = Group(
    "General",
    "Where the cluster is, and where further settings are.",
    (
        Option("config", Kind.FILE, "", "config",
            "YAML file (apiVersion hpa-companion.dev/v1alpha1, kind Configuration) with the same options under their "
            "camelCase names. A flag or a variable overrules it. `autoscaler config print` writes such a file."),
        Option("kubeconfig", Kind.FILE, "", "kubeconfig",
            "How to reach the API server. Empty: $KUBECONFIG, else ~/.kube/config, else the pod's service account."),
    ),
)  # fmt: skip

KUBELET = Group(
    "Scraping kubelets",
    "Which nodes are asked, how often, where, and whom to trust.",
    (
        Option("metric-resolution", Kind.DURATION, "15s", "kubelet.resolution",
            "Time between two scrapes of a node. The kubelet itself samples a container every 10 to 15 s, so much less "
            "brings little; more saves work on both sides and makes scaling slower.", least=1, most=3600),
        Option("hot-resolution", Kind.DURATION, "5s", "kubelet.hot_resolution",
            "Time between two scrapes of a node that runs pods of a scaled target: a new sample of the kubelet is then "
            "found sooner. 0, or no less than --metric-resolution: such nodes are scraped like the others.",
            least=0, most=3600),
        Option("hot-cpu-budget", Kind.FRACTION, "0.3", "kubelet.hot_cpu_budget",
            "Share of one core. While this process uses more, nodes are scraped ever less often in haste, down to "
            "--metric-resolution.", least=0, most=64),
        Option("hot-kubelet-budget", Kind.FRACTION, "0.05", "kubelet.hot_kubelet_budget",
            "Share of its time that a kubelet may be busy with us for the sake of haste: one that takes 0.5 s to "
            "answer is asked no more often than every 10 s.", least=0.001, most=1),
        Option("kubelet-request-timeout", Kind.DURATION, "8s", "kubelet.request_timeout",
            "Time for one scrape, from connecting to the last byte. At most 0.9 x --metric-resolution; when it is not "
            "set it is lowered to that.", least=0.1, most=3600),
        Option("kubelet-source", Kind.CHOICE, "auto", "kubelet.source",
            "What to read: `resource` is /metrics/resource, `summary` is /stats/summary (larger, for kubelets or "
            "runtimes without the first), `auto` takes the first and falls back to the second on 404.",
            choices=("auto", "resource", "summary")),
        Option("kubelet-port", Kind.INTEGER, "10250", "kubelet.port",
            "Port of every kubelet.", least=1, most=65535),
        Option("kubelet-use-node-status-port", Kind.BOOLEAN, "false", "kubelet.use_node_status_port",
            "Take the port from the node's status when it names one; --kubelet-port is then only the fallback."),
        Option("kubelet-preferred-address-types", Kind.LIST, "InternalIP,ExternalIP,Hostname",
            "kubelet.preferred_address_types",
            "Which of a node's addresses to dial, and in which order: when nobody who can be believed answers, the "
            "next one is tried, and what worked is the first to be tried the next time.",
            choices=("Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP")),
        Option("kubelet-certificate-authority", Kind.FILES, "", "kubelet.certificate_authority",
            "CAs that signed the kubelets' serving certificates: a PEM file, or a folder of *.crt, *.pem and *.cer. "
            "They are read again when they change. Empty: the cluster's own CA."),
        Option("kubelet-tls-server-name", Kind.CHOICE, "address", "kubelet.tls_server_name",
            "What a kubelet's certificate must name: `address` the address that is dialled, `node-name` that address "
            "or, where it does not, the node's name.", choices=("address", "node-name")),
        Option("kubelet-insecure-tls", Kind.BOOLEAN, "false", "kubelet.insecure_tls",
            "Do not verify kubelets: whoever answers on a node's address is believed and gets our token. For trials "
            "only; give --kubelet-certificate-authority instead."),
        Option("kubelet-insecure-tls-nodes", Kind.TEXT, "", "kubelet.insecure_tls_nodes",
            "Label selector of the nodes that are not verified, such as 'kubernetes.io/hostname in (old-1,old-2)'; all "
            "others are. Each hour the log names them, and autoscaler_kubelets_unverified counts them. Empty: none."),
        Option("kubelet-client-certificate", Kind.FILE, "", "kubelet.client_certificate",
            "Client certificate (PEM) to show to kubelets that do not take tokens; needs --kubelet-client-key."),
        Option("kubelet-client-key", Kind.FILE, "", "kubelet.client_key",
            "Key of --kubelet-client-certificate (PEM)."),
        Option("kubelet-token-account", Kind.TEXT, "", "kubelet.token_account",
            "NAMESPACE/NAME of the ServiceAccount whose token kubelets are shown. We ask the API server for it (create "
            "on serviceaccounts/token) and renew it; the account needs get on nodes/metrics and should have nothing "
            "else. Empty: our own token."),
        Option("kubelet-annotation-path", Kind.BOOLEAN, "false", "kubelet.annotation_path",
            "Honour the node annotation metrics.k8s.io/resource-metrics-path (kwok sets it). Off by default: who may "
            "edit a node would choose what we ask its kubelet."),
        Option("kubelet-allow-loopback", Kind.BOOLEAN, "false", "kubelet.allow_loopback",
            "Dial nodes that give a loopback address. For simulated clusters; elsewhere such a node would make us "
            "talk to ourselves."),
        Option("node-selector", Kind.TEXT, "", "kubelet.node_selector",
            "Label selector of the nodes to scrape, such as 'type!=virtual-kubelet'. Empty: all."),
    ),
)  # fmt: skip

SERVING = Group(
    "Serving the Metrics API",
    "The HTTPS server behind the APIServices v1beta1.metrics.k8s.io and v1.metrics.k8s.io.",
    (
        Option("bind-address", Kind.TEXT, "0.0.0.0", "serving.bind_address",  # noqa: S104 - a server for the whole cluster
            "IP address to listen on; :: for IPv4 and IPv6."),
        Option("secure-port", Kind.INTEGER, "10250", "serving.port",
            "Port to listen on, 0 = any free one. 10250 because managed control planes are let through to it.",
            least=0, most=65535),
        Option("tls-cert-file", Kind.FILE, "", "serving.tls_cert_file",
            "Serving certificate and its chain (PEM); needs --tls-private-key-file. Empty: we make one in --cert-dir."),
        Option("tls-private-key-file", Kind.FILE, "", "serving.tls_private_key_file",
            "Key of --tls-cert-file (PEM)."),
        Option("tls-min-version", Kind.CHOICE, "VersionTLS12", "serving.tls_min_version",
            "The oldest TLS a client may speak.", choices=("VersionTLS12", "VersionTLS13")),
        Option("cert-dir", Kind.PATH, "{state}/certificates", "serving.cert_dir",
            "Folder for the serving certificate we make when none is given.",
            default_shown="${XDG_STATE_HOME:-~/.local/state}/hpa-companion/certificates"),
        Option("tls-issue-secret-name", Kind.TEXT, "", "serving.issue_secret",
            "Secret that all replicas take the serving certificate from. Who leads makes and renews it, by a CA of its "
            "own, and keeps that in the caBundle of our APIServices. The Secret must exist and may be empty. Empty: "
            "nothing is issued."),
        Option("tls-issue-service", Kind.TEXT, "", "serving.issue_service",
            "Service that the certificate of --tls-issue-secret-name is made out to; only APIServices that name it are "
            "written."),
        Option("tls-issue-namespace", Kind.TEXT, "", "serving.issue_namespace",
            "Namespace of that Secret and that Service."),
        Option("tls-issue-lifetime", Kind.DURATION, "2160h", "serving.issue_lifetime",
            "How long an issued certificate is valid; it is renewed when a third of that is left.",
            least=10, most=366 * 86400),
        Option("tls-issue-overlap", Kind.DURATION, "1m", "serving.issue_overlap",
            "How long a new CA is trusted before a certificate of it is served.", least=1, most=86400),
        Option("shutdown-delay-duration", Kind.DURATION, "0s", "serving.shutdown_delay",
            "How long the Metrics API is still served after SIGTERM, while /readyz fails: until everybody who asks "
            "knows that this replica goes. Another one leads at once. The chart gives 5s.", least=0, most=60),
    ),
)  # fmt: skip

CONTROL = Group(
    "Scaling",
    "When targets are evaluated, and kube-controller-manager's knobs with its names and defaults.",
    (
        Option("sync-period", Kind.DURATION, "15s", "control.sync_period",
            "Every target is evaluated at least this often; also the period within which a target without "
            "spec.behavior at most doubles.", least=0.1, most=3600),
        Option("evaluation-interval", Kind.DURATION, "5s", "control.evaluation_interval",
            "A target is evaluated when fresh samples of its pods are in, but not more often than this.",
            least=0.1, most=3600),
        Option("scale-writes-per-second", Kind.FRACTION, "100", "control.writes_per_second",
            "How many scale writes a second may be made in the whole cluster; what ten seconds bring may be used at "
            "once. A write over the limit is decided anew at the next evaluation.", least=0.1, most=10000),
        Option("scale-writes-per-second-per-namespace", Kind.FRACTION, "50", "control.namespace_writes_per_second",
            "The same for each namespace, so that one of them cannot use up what is there for all.",
            least=0.1, most=10000),
        Option("protected-namespaces", Kind.LIST, "kube-system", "control.protected_namespaces",
            "No HorizontalPodScaler scales anything there, unless in Shadow. The chart adds our own namespace."),
        Option("observe-hpas", Kind.BOOLEAN, "false", "control.observe_hpas",
            "Evaluate every HorizontalPodAutoscaler beside kube-controller-manager, write nothing, and record how our "
            "decisions compare with its."),
        Option("compat", Kind.CHOICE, "1.37", "control.compat",
            "Decide as kube-controller-manager of this Kubernetes release does with its default gates; `latest` is "
            "upstream's main branch of August 2026. docs/decisions/releases.md lists what differs.",
            choices=("1.33", "1.34", "1.35", "1.36", "1.37", "latest")),
        Option("horizontal-pod-autoscaler-tolerance", Kind.FRACTION, "0.1", "control.tolerance",
            "How far the ratio of current to wanted usage may be from 1 before anything is done. Larger is calmer.",
            least=0, most=1),
        Option("horizontal-pod-autoscaler-downscale-stabilization", Kind.DURATION, "5m",
            "control.downscale_stabilization",
            "A target without spec.behavior goes down to the highest recommendation of this window only.",
            least=0, most=86400),
        Option("horizontal-pod-autoscaler-cpu-initialization-period", Kind.DURATION, "5m", "control.cpu_initialization",
            "After its start a pod's CPU counts only from samples taken while it was ready, for this long.",
            least=0, most=86400),
        Option("horizontal-pod-autoscaler-initial-readiness-delay", Kind.DURATION, "30s",
            "control.initial_readiness_delay",
            "A pod that becomes unready this soon after its start counts as never having been ready.",
            least=0, most=86400),
    ),
)  # fmt: skip

LEASE = Group(
    "Leader election",
    "Which of several replicas decides; all scrape and serve. Names and defaults are kube-controller-manager's.",
    (
        Option("leader-elect", Kind.BOOLEAN, "false", "lease.elect",
            "Decide only while holding the Lease. The chart turns it on; without it, never run two at a time."),
        Option("leader-elect-lease-duration", Kind.DURATION, "15s", "lease.lease_duration",
            "How long others wait after the last renewal they saw before one of them takes over.", least=1, most=3600),
        Option("leader-elect-renew-deadline", Kind.DURATION, "10s", "lease.renew_deadline",
            "How long after its last renewal a leader that cannot renew leads; it begins no write in the last tenth.",
            least=0.2, most=3600),
        Option("leader-elect-retry-period", Kind.DURATION, "2s", "lease.retry_period",
            "Time between two renewals; others look at the Lease twice as often.", least=0.1, most=3600),
        Option("leader-elect-resource-name", Kind.TEXT, "hpa-companion", "lease.name",
            "Name of the Lease (coordination.k8s.io/v1)."),
        Option("leader-elect-resource-namespace", Kind.TEXT, "", "lease.namespace",
            "Namespace of the Lease; --leader-elect needs it. The chart gives our own."),
    ),
)  # fmt: skip

AUDIT = Group(
    "Audit",
    "Where the record of every decision goes: always to a local spool, from there to Kafka when servers are named.",
    (
        Option("audit-spool-dir", Kind.PATH, "{state}/spool", "audit.spool_dir",
            "Folder of the spool. Every record is durable here before it is sent anywhere; put it on a volume that "
            "outlives the pod if records must outlive the node.",
            default_shown="${XDG_STATE_HOME:-~/.local/state}/hpa-companion/spool"),
        Option("audit-spool-max-bytes", Kind.SIZE, "1Gi", "audit.spool_max_bytes",
            "Size the spool may reach while Kafka is away. 1Gi is about 30 minutes at 333 records a second, 18 hours "
            "at 10.", least=1 << 20, most=1 << 40),
        Option("audit-full", Kind.CHOICE, "shed", "audit.full",
            "What gives way in a spool without room. shed: from four fifths on, evaluations that change nothing are "
            "not recorded; in a full one every record is in the log only, and scaling goes on. halt: nothing is "
            "dropped early, and nothing is scaled without a durable record.", choices=("shed", "halt")),
        Option("audit-heartbeat", Kind.DURATION, "1m", "audit.heartbeat",
            "How long evaluations that come to the same share a record, which has what was measured of each. It is "
            "delivered when something changes, or after this time. 0s: every evaluation has a record of its own.",
            least=0, most=600),
        Option("audit-kafka-bootstrap-servers", Kind.LIST, "", "audit.kafka.bootstrap_servers",
            "Brokers to begin with, host:port. Empty: records stay in the spool, and every verb that reads them works "
            "there."),
        Option("audit-topic", Kind.TEXT, "autoscaler.decisions", "audit.kafka.topic",
            "Topic of the records. It must exist, or be made by --audit-kafka-create-topics; its number of partitions "
            "must not change (order per target)."),
        Option("audit-kafka-latest-topic", Kind.TEXT, "", "audit.topics.latest",
            "Topic for the last decision of each target (cleanup.policy=compact), such as autoscaler.latest: what a "
            "dashboard reads to know how things are. Empty: there is none."),
        Option("audit-kafka-create-topics", Kind.BOOLEAN, "false", "audit.topics.create",
            "Make topics that are not there, with as many replicas as there are brokers (at most 3), of which all but "
            "one must have a record; our user needs the right to Create them."),
        Option("audit-kafka-partitions", Kind.INTEGER, "3", "audit.topics.partitions",
            "Partitions of a topic that we make.", least=1, most=1000),
        Option("audit-kafka-retention", Kind.DURATION, "720h", "audit.topics.retention",
            "How long a topic that we make keeps records.", least=60, most=10 * 366 * 86400),
        Option("audit-kafka-security-protocol", Kind.CHOICE, "PLAINTEXT", "audit.kafka.security_protocol",
            "How brokers are spoken to; only the two with SSL keep records from being read and changed on the way.",
            choices=("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")),
        Option("audit-kafka-sasl-mechanism", Kind.CHOICE, "SCRAM-SHA-512", "audit.kafka.sasl_mechanism",
            "How we prove who we are under a SASL protocol; PLAIN sends the password itself, so only with SASL_SSL.",
            choices=("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")),
        Option("audit-kafka-username-file", Kind.PATH, "", "audit.kafka.username_file",
            "File with the SASL user name; read anew at every connection, like the other files of this group."),
        Option("audit-kafka-password-file", Kind.PATH, "", "audit.kafka.password_file",
            "File with the SASL password. There is no flag for the password itself: flags can be seen by others."),
        Option("audit-kafka-ca-file", Kind.PATH, "", "audit.kafka.ca_file",
            "CA of the brokers (PEM). Empty: the system's."),
        Option("audit-kafka-cert-file", Kind.PATH, "", "audit.kafka.cert_file",
            "Client certificate for mutual TLS (PEM); needs --audit-kafka-key-file."),
        Option("audit-kafka-key-file", Kind.PATH, "", "audit.kafka.key_file",
            "Key of --audit-kafka-cert-file (PEM)."),
    ),
)  # fmt: skip

USAGE = Group(
    "Keeping usage",
    "Kubelets' samples kept in Kafka, by the same brokers and with the same promise as decisions.",
    (
        Option("usage-topic", Kind.TEXT, "", "usage.topic",
            "Topic of the samples, such as autoscaler.usage; it must exist. A page of 60 containers is about 7 KB "
            "before compression. Empty: they are not kept."),
        Option("usage-spool-max-bytes", Kind.SIZE, "1Gi", "usage.spool_max_bytes",
            "Size the spool of samples may reach while Kafka is away; it is a folder of its own below "
            "--audit-spool-dir. When it is full, newer samples are dropped and counted.", least=1 << 20, most=1 << 40),
    ),
)  # fmt: skip

LOG = Group(
    "Logging",
    "What is written to standard error.",
    (
        Option("log-level", Kind.CHOICE, "info", "log.level",
            "Least severe messages that are written; debug has one line for every scrape.",
            choices=("debug", "info", "warning", "error")),
        Option("log-format", Kind.CHOICE, "text", "log.format",
            "`text` for people, `json` (one object a line) for collectors.", choices=("text", "json")),
    ),
)  # fmt: skip

GROUPS: tuple[Group, ...] = (GENERAL, KUBELET, SERVING, CONTROL, LEASE, AUDIT, USAGE, LOG)
OPTIONS: dict[str, Option] = {option.name: option for group in GROUPS for option in group.options}
