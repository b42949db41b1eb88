"""The API surface: which resources there are, and the discovery documents that say so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource. `generated` objects count changes of their spec in `metadata.generation`.

    Without the `status` subresource, or where creation `keeps_status`, POST stores `.status` as sent. `strict` ones
    (custom resources) refuse a PUT without resourceVersion. `fields` are those a field selector may name beside
    `metadata.name` and `metadata.namespace`, as paths.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    generated: bool = False
    keeps_status: bool = False
    strict: bool = False
    fields: tuple[str, ...] = ()
    create_only: bool = False

    @property
    def api_version(self) -> str:
        """`apps/v1`; `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """`deployments.apps`; `pods` for the core group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


NAMESPACES = Resource(
    group="", version="v1", plural="namespaces", kind="Namespace", namespaced=False, short=("ns",), keeps_status=True
)
NODES = Resource(
    group="", version="v1", plural="nodes", kind="Node", namespaced=False, short=("no",),
    subresources=("status",), keeps_status=True, fields=("spec.unschedulable",),
)  # fmt: skip
PODS = Resource(
    group="", version="v1", plural="pods", kind="Pod", short=("po",), subresources=("status",), generated=True,
    fields=("spec.nodeName", "status.phase"),
)  # fmt: skip
CONFIG_MAPS = Resource(group="", version="v1", plural="configmaps", kind="ConfigMap", short=("cm",))
EVENTS = Resource(
    group="events.k8s.io", version="v1", plural="events", kind="Event", short=("ev",),
    fields=("regarding.name", "reason"),
)  # fmt: skip
DEPLOYMENTS = Resource(
    group="apps", version="v1", plural="deployments", kind="Deployment", short=("deploy",),
    subresources=("scale", "status"), generated=True,
)  # fmt: skip
POD_SCALERS = Resource(
    group="hpa-companion.dev", version="v1alpha1", plural="horizontalpodscalers", kind="HorizontalPodScaler",
    short=("hps",), subresources=("status",), generated=True, strict=True,
)  # fmt: skip
POD_AUTOSCALERS = Resource(
    group="autoscaling", version="v2", plural="horizontalpodautoscalers", kind="HorizontalPodAutoscaler",
    short=("hpa",), subresources=("status",), generated=True,
)  # fmt: skip
LEASES = Resource(group="coordination.k8s.io", version="v1", plural="leases", kind="Lease", strict=True)
TOKEN_REVIEWS = Resource(
    group="authentication.k8s.io", version="v1", plural="tokenreviews", kind="TokenReview",
    namespaced=False, create_only=True,
)  # fmt: skip
ACCESS_REVIEWS = Resource(
    group="authorization.k8s.io", version="v1", plural="subjectaccessreviews", kind="SubjectAccessReview",
    namespaced=False, create_only=True,
)  # fmt: skip

RESOURCES = (
    NAMESPACES, NODES, PODS, CONFIG_MAPS, EVENTS, DEPLOYMENTS, POD_SCALERS, POD_AUTOSCALERS, LEASES, TOKEN_REVIEWS,
    ACCESS_REVIEWS,
)  # fmt: skip


class Surface:
    """Finds resources by path and writes discovery (/api, /apis and below); `remove` takes a CRD away."""

    def __init__(self, resources: Iterable[Resource] = RESOURCES) -> None:
        self._by_path = {(each.group, each.version, each.plural): each for each in resources}

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """The resource of that name, or None."""
        return self._by_path.get((group, version, plural))

    def remove(self, resource: Resource) -> None:
        """Forget it: its group disappears with its last resource."""
        del self._by_path[(resource.group, resource.version, resource.plural)]

    def document(self, parts: tuple[str, ...]) -> dict[str, Any] | None:
        """The discovery document at a path such as ("apis", "apps", "v1"); None when nothing is there."""
        match parts:
            case ("api",):
                addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:443"}]
                return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}
            case ("api", "v1"):
                return self._resource_list("", "v1")
            case ("apis",):
                groups = [self._group(group) for group in self._groups()]
                return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
            case ("apis", group) if group in self._groups():
                return {"kind": "APIGroup", "apiVersion": "v1", **self._group(group)}
            case ("apis", group, version) if group:
                return self._resource_list(group, version)
        return None

    def _groups(self) -> list[str]:
        return sorted({group for group, _, _ in self._by_path if group})

    def _group(self, name: str) -> dict[str, Any]:
        versions = sorted({version for group, version, _ in self._by_path if group == name})
        entries = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
        return {"name": name, "versions": entries, "preferredVersion": entries[0]}

    def _resource_list(self, group: str, version: str) -> dict[str, Any] | None:
        found = [each for each in self._by_path.values() if (each.group, each.version) == (group, version)]
        if not found:
            return None
        entries = [entry for each in found for entry in _entries(each)]
        group_version = f"{group}/{version}" if group else version
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": entries}


def _entries(resource: Resource) -> list[dict[str, Any]]:
    """`resources[]` of an APIResourceList: the resource, then its subresources."""
    common = {"singularName": "", "namespaced": resource.namespaced, "kind": resource.kind}
    own = {
        "name": resource.plural,
        **common,
        "singularName": resource.kind.lower(),
        "verbs": ["create"] if resource.create_only else _VERBS,
        **({"shortNames": list(resource.short)} if resource.short else {}),
    }
    found = [own]
    for subresource in resource.subresources:
        entry = {"name": f"{resource.plural}/{subresource}", **common, "verbs": ["get", "patch", "update"]}
        if subresource == "scale":
            entry |= {"group": "autoscaling", "version": "v1", "kind": "Scale"}
        found.append(entry)
    return found
