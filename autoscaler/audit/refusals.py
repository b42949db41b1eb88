"""What Kafka refuses for good: a record as it is, whoever sends it and however often.

Anything else ends when a person mends it (there is no topic, no right to write it) or by itself: it is tried for ever.
"""

from __future__ import annotations

from aiokafka import errors
from aiokafka.errors import (
    BrokerResponseError,
    InvalidTimestampError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)


class InvalidRecordError(BrokerResponseError):  # type: ignore[misc]  # aiokafka is untyped
    """The broker's own validation failed, as of a plug-in or of a compacted topic (KIP-467)."""

    errno = 87
    message = "INVALID_RECORD"
    description = "The broker's validation refuses the record."


OF_A_RECORD = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidTimestampError, InvalidRecordError)


def known() -> None:
    """Have aiokafka raise those it has no class for (0.14), instead of an UnknownError like many others."""
    errors.kafka_errors[InvalidRecordError.errno] = InvalidRecordError
