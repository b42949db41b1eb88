"""The client for kubelets and its pace as the settings want them: `run` asks by it, and `doctor` the same way."""

from __future__ import annotations

from urllib.parse import urlsplit

from autoscaler.clock import Clock, cpu_seconds
from autoscaler.config.settings import KubeletSettings
from autoscaler.core import selectors
from autoscaler.engine.pace import Limits, Pace
from autoscaler.kube.accounttoken import AccountToken
from autoscaler.kube.addresses import AddressRules
from autoscaler.kube.client import KubeClient
from autoscaler.kube.connection import Connections
from autoscaler.kube.exchange import KEPT, TlsExchange
from autoscaler.kube.kubelet import KubeletClient, TokenSource
from autoscaler.kube.trust import KubeletTrust, TrustFiles


async def kubelet_client(
    kubelet: KubeletSettings, connections: Connections, client: KubeClient, clock: Clock, *, kept: int = KEPT
) -> KubeletClient:
    """A client that shows the token of --kubelet-token-account, else ours; ConfigError names a file that is no good.

    `kept`: how many connections may be kept.
    """
    cluster = await connections.current()
    files = TrustFiles(
        authority=cluster.ca_pem,
        authority_file=kubelet.certificate_authority,
        certificate_file=kubelet.client_certificate,
        key_file=kubelet.client_key,
        insecure=kubelet.insecure_tls,
        exceptions=selectors.parse(kubelet.insecure_tls_nodes) if kubelet.insecure_tls_nodes else None,
    )
    rules = AddressRules(
        types=kubelet.preferred_address_types,
        port=kubelet.port,
        status_port=kubelet.use_node_status_port,
        annotation_path=kubelet.annotation_path,
        loopback=kubelet.allow_loopback,
        node_name=kubelet.tls_server_name == "node-name",
        forbidden=_api_server(cluster.host),
    )
    return KubeletClient(
        rules=rules,
        trust=KubeletTrust(files, clock),
        tokens=_tokens(kubelet, connections, client, clock),
        exchange=TlsExchange(rules, kept=kept),
        clock=clock,
        timeout=kubelet.request_timeout,
    )


def _tokens(kubelet: KubeletSettings, connections: Connections, client: KubeClient, clock: Clock) -> TokenSource:
    if not kubelet.token_account:
        return connections
    namespace, _, name = kubelet.token_account.partition("/")
    return AccountToken(client, namespace, name, clock)


def _api_server(url: str) -> frozenset[tuple[str, int]]:
    """Where the API server listens: a node that gives its address and port for its kubelet's is not asked there."""
    parts = urlsplit(url)
    return frozenset({(parts.hostname or "", parts.port or 443)})


def pace(kubelet: KubeletSettings, clock: Clock) -> Pace:
    """How often nodes are scraped, bounded by what this process uses."""
    limits = Limits(
        resolution=kubelet.resolution,
        hot_resolution=kubelet.hot_resolution,
        cpu_budget=kubelet.hot_cpu_budget,
        kubelet_budget=kubelet.hot_kubelet_budget,
    )
    return Pace(limits, clock, cpu_seconds)
