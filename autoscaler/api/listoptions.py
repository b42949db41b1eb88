"""metav1.ListOptions of a request, read and checked as an API server does (`ValidateListOptions`)."""

from __future__ import annotations

from msgspec import Struct

from autoscaler.api.call import Call
from autoscaler.api.continuation import Continuation, continuation
from autoscaler.api.status import bad_request, invalid_options

EXACT = "Exact"
NOT_OLDER = "NotOlderThan"

_MATCH = "resourceVersionMatch"
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_LARGEST = 2**63 - 1

Fault = tuple[str, str, str]
"""Reason, field and message."""


class ListOptions(Struct, frozen=True, kw_only=True):
    """How much of a list, and as of when. `limit` 0: all of it.

    `exact` is the revision it must be as of, `not_older` the one it must have reached (0: any will do).
    """

    limit: int = 0
    go_on: Continuation | None = None
    exact: int | None = None
    not_older: int = 0


class WatchOptions(Struct, frozen=True, kw_only=True):
    """From where to watch: `after` that revision, or with `initial` from the state of now, told as ADDED.

    Neither: from now on. `bookmarks`: tell the revision now and then, and (`marked`) once the initial state is told.
    `seconds` is when the client wants it to end, None: it does not mind.
    """

    after: int | None = None
    initial: bool = False
    marked: bool = False
    bookmarks: bool = False
    seconds: int | None = None


def list_options(call: Call) -> ListOptions:
    """Raises StatusError: 400 names the parameter, 422 says what does not go together."""
    version, match, text = (call.parameter(name) for name in ("resourceVersion", _MATCH, "continue"))
    limit = _number(call, "limit") or 0
    faults: list[Fault] = []
    if match and not version:
        faults.append(_forbidden(_MATCH, "resourceVersionMatch is forbidden unless resourceVersion is provided"))
    if match and text:
        faults.append(_forbidden(_MATCH, "resourceVersionMatch is forbidden when continue is provided"))
    if match not in ("", EXACT, NOT_OLDER):
        faults.append(_unsupported(match, f'"{EXACT}", "{NOT_OLDER}", ""'))
    if match == EXACT and version == "0":
        faults.append(_forbidden(_MATCH, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
    if call.parameter("sendInitialEvents"):
        faults.append(_forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    if faults:
        raise invalid_options(faults)
    revision = _number(call, "resourceVersion") or 0
    if text:
        if revision:
            raise bad_request("specifying resource version is not allowed when using continue")
        return ListOptions(limit=limit, go_on=continuation(text))
    if revision and (match == EXACT or (limit and not match)):  # with a limit, as it was before there was a match
        return ListOptions(limit=limit, exact=revision)
    return ListOptions(limit=limit, not_older=revision)


def watch_options(call: Call) -> WatchOptions:
    """Raises StatusError as `list_options`."""
    match, initial = call.parameter(_MATCH), _boolean(call, "sendInitialEvents")
    faults: list[Fault] = []
    if initial is not None and match != NOT_OLDER:
        faults.append(_forbidden(_MATCH, f"sendInitialEvents requires setting resourceVersionMatch to {NOT_OLDER}"))
    if match and initial is None:
        faults.append(
            _forbidden(_MATCH, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
        )
    if match not in ("", NOT_OLDER):
        faults.append(_unsupported(match, f'"{NOT_OLDER}"'))
    if match and call.parameter("continue"):
        faults.append(_forbidden(_MATCH, "resourceVersionMatch is forbidden when continue is provided"))
    if faults:
        raise invalid_options(faults)
    revision, bookmarks = _number(call, "resourceVersion") or 0, bool(_boolean(call, "allowWatchBookmarks"))
    whole = initial if initial is not None else not revision
    return WatchOptions(
        after=revision if revision and not whole else None,
        initial=whole,
        marked=bool(initial) and bookmarks,
        bookmarks=bookmarks,
        seconds=_number(call, "timeoutSeconds") or None,  # 0 is as if it was not given, as upstream
    )


def _number(call: Call, name: str) -> int | None:
    """A number of 0 or more that fits an int64, None when it is not given."""
    text = call.parameter(name)
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= _LARGEST):
        raise bad_request(f'{name}: "{text[:32]}" is not a number of 0 or more')
    return int(text)


def _boolean(call: Call, name: str) -> bool | None:
    """None when it is not given; written alone it is true, as apimachinery reads it."""
    if name not in call.query:
        return None
    text = call.parameter(name)
    if text not in _TRUE | _FALSE | {""}:
        raise bad_request(f'{name}: "{text[:32]}" is neither true nor false')
    return text not in _FALSE


def _forbidden(field: str, why: str) -> Fault:
    return "FieldValueForbidden", field, f"Forbidden: {why}"


def _unsupported(value: str, supported: str) -> Fault:
    return "FieldValueNotSupported", _MATCH, f'Unsupported value: "{value[:32]}": supported values: {supported}'
