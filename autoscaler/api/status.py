"""Everything that is not 2xx is a Kubernetes Status object; its words are upstream's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autoscaler.api import document
from autoscaler.errors import AutoscalerError
from autoscaler.model.absence import Absence
from autoscaler.model.identity import Attributes, Identity, PathAttributes, ResourceAttributes

GROUP = "metrics.k8s.io"
RETRY_SECONDS = 1
MAX_CAUSES = 10

_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class StatusError(AutoscalerError):
    """Ends a request with a Status; `details` None leaves the field out, {} writes it empty, as upstream does.

    `close` ends the connection too. `label` is the reason counted in `autoscaler_api_denied_total`, "" = not counted.
    `continue_token` goes into the metadata: a list can go on with it.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Mapping[str, object] | None = None,
        *,
        retry_after: int | None = None,
        close: bool = False,
        label: str = "",
        continue_token: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.retry_after = retry_after
        self.close = close
        self.label = label
        self.continue_token = continue_token

    def body(self) -> bytes:
        """The Status object, compact."""
        status: dict[str, object] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": self.continue_token} if self.continue_token else {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if self.details is not None:
            status["details"] = self.details
        return document.compact(status | {"code": self.code})


def bad_request(message: str, *, close: bool = False) -> StatusError:
    """400."""
    return StatusError(400, "BadRequest", message, close=close)


def unauthorized() -> StatusError:
    """401; why is for the log only."""
    return StatusError(401, "Unauthorized", "Unauthorized", label="authentication")


def forbidden(identity: Identity, attributes: Attributes, why: str) -> StatusError:
    """403 in the words of `responsewriters.Forbidden`, which name what an RBAC rule would have to allow."""
    message = _denied(identity, attributes).translate(_HTML) + (f": {why}" if why else "")
    if isinstance(attributes, PathAttributes):
        return StatusError(403, "Forbidden", f"forbidden: {message}", {}, label="authorization")
    named = f" {_quoted(attributes.name)}" if attributes.name else ""
    message = f"{attributes.resource}.{attributes.group}{named} is forbidden: {message}"
    return StatusError(403, "Forbidden", message, _details(attributes, attributes.name), label="authorization")


def object_not_found(kind: str, name: str) -> StatusError:
    """404: the pod (`pods`) or node (`node`, singular as upstream) itself is unknown."""
    return StatusError(404, "NotFound", f"{kind} {_quoted(name)} not found", {"name": name, "kind": kind})


def metrics_not_found(kind: str, name: str, causes: Sequence[Absence]) -> StatusError:
    """404: the object is known but has no usable numbers; the first cause stands in the message, all in the details."""
    message = f"{kind}.{GROUP} {_quoted(name)} not found"
    details: dict[str, object] = {"name": name, "group": GROUP, "kind": kind}
    if not causes:
        return StatusError(404, "NotFound", message, details)
    details["causes"] = [_cause(cause) for cause in causes[:MAX_CAUSES]]
    return StatusError(404, "NotFound", f"{message}: {causes[0]}", details)


def _cause(cause: Absence) -> dict[str, str]:
    """StatusCause of meta/v1; the field is the container's."""
    told = {"reason": str(cause.lack), "message": str(cause)}
    return told | {"field": f"containers[{cause.container}]"} if cause.container else told


def unknown_path() -> StatusError:
    """404: nothing is served there."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", {})


def not_supported(attributes: ResourceAttributes) -> StatusError:
    """405: the resource is there, the verb is not."""
    kind = f"{attributes.resource}.{attributes.group}"
    message = f"{attributes.verb} is not supported on resources of kind {_quoted(kind)}"
    return StatusError(405, "MethodNotAllowed", message, _details(attributes, ""))


def method_not_allowed() -> StatusError:
    """405 on a path that is no resource."""
    return StatusError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def not_acceptable(offered: Sequence[str]) -> StatusError:
    """406; lists what would be accepted."""
    return StatusError(406, "NotAcceptable", f"only the following media types are accepted: {', '.join(offered)}")


def too_large(code: int, what: str) -> StatusError:
    """413, 414 or 431: the body, the URL or the headers."""
    reasons = {413: "RequestEntityTooLarge", 414: "RequestURITooLong", 431: "RequestHeaderFieldsTooLarge"}
    return StatusError(code, reasons[code], what, close=True)


def expired(message: str, continue_token: str = "") -> StatusError:
    """410: what is asked for is not remembered any more."""
    return StatusError(410, "Expired", message, continue_token=continue_token)


def version_too_large(asked: int, current: int) -> StatusError:
    """504 in the words of `storage.NewTooLargeResourceVersionError`, by which clients know to ask without a version."""
    details = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": RETRY_SECONDS,
    }
    message = f"Timeout: Too large resource version: {asked}, current: {current}"
    return StatusError(504, "Timeout", message, details, retry_after=RETRY_SECONDS)


def invalid_options(faults: Sequence[tuple[str, str, str]]) -> StatusError:
    """422 as `NewInvalid` words it for ListOptions; of each fault the reason, the field and the message."""
    found = [f"{field}: {message}" for _, field, message in faults]
    causes = [{"reason": reason, "message": message, "field": field} for reason, field, message in faults]
    message = f'ListOptions.meta.k8s.io "" is invalid: {found[0] if len(found) == 1 else "[" + ", ".join(found) + "]"}'
    details = {"group": "meta.k8s.io", "kind": "ListOptions", "causes": causes}
    return StatusError(422, "Invalid", message, details)


def too_many_requests() -> StatusError:
    """429."""
    details = {"retryAfterSeconds": RETRY_SECONDS}
    message = "Too many requests, please try again later."
    return StatusError(429, "TooManyRequests", message, details, retry_after=RETRY_SECONDS)


def internal_error() -> StatusError:
    """500; the cause is in our log."""
    return StatusError(500, "InternalError", "Internal error occurred: see the server's log", {})


def review_unavailable() -> StatusError:
    """503: the API server could not be asked who this is or whether they may."""
    message = "the API server did not answer an authentication or authorization review"
    details = {"retryAfterSeconds": RETRY_SECONDS}
    return StatusError(
        503, "ServiceUnavailable", message, details, retry_after=RETRY_SECONDS, label="review_unavailable"
    )  # fmt: skip


def timed_out() -> StatusError:
    """504: longer than the request deadline."""
    return StatusError(504, "Timeout", "Timeout: request did not complete within the allotted timeout", {}, close=True)


def _denied(identity: Identity, attributes: Attributes) -> str:
    user = f"User {_quoted(identity.user)} cannot {attributes.verb}"
    if isinstance(attributes, PathAttributes):
        return f"{user} path {_quoted(attributes.path)}"
    place = f"in the namespace {_quoted(attributes.namespace)}" if attributes.namespace else "at the cluster scope"
    return f"{user} resource {_quoted(attributes.resource)} in API group {_quoted(attributes.group)} {place}"


def _details(attributes: ResourceAttributes, name: str) -> dict[str, object]:
    named: dict[str, object] = {"name": name} if name else {}
    return named | {"group": attributes.group, "kind": attributes.resource}


def _quoted(text: str) -> str:
    """Go's %q for the texts that occur here."""
    escaped = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text.replace("\\", "\\\\"))
    return '"' + escaped.replace('"', '\\"') + '"'
