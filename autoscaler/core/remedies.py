"""For every way a kubelet can fail us, the one thing to do about it: what `doctor` and /debug/nodes tell."""

from __future__ import annotations

from collections.abc import Mapping

from autoscaler.errors import ScrapeReason

_ROAD = "let us reach the kubelet's port (--kubelet-port): firewalls, NetworkPolicies, a kubelet that is down"
_LOG = "look at the kubelet's log on that node"

REMEDIES: Mapping[ScrapeReason, str] = {
    ScrapeReason.NO_ADDRESS: "name a type of address that the node has with --kubelet-preferred-address-types",
    ScrapeReason.ADDRESS_DENIED: "correct the node's status.addresses; for simulated kubelets --kubelet-allow-loopback",
    ScrapeReason.DNS: "have the cluster's DNS know the node's name, or leave names out of "
    "--kubelet-preferred-address-types",
    ScrapeReason.CONNECT: _ROAD,
    ScrapeReason.TIMEOUT: _ROAD,
    ScrapeReason.TLS: "see that a kubelet listens there, with TLS 1.2 or newer, and takes our client certificate",
    ScrapeReason.TLS_EXPIRED: "renew the kubelet's serving certificate (rotateCertificates), or set the clocks right",
    ScrapeReason.TLS_NAME: "have the certificate name the address (serverTLSBootstrap), or verify by the node's name: "
    "--kubelet-tls-server-name=node-name",
    ScrapeReason.TLS_UNTRUSTED: "name the CA of the kubelets' serving certificates, a file or a folder, with "
    "--kubelet-certificate-authority",
    ScrapeReason.UNAUTHORIZED: "the kubelet must accept API tokens (authentication.webhook.enabled), or give it a "
    "client certificate with --kubelet-client-certificate",
    ScrapeReason.FORBIDDEN: "grant these credentials `get` on nodes/metrics (nodes/stats for the summary source)",
    ScrapeReason.NOT_FOUND: "try --kubelet-source=summary",
    ScrapeReason.REDIRECT: "see what listens there: a kubelet does not redirect",
    ScrapeReason.STATUS: _LOG,
    ScrapeReason.HTTP: "see what listens there: it does not speak HTTP as a kubelet does",
    ScrapeReason.ENCODING: "see what stands between us and the kubelet: it changes the encoding of answers",
    ScrapeReason.CONTENT_TYPE: "see what listens there: a kubelet answers in text",
    ScrapeReason.TOO_LARGE: "see which pods of that node are so many; no page of a kubelet is that large",
    ScrapeReason.PARSE: "see what listens there: the answer is no page of a kubelet",
    ScrapeReason.UNAVAILABLE: "look at the container runtime of that node: its kubelet gets no stats of it",
    ScrapeReason.INTERRUPTED: _LOG,
}
