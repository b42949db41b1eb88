import pytest

from autoscaler.errors import ConflictError, MalformedError
from autoscaler.kube.lease import LeaseClient, lease
from autoscaler.model.lease import Claim, Lease
from tests.kube.apiserver import ok, refusal, serving

LEASES = "/apis/coordination.k8s.io/v1/namespaces/ours/leases"
PATH = f"{LEASES}/who"
CLAIM = Claim(holder="a_1", duration=15, transitions=3, acquired="2026-01-01T00:00:00.000000Z", renewed="later")
SPEC = {
    "holderIdentity": "a_1",
    "leaseDurationSeconds": 15,
    "leaseTransitions": 3,
    "acquireTime": "2026-01-01T00:00:00.000000Z",
    "renewTime": "later",
}
METADATA = {"name": "who", "namespace": "ours", "uid": "u", "resourceVersion": "7"}
DOCUMENT = {"metadata": {**METADATA, "labels": {"a": "b"}, "annotations": {"c": "d"}}, "spec": SPEC}
READ = Lease(claim=CLAIM, uid="u", resource_version="7", labels={"a": "b"}, annotations={"c": "d"})


async def test_a_lease_is_read_and_one_that_is_not_there_is_none() -> None:
    async with serving() as (server, client):
        leases = LeaseClient(client, "ours", "who")
        server.on(PATH, refusal(404, "not found"), ok(DOCUMENT))
        assert [await leases.read(), await leases.read()] == [None, READ]


async def test_a_write_goes_over_what_was_read_and_keeps_what_is_not_ours() -> None:
    async with serving() as (server, client):
        server.on(PATH, ok(DOCUMENT), method="PUT")
        assert await LeaseClient(client, "ours", "who").write(READ, CLAIM) == READ
        [asked] = server.asked
        assert asked.document == {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", **DOCUMENT}


async def test_where_none_was_one_is_made() -> None:
    async with serving() as (server, client):
        server.on(LEASES, ok(DOCUMENT, 201), method="POST")
        await LeaseClient(client, "ours", "who").write(None, CLAIM)
        assert server.asked[0].document["metadata"] == {"name": "who", "namespace": "ours"}


async def test_somebody_who_was_faster_is_a_conflict() -> None:
    async with serving() as (server, client):
        server.on(PATH, refusal(409, "modified"), method="PUT")
        with pytest.raises(ConflictError):
            await LeaseClient(client, "ours", "who").write(READ, CLAIM)


@pytest.mark.parametrize(
    "spec", [b"", b',"spec":null', b',"spec":{}', b',"spec":{"holderIdentity":null,"strategy":"x"}']
)
def test_l03_an_emptied_lease_is_one_that_nobody_holds(spec: bytes) -> None:
    assert lease(b'{"metadata":{"name":"who"}' + spec + b"}").claim == Claim()


@pytest.mark.parametrize("data", [b"", b"[]", b'{"metadata":{},"spec":{"holderIdentity":5}}'])
def test_l03_what_is_no_lease_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        lease(data)
