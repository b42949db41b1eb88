"""From a path to what is asked, and from what is asked to the store's answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autoscaler.model.identity import ResourceAttributes
from autoscaler.sim import lists, refusals
from autoscaler.sim.lists import Query
from autoscaler.sim.resources import DEPLOYMENTS, Resource, Surface
from autoscaler.sim.store import Object, Preconditions, Store, merged

_MERGE_PATCH = "application/merge-patch+json"
_COLLECTION_VERBS = {"GET": "list", "POST": "create"}
_OBJECT_VERBS = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_LABELS_WITHOUT_VALUE = "<none>"


@dataclass(frozen=True, slots=True)
class Asked:
    """One API request; `name` is empty for a collection."""

    verb: str
    resource: Resource
    namespace: str
    name: str
    subresource: str

    @property
    def title(self) -> str:
        """`update deployments/scale`."""
        subresource = f"/{self.subresource}" if self.subresource else ""
        return f"{self.verb} {self.resource.plural}{subresource}"

    @property
    def attributes(self) -> ResourceAttributes:
        """What authorization is asked about."""
        return ResourceAttributes(
            verb=self.verb,
            group=self.resource.group,
            version=self.resource.version,
            resource=self.resource.plural,
            namespace=self.namespace,
            name=self.name,
            subresource=self.subresource,
        )


def asked(surface: Surface, method: str, path: str, query: Query) -> Asked | None:
    """What a request is about; None when its path is none of a resource. RefusedError 405."""
    parts = path.strip("/").split("/")
    match parts:
        case ["api", version, *rest]:
            group = ""
        case ["apis", group, version, *rest]:
            pass
        case _:
            return None
    namespace = ""
    if len(rest) >= 3 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    if not 1 <= len(rest) <= 3:
        return None
    plural, name, subresource = [*rest, "", ""][:3]
    resource = surface.find(group, version, plural)
    if resource is None or (subresource and subresource not in resource.subresources):
        return None
    if namespace and not resource.namespaced:
        return None
    verb = _verb(resource, method, query, named=bool(name))
    return Asked(verb, resource, namespace, name, subresource)


def _verb(resource: Resource, method: str, query: Query, *, named: bool) -> str:
    verb = (_OBJECT_VERBS if named else _COLLECTION_VERBS).get(method)
    if verb is None or (resource.create_only and verb != "create"):
        raise refusals.method_not_allowed()
    if verb in ("get", "list") and query.get("watch") in ("true", "1"):
        return "watch"
    return verb


def handled(store: Store, what: Asked, query: Query, content_type: str, body: Object) -> Object:
    """The answer to anything but a watch or a review; Refusals as the store and the lists have them."""
    match what.verb:
        case "list":
            return lists.listing(store, what.resource, what.namespace, query)
        case "create":
            return store.create(what.resource, what.namespace, _defaulted(what.resource, body))
        case "delete":
            return _deleted(store, what, body)
    return (_scale if what.subresource == "scale" else _object)(store, what, content_type, body)


def _object(store: Store, what: Asked, content_type: str, body: Object) -> Object:
    """GET, PUT and PATCH of an object or of its status."""
    place = (what.resource, what.namespace, what.name)
    match what.verb:
        case "get":
            return store.get(*place)
        case "update":
            return store.replace(*place, body, what.subresource)
    _check_patch(content_type)
    return store.merge(*place, body, what.subresource)


def _check_patch(content_type: str) -> None:
    if content_type != _MERGE_PATCH:
        raise refusals.unsupported_media_type(content_type, _MERGE_PATCH)


def _defaulted(resource: Resource, body: Object) -> Object:
    """A Deployment without `spec.replicas` has one."""
    if resource is not DEPLOYMENTS or "replicas" in body.get("spec", {}):
        return body
    return {**body, "spec": {**body.get("spec", {}), "replicas": 1}}


def _deleted(store: Store, what: Asked, body: Object) -> Object:
    conditions = body.get("preconditions") or {}
    asked_for = Preconditions(conditions.get("uid", ""), conditions.get("resourceVersion", ""))
    gone = store.delete(what.resource, what.namespace, what.name, asked_for)
    details = {"name": what.name, "kind": what.resource.plural, "uid": gone["metadata"]["uid"]}
    if what.resource.group:
        details["group"] = what.resource.group
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _scale(store: Store, what: Asked, content_type: str, body: Object) -> Object:
    """GET, PUT and PATCH of autoscaling/v1 Scale; the resourceVersion in it is that of the scaled object."""
    scaled = store.get(what.resource, what.namespace, what.name)
    if what.verb == "get":
        return scale_of(scaled)
    if what.verb == "patch":
        _check_patch(content_type)
        body = merged(scale_of(scaled), body)
    replicas = body.get("spec", {}).get("replicas", 0)
    if not isinstance(replicas, int) or replicas < 0:
        why = f"Invalid value: {replicas}: must be greater than or equal to 0"
        raise refusals.invalid(SCALE, what.name, "spec.replicas", why)
    metadata = body.get("metadata", {})
    wanted = Preconditions(metadata.get("uid", ""), metadata.get("resourceVersion", ""))
    return scale_of(store.scale(what.resource, what.namespace, what.name, replicas, wanted))


SCALE = Resource(group="autoscaling", version="v1", plural="scales", kind="Scale")
"""Only its name is needed, for refusals: a Scale lives below other resources."""


def scale_of(scaled: Object) -> Object:
    """The Scale of an object with `spec.replicas`, `status.replicas` and a label selector."""
    metadata, spec = scaled["metadata"], scaled.get("spec", {})
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: metadata[key] for key in kept},
        "spec": {"replicas": spec.get("replicas", 0)},
        "status": {
            "replicas": scaled.get("status", {}).get("replicas", 0),
            "selector": _selector_text(spec.get("selector", {})),
        },
    }


def _selector_text(selector: dict[str, Any]) -> str:
    """metav1.FormatLabelSelector of a selector with `matchLabels` alone."""
    labels = selector.get("matchLabels", {})
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels)) or _LABELS_WITHOUT_VALUE
