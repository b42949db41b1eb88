"""Values people install the chart with, by what they are for, and values that are none."""

from __future__ import annotations

from typing import Any

from tests.e2e.chart import EXISTING, PEM

Values = dict[str, Any]
BROKERS = ["kafka-0.kafka:9093", "kafka-1.kafka:9093"]
DIGEST = "sha256:" + "0123456789abcdef" * 4
CERT_MANAGER: Values = {"tls": {"mode": "certManager"}}
OBSERVE: Values = {"mode": "observe"}


def kafka(**more: Any) -> Values:
    return {"audit": {"kafka": {"bootstrapServers": BROKERS, **more}}}


def kubelet(**more: Any) -> Values:
    return {"kubelet": more}


def monitoring(**more: Any) -> Values:
    return {"monitoring": {name: {"enabled": True, **values} for name, values in more.items()}}


STRIMZI = {
    "preset": "strimzi",
    "secret": {"name": "hpa-companion"},
    "ca": {"secret": "my-cluster-cluster-ca-cert"},
}
SASL = {"securityProtocol": "SASL_SSL", "secret": {"name": "kafka-user"}}
TESTS = ("metrics", "policies", "lease", "kafka")
"""What `helm test` tries where there is everything to try."""
EMPTY_DIR = {"name": "more", "emptyDir": {}}
INSTALLED: dict[str, Values] = {
    "nothing given": {},
    "three replicas": {"replicas": 3},
    "no leader election": {"leaderElection": {"enabled": False}},
    "a short lease": {"leaderElection": {"leaseDuration": "6s", "renewDeadline": "4s", "retryPeriod": "1s"}},
    "another name": {"nameOverride": "scaler"},
    "another whole name": {"fullnameOverride": "scaler"},
    "the longest name": {"fullnameOverride": "y" * 63},
    "a mirror": {"image": {"repository": "registry.internal:5000/mirror/hpa-companion"}},
    "a tag": {"image": {"tag": "v0.1.0-rc.1"}},
    "a digest": {"image": {"digest": DIGEST}},
    "a tag and a digest": {"image": {"tag": "v0.1.0", "digest": DIGEST}},
    "always pulled": {"image": {"pullPolicy": "Always"}, "imagePullSecrets": [{"name": "registry"}]},
    "cert-manager": CERT_MANAGER,
    "cert-manager, an issuer of the house": {
        "tls": {"mode": "certManager", "certManager": {"issuerRef": {"name": "house", "kind": "ClusterIssuer"}}}
    },
    "a Secret of ours": EXISTING,
    "short certificates": {"tls": {"auto": {"lifetime": "24h", "overlap": "5m"}}},
    "not registered": {"apiService": {"create": False}},
    "another port of the Service": {"service": {"port": 8443}},
    "two families": {"service": {"ipFamilyPolicy": "PreferDualStack"}},
    "an observer": OBSERVE,
    "an observer that serves": OBSERVE | CERT_MANAGER,
    "an observer with a Secret of ours": OBSERVE | EXISTING,
    "an observer with Kafka": OBSERVE | kafka(),
    "scaling and observing": {"scaling": {"observeHpas": True}},
    "a slow pace": kubelet(resolution="60s", hotResolution="0s"),
    "a fast pace": kubelet(resolution="5s", hotResolution="1s"),
    "the larger page": kubelet(source="summary"),
    "kubelets' own certificates": kubelet(insecureTLS=True),
    "some old kubelets": kubelet(insecureTLSNodes="kubernetes.io/hostname in (old-1,old-2)"),
    "a CA of kubelets": kubelet(certificateAuthority={"configMap": "kubelet-ca"}),
    "many CAs of kubelets": kubelet(certificateAuthority={"configMap": "kubelet-cas", "key": ""}),
    "kubelets by name": kubelet(tlsServerName="node-name", preferredAddressTypes=["Hostname", "InternalIP"]),
    "kubelets behind another port": kubelet(port=10260, useNodeStatusPort=False),
    "no virtual nodes": kubelet(nodeSelector="type!=virtual-kubelet"),
    "one token for everything": kubelet(ownAccount=False),
    "protected namespaces": {"scaling": {"protectedNamespaces": ["kube-system", "ingress-nginx"]}},
    "an older controller": {"scaling": {"compat": "1.33", "syncPeriod": "30s", "evaluationInterval": "15s"}},
    "a small spool that halts": {"audit": {"spool": {"maxBytes": "64Mi"}, "full": "halt"}},
    "Kafka in the clear": kafka(),
    "Kafka and samples": kafka(usageTopic="autoscaler.usage"),
    "Kafka with a public certificate": kafka(securityProtocol="SSL"),
    "Kafka with our certificate": kafka(securityProtocol="SSL", secret={"name": "kafka-client"}, ca={"secret": "ca"}),
    "Kafka with a password": kafka(**SASL),
    "Kafka with keys of the house": kafka(
        securityProtocol="SASL_SSL",
        saslMechanism="PLAIN",
        secret={"name": "kafka", "usernameKey": "user", "passwordKey": "pass"},
        ca={"secret": "kafka", "key": "ca.pem"},
    ),
    "Kafka with a password in the clear": kafka(securityProtocol="SASL_PLAINTEXT", secret={"name": "kafka-user"}),
    "Strimzi, a password": kafka(securityProtocol="SASL_SSL", **STRIMZI),
    "Strimzi, a certificate": kafka(securityProtocol="SSL", **STRIMZI),
    "Strimzi without bootstrap servers yet": {"audit": {"kafka": STRIMZI}},
    "text for people": {"log": {"level": "debug", "format": "text"}},
    "no definition": {"crds": {"install": False}},
    "a definition that goes": {"crds": {"keep": False}},
    "roles of somebody else": {"rbac": {"create": False}},
    "more targets": {
        "rbac": {
            "targets": [{"group": "apps", "resource": "statefulsets"}, {"group": "argoproj.io", "resource": "rollouts"}]
        }
    },
    "no targets": {"rbac": {"targets": []}},
    "rights and account of somebody else": {"serviceAccount": {"create": False}, "rbac": {"create": False}},
    "an account of somebody else": {"serviceAccount": {"create": False, "name": "scaler"}},
    "an account with a cloud role": {"serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:x"}}},
    "no budget": {"podDisruptionBudget": {"enabled": False}},
    "a ServiceMonitor": monitoring(serviceMonitor={"labels": {"release": "prometheus"}}),
    "a ServiceMonitor and a Secret of ours": monitoring(serviceMonitor={}) | EXISTING,
    "a PodMonitor": monitoring(podMonitor={"tokenSecret": {"name": "prometheus-token"}}),
    "a PodMonitor and a Secret of ours": monitoring(podMonitor={"tokenSecret": {"name": "prometheus-token"}})
    | EXISTING,
    "alerts and a dashboard": monitoring(prometheusRule={}, dashboard={}),
    "no policy of the network": {"networkPolicy": {"ingress": {"enabled": False}}},
    "a narrow way in": {"networkPolicy": {"ingress": {"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}}},
    "a narrow way out": {"networkPolicy": {"egress": {"enabled": True}}} | kafka(),
    "ways out of the house": {
        "networkPolicy": {
            "egress": {
                "enabled": True,
                "apiServerPorts": [8443],
                "extra": [{"to": [{"ipBlock": {"cidr": "10.9.0.0/16"}}], "ports": [{"port": 9094}]}],
            }
        }
    },
    "no priority in the API server": {"flowSchemas": {"enabled": False}},
    "no priority class": {"priorityClassName": ""},
    "not spread": {"topologySpread": {"keys": []}},
    "the network of the node": {"hostNetwork": True, "securePort": 10251},
    "another resolver": {"dnsPolicy": "Default"},
    "users of its own": {"hostUsers": False},
    "OpenShift": {"runAsUser": None},
    "no limits": {"resources": {}},
    "everything further": {
        "extraArgs": ["--audit-heartbeat=0s"],
        "extraEnv": [{"name": "TZ", "value": "UTC"}],
        "extraVolumes": [EMPTY_DIR],
        "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
        "extraObjects": [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "{{ .Release.Name }}-more"},
                "data": {"a": "b"},
            }
        ],
    },
    "chosen nodes": {
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "podAnnotations": {"a": "b"},
        "podLabels": {"team": "platform"},
    },
}
"""By name; each renders."""

