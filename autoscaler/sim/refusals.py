"""Answers of the API server that are not the object asked for: Status objects in Kubernetes' own wording.

The texts are those of k8s.io/apimachinery `pkg/api/errors` and k8s.io/apiserver, since people search for them.
"""

from __future__ import annotations

from typing import Any

from autoscaler.errors import AutoscalerError
from autoscaler.model.identity import ResourceAttributes
from autoscaler.sim.resources import Resource

MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


class RefusedError(AutoscalerError):
    """An HTTP answer >= 400; `retry_after` seconds becomes the header of that name."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: dict[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        """The Status object."""
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }
        return status | ({"details": self.details} if self.details else {})


def not_found(resource: Resource, name: str) -> RefusedError:
    """404: no such object."""
    return RefusedError(404, "NotFound", f'{resource.qualified} "{name}" not found', _details(resource, name))


def unknown_resource() -> RefusedError:
    """404: the group and version exist, the resource or subresource does not."""
    return RefusedError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(resource: Resource, name: str) -> RefusedError:
    """409 at creation."""
    return RefusedError(409, "AlreadyExists", f'{resource.qualified} "{name}" already exists', _details(resource, name))


def conflict(resource: Resource, name: str, why: str = MODIFIED) -> RefusedError:
    """409 at a write with a stale resourceVersion, or with a precondition that does not hold."""
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return RefusedError(409, "Conflict", message, _details(resource, name))


def invalid(resource: Resource, name: str, field: str, why: str) -> RefusedError:
    """422: one field is wrong; `why` follows upstream's `Invalid value: 3: must be ...`."""
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    message = f'{kind} "{name}" is invalid: {field}: {why}'
    causes = [{"reason": "FieldValueInvalid", "message": why, "field": field}]
    return RefusedError(422, "Invalid", message, {**_details(resource, name), "kind": resource.kind, "causes": causes})


def bad_request(why: str) -> RefusedError:
    """400."""
    return RefusedError(400, "BadRequest", why)


def method_not_allowed() -> RefusedError:
    """405."""
    return RefusedError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def unsupported_media_type(given: str, accepted: str) -> RefusedError:
    """415: a PATCH in a format that is not understood."""
    message = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
    return RefusedError(415, "UnsupportedMediaType", f"{message}; got {given!r}")


def unauthorized() -> RefusedError:
    """401; says nothing about why, as upstream."""
    return RefusedError(401, "Unauthorized", "Unauthorized")


def forbidden(user: str, resource: Resource, asked: ResourceAttributes) -> RefusedError:
    """403, with the attributes an RBAC rule would have to name."""
    plural = f"{resource.plural}/{asked.subresource}" if asked.subresource else resource.plural
    place = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    what = f'User "{user}" cannot {asked.verb} resource "{plural}" in API group "{resource.group}" {place}'
    quoted = f' "{asked.name}"' if asked.name else ""
    message = f"{resource.qualified}{quoted} is forbidden: {what}"
    return RefusedError(403, "Forbidden", message, _details(resource, asked.name))


def too_old(asked: int, oldest: int) -> RefusedError:
    """410 of a watch: what happened since `asked` is no longer known."""
    return RefusedError(410, "Expired", f"too old resource version: {asked} ({oldest})")


def continue_expired() -> RefusedError:
    """410 of a list: the rest of the snapshot that `continue` names is gone."""
    message = "The provided continue parameter is too old to display a consistent list result. You can start a new list"
    return RefusedError(410, "Expired", f"{message} without the continue parameter.")


def version_expired() -> RefusedError:
    """410 of a list at exactly one old version."""
    return RefusedError(410, "Expired", "The resourceVersion for the provided list is too old.")


def from_the_future(asked: int, current: int) -> RefusedError:
    """504: the caller has seen a version this server has not."""
    details = {"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]}
    message = f"Too large resource version: {asked}, current: {current}"
    return RefusedError(504, "Timeout", message, {**details, "retryAfterSeconds": 1}, retry_after=1)


def unavailable(code: int) -> RefusedError:
    """429 or a 5xx, as an overloaded or restarting server answers."""
    if code == 429:
        return RefusedError(429, "TooManyRequests", "Too many requests, please try again later.", {}, retry_after=1)
    return RefusedError(
        code, "ServiceUnavailable", "apiserver is shutting down", {"retryAfterSeconds": 1}, retry_after=1
    )


def _details(resource: Resource, name: str) -> dict[str, Any]:
    named = {"name": name, "kind": resource.plural} if name else {"kind": resource.plural}
    return named | ({"group": resource.group} if resource.group else {})
