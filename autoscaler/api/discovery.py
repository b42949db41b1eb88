"""What is served here, as clients ask for it: /apis, the group, its versions, and the aggregated document (v2).

The documents never change while the process runs, so each is made once. Golden: tests/api/golden.
"""

from __future__ import annotations

from collections.abc import Sequence

from autoscaler.api.call import VERSIONS
from autoscaler.api.fixed import fixed
from autoscaler.api.negotiate import AGGREGATED
from autoscaler.api.status import GROUP

VERBS = ("get", "list", "watch")

_RESOURCES = (("nodes", False, "NodeMetrics"), ("pods", True, "PodMetrics"))


class Discovery:
    """All documents; `port` goes into serverAddressByClientCIDRs, `versions` are in order of preference."""

    def __init__(self, port: int, versions: Sequence[str] = VERSIONS) -> None:
        self.groups = fixed(_group_list(port, versions))
        self.group = fixed({"kind": "APIGroup", "apiVersion": "v1"} | _group(versions))
        self.versions = {version: fixed(_resources(version)) for version in versions}
        self.aggregated = fixed(_aggregated(versions), AGGREGATED)


def _group(versions: Sequence[str]) -> dict[str, object]:
    named = [{"groupVersion": f"{GROUP}/{version}", "version": version} for version in versions]
    return {"name": GROUP, "versions": named, "preferredVersion": named[0]}


def _group_list(port: int, versions: Sequence[str]) -> dict[str, object]:
    address = [{"clientCIDR": "0.0.0.0/0", "serverAddress": f":{port}"}]
    return {"kind": "APIGroupList", "groups": [_group(versions) | {"serverAddressByClientCIDRs": address}]}


def _resources(version: str) -> dict[str, object]:
    resources = [
        {"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": VERBS}
        for name, namespaced, kind in _RESOURCES
    ]
    group_version = f"{GROUP}/{version}"
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}


def _aggregated(versions: Sequence[str]) -> dict[str, object]:
    resources = [
        {
            "resource": name,
            "responseKind": {"group": "", "version": "", "kind": kind},
            "scope": "Namespaced" if namespaced else "Cluster",
            "singularResource": "",
            "verbs": VERBS,
        }
        for name, namespaced, kind in _RESOURCES
    ]
    item = {
        "metadata": {"name": GROUP, "creationTimestamp": None},
        "versions": [{"version": version, "resources": resources, "freshness": "Current"} for version in versions],
    }
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": [item],
    }
