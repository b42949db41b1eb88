"""Which objects a list or watch is about."""

from __future__ import annotations

from msgspec import Struct

from autoscaler.api.call import Call
from autoscaler.api.items import SLICE
from autoscaler.api.status import bad_request
from autoscaler.core import selectors
from autoscaler.errors import MalformedError
from autoscaler.model.identity import ResourceAttributes
from autoscaler.model.objects import Node, Pod

FIELDS = ("metadata.name", "metadata.namespace")
_MAX_SELECTOR = 4096
_MAX_TERMS = 1000
_MAX_MESSAGE = 512
_FEW_TERMS = 32
"""About 4 us an object; a thousand terms take 300."""


class Selection(Struct, frozen=True):
    """`resource` is pods or nodes, `namespace` "" for all; equal selections select the same."""

    resource: str
    namespace: str
    labels: selectors.Selector
    fields: selectors.FieldSelector

    @property
    def everything(self) -> bool:
        """Whether nothing in the namespace is left out."""
        return not self.labels.requirements and not self.fields.terms

    @property
    def terms(self) -> int:
        """How much there is to compare, and to keep: about 100 bytes each."""
        return sum(1 + len(each.values) for each in self.labels.requirements) + len(self.fields.terms)

    @property
    def slice(self) -> int:
        """How many objects to look at without giving way to other tasks: fewer the more terms there are."""
        return max(1, SLICE // (1 + self.terms // _FEW_TERMS))

    def takes(self, item: Pod | Node) -> bool:
        """Whether an object of the namespace is meant."""
        if self.fields.terms:
            namespace = item.namespace if isinstance(item, Pod) else ""
            if not self.fields.matches({"metadata.name": item.name, "metadata.namespace": namespace}):
                return False
        return self.labels.matches(item.labels)


def selection_of(call: Call, asked: ResourceAttributes) -> Selection:
    """What the request selects. Raises StatusError (400) that names the parameter."""
    texts = {name: call.parameter(name) for name in ("labelSelector", "fieldSelector")}
    for name, text in texts.items():
        if len(text) > _MAX_SELECTOR or text.count(",") >= _MAX_TERMS:
            raise bad_request(f"{name}: longer than {_MAX_SELECTOR} bytes or {_MAX_TERMS} terms")
    try:
        labels = selectors.parse(texts["labelSelector"])
    except MalformedError as exc:
        raise bad_request(_short(f"labelSelector: {exc}")) from exc
    try:
        fields = selectors.parse_fields(texts["fieldSelector"], FIELDS)
    except MalformedError as exc:
        raise bad_request(_short(str(exc))) from exc  # upstream's own words, which name the field
    return Selection(asked.resource, asked.namespace, labels, fields)


def _short(text: str) -> str:
    """Both ends of a message that quotes what was asked: what it is about, and what is wrong with it."""
    half = _MAX_MESSAGE // 2
    return text if len(text) <= _MAX_MESSAGE else f"{text[:half]} … {text[-half:]}"
