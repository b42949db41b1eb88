"""What of a group of errors, raised by parts that ran side by side, a person should read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import structlog

from autoscaler.errors import AutoscalerError, ConfigError

log = structlog.get_logger(__name__)

_E = TypeVar("_E", bound=BaseException)


def told(group: BaseExceptionGroup[BaseException]) -> AutoscalerError | None:
    """The error of ours that a person should read, a ConfigError before all others; what else failed is logged.

    None: none is ours, which is a fault of the program and wants its traceback.
    """
    ours, others = group.split(AutoscalerError)
    if ours is None:
        return None
    for other in _leaves(others) if others else ():
        log.error("Failed as well", err=repr(other))
    found = list(_leaves(ours))
    return next((each for each in found if isinstance(each, ConfigError)), found[0])


def _leaves(group: BaseExceptionGroup[_E]) -> Iterator[_E]:
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _leaves(each)
        else:
            yield each
