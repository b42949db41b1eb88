"""Connections to brokers that take no answer of any size, and say why they ended.

aiokafka would gather 2 GiB when four bytes promise them, so whoever answers at a broker's address, another protocol's
server too, could fill our memory; and it says "closed" and no more when a broker does not like our certificate.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from aiokafka import conn
from aiokafka.errors import KafkaConnectionError, KafkaError

MAX_BYTES = 16 << 20
"""Twice what a consumer of ours asks for at once; the metadata of 10,000 topics take 2 MB."""
ENDED = "the connection ended before it could be used"
GARBAGE = "the first answer is none of a Kafka broker"
SILENT = "no answer within"
TLS = "the answer is a TLS alert"
_ALERT = 0x1503  # how TLS frames one: type 21, version 3.x
_LENGTH = struct.Struct(">i")


class BoundedConnection(conn.AIOKafkaConnection):  # type: ignore[misc]  # aiokafka is untyped
    """As aiokafka's, but a frame that claims to be negative or larger than `MAX_BYTES` ends it, unread."""

    async def connect(self) -> Any:
        """Errors of the library, with what is behind them in their text."""
        try:
            return await super().connect()
        except KafkaConnectionError as exc:
            cause = exc.__cause__
            behind = ENDED if cause is None or isinstance(cause, EOFError | ConnectionError) else str(cause)
            raise KafkaConnectionError(f"{self.host}:{self.port}: {behind}") from exc
        except ConnectionError as exc:
            # of a name with several addresses, or of a handshake; the latter has no text
            raise KafkaConnectionError(f"{self.host}:{self.port}: {str(exc) or ENDED}") from exc
        except TimeoutError as exc:
            raise KafkaConnectionError(f"{self.host}:{self.port}: {SILENT} {self._request_timeout:g} s") from exc
        except (OSError, KafkaError):
            raise
        except Exception as exc:  # an answer that says nothing makes the library stumble, each time otherwise
            raise KafkaConnectionError(f"{self.host}:{self.port}: {GARBAGE} ({type(exc).__name__})") from exc

    @staticmethod
    async def _read(self_ref: Callable[[], Any]) -> None:
        connection = self_ref()
        if connection is None:
            return
        reader = connection._reader
        del connection  # held only while there is an answer for it, as the library does: unused ones can be collected
        while True:
            (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
            if size >> 16 == _ALERT:
                raise OSError(TLS)
            if not 0 <= size <= MAX_BYTES:
                raise OSError(f"it claims to answer with {size} bytes, at most {MAX_BYTES} are read")
            frame = await reader.readexactly(size)
            connection = self_ref()
            if connection is None:
                return
            connection._handle_frame(frame)
            del connection


def bound() -> None:
    """Have every connection that aiokafka makes from now on be such a one; there is no argument for it (0.14)."""
    conn.AIOKafkaConnection = BoundedConnection
