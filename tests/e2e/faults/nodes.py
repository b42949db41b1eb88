"""Nodes whose kubelets a test plays itself."""

from __future__ import annotations

import ssl
from pathlib import Path

from tests.certificates import Issued
from tests.e2e.kubeapi import Object


def serving_context(issued: Issued, folder: Path) -> ssl.SSLContext:
    """What such a kubelet shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*issued.write(folder))
    return context


def ready_node(name: str, address: str) -> Object:
    """A Ready node that takes no pods: not one of kwok's, and without a port no real kubelet starts for it."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {"taints": [{"key": "rogue", "effect": "NoSchedule"}]},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}],
            "capacity": {"cpu": "8", "memory": "32Gi"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        },
    }
