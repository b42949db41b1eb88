"""Metadata alone of what was asked for, when a client says so: `Accept: application/json;as=PartialObjectMetadata`.

Follows "Receiving resources as PartialObjectMetadata" of the API concepts; protobuf and Table are not spoken here, so a
client that would rather have those gets its next choice.
"""

from __future__ import annotations

from autoscaler.sim.store import Object

_OBJECT, _LIST = "PartialObjectMetadata", "PartialObjectMetadataList"
_TYPE = {"apiVersion": "meta.k8s.io/v1"}


def wants_metadata(accept: str) -> bool:
    """Whether the first choice that can be served is metadata alone."""
    for entry in accept.split(","):
        media_type, *parameters = (part.strip() for part in entry.split(";"))
        wanted = next((each.removeprefix("as=") for each in parameters if each.startswith("as=")), "")
        if media_type in ("application/json", "*/*") and wanted in ("", _OBJECT, _LIST):
            return bool(wanted)
    return False


def metadata_only(body: Object) -> Object:
    """An object or a list without spec and status; a Status as it is."""
    if body.get("kind") == "Status":
        return body
    if "items" not in body:
        return {"kind": _OBJECT, **_TYPE, "metadata": body["metadata"]}
    items = [metadata_only(item) for item in body["items"]]
    return {"kind": _LIST, **_TYPE, "metadata": body["metadata"], "items": items}


def metadata_event(event: Object) -> Object:
    """The same for what a watch tells."""
    return {**event, "object": metadata_only(event["object"])}
