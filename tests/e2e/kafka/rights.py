"""Users and rights of a running broker, by the requests that kafka-configs.sh and kafka-acls.sh would send."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

ITERATIONS = 4096
_SCRAM_SHA_512 = 2
_TOPIC, _LITERAL, _DENY, _ALLOW, _ALL, _DESCRIBE = 2, 3, 2, 3, 2, 8


class _ScramAnswer(Response):
    API_KEY = 51
    API_VERSION = 0
    FLEXIBLE_VERSION = True
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _ScramRequest_v0(RequestStruct):  # noqa: N801 - as aiokafka names its own
    API_KEY = 51
    API_VERSION = 0
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _ScramAnswer
    SCHEMA = Schema(
        ("deletions", CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields))),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _ScramRequest(Request[_ScramRequest_v0]):
    API_KEY = 51

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._password = password

    def build(self, request_struct_class: type[_ScramRequest_v0]) -> _ScramRequest_v0:
        salt = os.urandom(16)
        salted = hashlib.pbkdf2_hmac("sha512", self._password.encode(), salt, ITERATIONS)
        return request_struct_class([], [(self._user, _SCRAM_SHA_512, ITERATIONS, salt, salted, {})], {})


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def set_password(bootstrap: str, user: str, password: str) -> None:
    """From now on only with this password, by SCRAM-SHA-512."""
    async with _admin(bootstrap) as admin:
        answer = await admin._send_to_controller(_ScramRequest(user, password))
    [(_, code, message, _)] = answer.results
    assert code == 0, message


async def only_describe(bootstrap: str, user: str, topic: str) -> None:
    """`user` may describe `topic`; where there is one rule, what no rule allows is forbidden."""
    async with _admin(bootstrap) as admin:
        rule = (_TOPIC, topic, _LITERAL, f"User:{user}", "*", _DESCRIBE, _ALLOW)
        answer = await admin._send_to_controller(CreateAclsRequest(*rule))
    assert [code for code, *_ in answer.creation_responses] == [0]


async def deny(bootstrap: str, user: str, topic: str) -> None:
    """`user` may do nothing with `topic` any more."""
    async with _admin(bootstrap) as admin:
        rule = (_TOPIC, topic, _LITERAL, f"User:{user}", "*", _ALL, _DENY)
        answer = await admin._send_to_controller(CreateAclsRequest(*rule))
    assert [code for code, *_ in answer.creation_responses] == [0]


async def allow(bootstrap: str, user: str, topic: str) -> None:
    """What `deny` took away."""
    async with _admin(bootstrap) as admin:
        rule = (_TOPIC, topic, _LITERAL, f"User:{user}", "*", _ALL, _DENY)
        answer = await admin._send_to_controller(DeleteAclsRequest(*rule))
    assert [code for code, *_ in answer.filter_responses] == [0]
