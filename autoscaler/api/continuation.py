"""The token that continues a list, as k8s.io/apiserver `storage.EncodeContinue` makes it: base64 of version, revision
and where to go on. The revision -1 continues with what is there now, after the snapshot is gone.
"""

from __future__ import annotations

import base64
import binascii

import msgspec
from msgspec import Struct

from autoscaler.api.status import StatusError, bad_request, expired

INCONSISTENT = -1

_VERSION = "meta.k8s.io/v1"


class Continuation(Struct, frozen=True):
    """Go on behind the object `start` (its key) of the list as of revision `rv`."""

    v: str
    rv: int
    start: str


_DECODER = msgspec.json.Decoder(Continuation)


def token(revision: int, start: str) -> str:
    """The text of it."""
    text = msgspec.json.encode(Continuation(_VERSION, revision, start))
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def continuation(text: str) -> Continuation:
    """What a token says. Raises StatusError (400)."""
    try:
        found = _DECODER.decode(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (msgspec.MsgspecError, binascii.Error, ValueError) as exc:
        raise bad_request("continue: not a token of this server") from exc
    if found.v != _VERSION or found.rv < INCONSISTENT or not found.start:
        raise bad_request("continue: not a token of this server")
    return found


def lost(start: str) -> StatusError:
    """410: the snapshot is gone; it brings a token that continues with what is there now."""
    return expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
        "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
        "modified, or deleted between the time the first chunk was returned and now may show up in the list.",
        token(INCONSISTENT, start),
    )
