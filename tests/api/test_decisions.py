from __future__ import annotations

from collections.abc import Sequence

import pytest

from autoscaler.api.answer import Answer
from autoscaler.api.call import parse_call
from autoscaler.api.decisions import CONTENT_TYPE, MOST, USUAL, DecisionPage, NoDecisions
from autoscaler.api.status import StatusError
from autoscaler.errors import AuditError
from autoscaler.model.identity import ResourceAttributes

WEB = "/apis/metrics.k8s.io/v1beta1/namespaces/shop/decisions/web"


class Kept:
    """Two records of shop/web."""

    def __init__(self) -> None:
        self.limits: list[int] = []

    def latest(self, namespace: str, name: str, limit: int) -> Sequence[bytes]:
        self.limits.append(limit)
        return (b'{"seq":1}', b'{"seq":2}') if (namespace, name) == ("shop", "web") else ()


async def answer(kept: Kept | NoDecisions, target: str = WEB, method: str = "GET") -> Answer:
    call = parse_call(method, target)
    assert isinstance(call.attributes, ResourceAttributes)
    return await DecisionPage(kept).answer(call, call.attributes)


async def test_the_records_are_lines() -> None:
    kept = Kept()
    found = await answer(kept)
    assert (found.body, found.content_type, kept.limits) == (b'{"seq":1}\n{"seq":2}\n', CONTENT_TYPE, [USUAL])


async def test_as_many_as_are_asked_for() -> None:
    kept = Kept()
    await answer(kept, f"{WEB}?limit={MOST}")
    assert kept.limits == [MOST]


@pytest.mark.parametrize("limit", ["0", "-1", str(MOST + 1), "5000000", "many", "\u0663".encode().decode("latin-1")])
async def test_a_limit_that_is_none_is_refused(limit: str) -> None:
    with pytest.raises(StatusError, match=f"between 1 and {MOST}") as caught:
        await answer(Kept(), f"{WEB}?limit={limit}" if limit.isascii() else f"{WEB}?limit=%D9%A3")
    assert caught.value.code == 400


async def test_a_replica_without_a_record_says_where_to_look() -> None:
    with pytest.raises(StatusError, match="no decision about shop/web is kept by this replica") as caught:
        await answer(NoDecisions())
    assert caught.value.code == 404


class Damaged(Kept):
    def latest(self, namespace: str, name: str, limit: int) -> Sequence[bytes]:
        raise AuditError("spool.db cannot be read: malformed")


async def test_a_record_that_cannot_be_read_is_no_fault_of_the_server() -> None:
    with pytest.raises(StatusError, match=r"cannot be read now: spool\.db cannot be read: malformed") as caught:
        await answer(Damaged())
    assert caught.value.code == 503


async def test_decisions_are_read_and_nothing_else() -> None:
    with pytest.raises(StatusError) as caught:
        await answer(Kept(), method="DELETE")
    assert caught.value.code == 405
