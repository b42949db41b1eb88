"""Which rendering answers a request, or refuses it, and which there are."""

from __future__ import annotations

from autoscaler.api import protobuf
from autoscaler.api.binary import Binary, ObjectMessage, PartialMessage
from autoscaler.api.call import Call
from autoscaler.api.forms import PARTIAL, Form, Objects, Partial
from autoscaler.api.negotiate import JSON, PROTOBUF, YAML, negotiated
from autoscaler.api.notation import Compact, Indented, Yaml
from autoscaler.api.status import StatusError, bad_request
from autoscaler.api.table import Table
from autoscaler.api.textual import Textual
from autoscaler.model.identity import ResourceAttributes

_KINDS = {"nodes": "NodeMetrics", "pods": "PodMetrics"}
_TABLE = ";as=Table;v=v1;g=meta.k8s.io"
_ONE = f";as={PARTIAL};v=v1;g=meta.k8s.io"
_MANY = f";as={PARTIAL}List;v=v1;g=meta.k8s.io"


def _offers(partial: str) -> tuple[str, ...]:
    """Tables are not for programs: like upstream's they have no protobuf."""
    return (JSON, YAML, PROTOBUF, JSON + _TABLE, YAML + _TABLE, JSON + partial, YAML + partial, PROTOBUF + partial)


_OFFERS = {
    "get": _offers(_ONE),
    "list": _offers(_MANY),
    "watch": tuple(offer for offer in _offers(_ONE) if not offer.startswith(YAML)),
}
"""By verb, the default first. YAML has no frames a watch could be sent in."""


def chosen(call: Call, asked: ResourceAttributes) -> Textual | Binary:
    """What the client likes best of what there is. Raises StatusError (406; 400 for a bad `includeObject`)."""
    media, _, transform = negotiated(call.accept, _OFFERS[asked.verb]).partition(";")
    objects = Objects(_KINDS[asked.resource], asked.version)
    if media == PROTOBUF:
        return Binary(PartialMessage() if transform else ObjectMessage(objects.kind, asked.version))
    form: Form = objects
    if transform:
        table = transform == _TABLE[1:]
        form = Table(asked.resource == "pods", _beside(call, objects)) if table else Partial()
    if media == YAML:
        return Textual(form, Yaml())
    return Textual(form, Indented() if call.pretty else Compact())


def refusal(call: Call | None, failure: StatusError) -> tuple[bytes, str]:
    """The Status that ends a call, and its type: what the client takes, JSON when that is none of ours."""
    body = failure.body()
    try:
        media = negotiated(call.accept, (JSON, YAML, PROTOBUF)) if call else JSON
    except StatusError:
        media = JSON
    if media == PROTOBUF:
        return protobuf.status(failure), media
    notation = Yaml() if media == YAML else Indented() if call and call.pretty else Compact()
    return notation.whole(body.rstrip(b"\n")), media


def _beside(call: Call, objects: Objects) -> Form | None:
    """The object beside each row, as metav1.TableOptions says."""
    match call.parameter("includeObject"):
        case "" | "Metadata":
            return Partial()
        case "Object":
            return objects
        case "None":
            return None
        case other:
            raise bad_request(f'includeObject: "{other[:32]}" is none of None, Metadata, Object')