REFUSED: list[tuple[str, Values, str]] = [
    ("a mode that is none", {"mode": "shadow"}, "/mode"),
    ("a misspelt key", {"replica": 2}, "replica"),
    ("too many replicas", {"replicas": 10}, "/replicas"),
    ("replicas in words", {"replicas": "two"}, "/replicas"),
    ("a name as a number", {"nameOverride": 7}, "/nameOverride"),
    ("no repository", {"image": {"repository": ""}}, "/image/repository"),
    ("a repository with a tag", {"image": {"repository": "mirror/hpa-companion:1"}}, "/image/repository"),
    ("a tag with a digest", {"image": {"tag": "1@sha256:0"}}, "/image/tag"),
    ("a name in capitals", {"nameOverride": "Scaler"}, "/nameOverride"),
    ("a whole name that no Service has", {"fullnameOverride": "my_scaler"}, "/fullnameOverride"),
    ("a whole name that begins with a digit", {"fullnameOverride": "1st"}, "/fullnameOverride"),
    ("a label of ours", {"podLabels": {"app.kubernetes.io/name": "web"}}, "podLabels: app.kubernetes.io/name"),
    ("everybody's account", {"serviceAccount": {"create": False}}, "serviceAccount.name is needed"),
    ("an account that is none", {"serviceAccount": {"name": "a: b"}}, "/serviceAccount/name"),
    ("a CA on the way up", kubelet(certificateAuthority={"key": "../ca.crt"}), "/kubelet/certificateAuthority/key"),
    ("a ConfigMap that is none", kubelet(certificateAuthority={"configMap": "A b"}), "/certificateAuthority/configMap"),
    ("a class that is none", {"priorityClassName": "a: b"}, "/priorityClassName"),
    ("a domain that is none", {"topologySpread": {"keys": ["a: b"]}}, "/topologySpread/keys/0"),
    ("a policy of no kubelet", {"image": {"pullPolicy": "Sometimes"}}, "/image/pullPolicy"),
    ("a short digest", {"image": {"digest": "sha256:abc"}}, "/image/digest"),
    ("a pull secret as text", {"imagePullSecrets": ["registry"]}, "/imagePullSecrets/0"),
    ("a lease without unit", {"leaderElection": {"leaseDuration": "15"}}, "/leaderElection/leaseDuration"),
    ("elections in words", {"leaderElection": {"enabled": "yes"}}, "/leaderElection/enabled"),
    ("a certificate in clear words", {"tls": {"auto": {"days": 90}}}, "days"),
    (
        "an issuer that is none",
        {"tls": {"certManager": {"issuerRef": {"kind": "Vault"}}}},
        "/tls/certManager/issuerRef/kind",
    ),
    ("a key where everybody reads", {"tls": {"caBundle": f"{PEM}-----BEGIN PRIVATE KEY-----"}}, "/tls/caBundle"),
    ("a way around verifying", {"apiService": {"insecureSkipTLSVerify": True}}, "insecureSkipTLSVerify"),
    ("port 0", {"service": {"port": 0}}, "/service/port"),
    ("a family that is none", {"service": {"ipFamilyPolicy": "IPv6"}}, "/service/ipFamilyPolicy"),
    ("a port that only root may have", {"securePort": 443}, "/securePort"),
    ("a pace in words", kubelet(hotResolution="fast"), "/kubelet/hotResolution"),
    ("an address type twice", kubelet(preferredAddressTypes=["Hostname", "Hostname"]), "/preferredAddressTypes"),
    ("an account as text", kubelet(ownAccount="scraper"), "/kubelet/ownAccount"),
    ("a name that no certificate has", kubelet(tlsServerName="hostname"), "/kubelet/tlsServerName"),
    ("a namespace that is none", {"scaling": {"protectedNamespaces": ["A B"]}}, "/protectedNamespaces/0"),
    ("a release we do not know", {"scaling": {"compat": "1.20"}}, "/scaling/compat"),
    ("a size in gigabytes", {"audit": {"spool": {"maxBytes": "1GB"}}}, "/audit/spool/maxBytes"),
    ("another way to be full", {"audit": {"full": "drop"}}, "/audit/full"),
    ("a topic with a slash", kafka(topic="a/b"), "/audit/kafka/topic"),
    ("a protocol that is none", kafka(securityProtocol="TLS"), "/audit/kafka/securityProtocol"),
    ("a mechanism that is none", kafka(saslMechanism="GSSAPI"), "/audit/kafka/saslMechanism"),
    ("a layout that is none", kafka(preset="confluent"), "/audit/kafka/preset"),
    ("a password in the values", kafka(secret={"password": "p"}), "password"),
    ("a Secret with a slash", kafka(secret={"name": "a/b"}), "/audit/kafka/secret/name"),
    ("a key that is a path", kafka(ca={"key": "../ca.crt"}), "/audit/kafka/ca/key"),
    ("a password nowhere", kafka(securityProtocol="SASL_SSL"), "audit.kafka.secret.name is needed"),
    ("a Secret nobody uses", kafka(secret={"name": "kafka-user"}), "audit.kafka.securityProtocol is PLAINTEXT"),
    ("a CA nobody uses", kafka(ca={"secret": "ca"}), "which verifies nobody"),
    (
        "a password for everybody",
        kafka(**(SASL | {"securityProtocol": "SASL_PLAINTEXT", "saslMechanism": "PLAIN"})),
        "would show the password",
    ),
    ("a log for nobody", {"log": {"format": "xml"}}, "/log/format"),
    ("a definition in words", {"crds": {"install": "true"}}, "/crds/install"),
    ("a target without group", {"rbac": {"targets": [{"resource": "deployments"}]}}, "/rbac/targets/0"),
    ("a budget of pods", {"podDisruptionBudget": {"minAvailable": 1}}, "minAvailable"),
    ("an interval in words", monitoring(serviceMonitor={"interval": "often"}), "/monitoring/serviceMonitor/interval"),
    ("a PodMonitor without a token", monitoring(podMonitor={}), "monitoring.podMonitor.tokenSecret.name is needed"),
    (
        "a policy of another flavour",
        {"networkPolicy": {"flavor": "cilium"}},
        "flavor",
    ),
    ("peers as text", {"networkPolicy": {"ingress": {"from": ["10.0.0.0/8"]}}}, "/networkPolicy/ingress/from/0"),
    ("a port of no API server", {"networkPolicy": {"egress": {"apiServerPorts": [0]}}}, "/apiServerPorts/0"),
    ("a level of one's own", {"flowSchemas": {"level": "exempt"}}, "level"),
    ("an election behind the chart's back", {"extraArgs": ["--leader-elect=false"]}, "leaderElection.enabled says"),
    (
        "the same by a variable",
        {"extraEnv": [{"name": "AUTOSCALER_LEADER_ELECT", "value": "false"}]},
        "leaderElection.enabled says",
    ),
    (
        "each replica scraped twice",
        monitoring(serviceMonitor={}, podMonitor={"tokenSecret": {"name": "prometheus-token"}}),
        "turn one of them off",
    ),
    ("an unnamed variable", {"extraEnv": [{"value": "x"}]}, "/extraEnv/0"),
    ("an unnamed volume", {"extraVolumes": [{"emptyDir": {}}]}, "/extraVolumes/0"),
    ("an object as text", {"extraObjects": ["kind: ConfigMap"]}, "/extraObjects/0"),
    ("a resolver that is none", {"dnsPolicy": "Cluster"}, "/dnsPolicy"),
    ("users in words", {"hostUsers": "false"}, "/hostUsers"),
    ("the kubelet's own port", {"hostNetwork": True}, "securePort: 10250 is the kubelet's own"),
    ("labels that are numbers", {"podLabels": {"a": 1}}, "/podLabels/a"),
    ("resources of another kind", {"resources": {"claims": []}}, "claims"),
    ("a node as text", {"nodeSelector": "linux"}, "/nodeSelector"),
]
"""What it is, the values, and what the refusal names."""
