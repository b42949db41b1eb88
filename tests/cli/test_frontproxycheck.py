from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from autoscaler.cli.finding import State
from autoscaler.cli.frontproxycheck import examine
from autoscaler.errors import ForbiddenError, KubeError, NotFoundError
from tests.certificates import Authority
from tests.clock import FakeClock

PROXY, USERS = Authority("proxy").pem.decode(), Authority("users").pem.decode()
DATA = {
    "requestheader-client-ca-file": PROXY,
    "requestheader-allowed-names": '["front-proxy-client"]',
    "requestheader-username-headers": '["X-Remote-User"]',
    "requestheader-group-headers": '["X-Remote-Group"]',
    "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
    "client-ca-file": USERS,
}


class Cluster:
    def __init__(self, answer: Mapping[str, str] | KubeError) -> None:
        self._answer = answer

    async def get(self, path: str, params: Iterable[tuple[str, str]] = ()) -> bytes:
        assert path == "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
        if isinstance(self._answer, KubeError):
            raise self._answer
        return json.dumps({"metadata": {"name": "x"}, "data": self._answer}).encode()

    async def post(self, path: str, body: bytes, params: Iterable[tuple[str, str]] = ()) -> bytes:
        raise AssertionError("nothing is written")


NOW = datetime.now(UTC)


def clock(days: float = 0.0) -> FakeClock:
    return FakeClock((NOW + timedelta(days=days)).timestamp())


async def test_the_headers_are_told_by_name() -> None:
    finding = await examine(Cluster(DATA), clock())
    assert (finding.state, finding.detail) == (
        State.OK,
        "user by X-Remote-User, groups by X-Remote-Group, extra by X-Remote-Extra-; from front-proxy-client of its CA",
    )


@pytest.mark.parametrize(
    ("answer", "state", "told"),
    [
        pytest.param(NotFoundError("no", status=404), State.BAD, "does not exist", id="no ConfigMap"),
        pytest.param(ForbiddenError("no", status=403), State.WARN, "could not be read", id="not ours to read"),
        pytest.param({}, State.BAD, "holds no PEM", id="no aggregation layer"),
        pytest.param(DATA | {"requestheader-allowed-names": "x"}, State.BAD, "no JSON list", id="no list"),
        pytest.param(
            DATA | {"requestheader-username-headers": ""}, State.BAD, "no header names the user", id="no header"
        ),
        pytest.param(
            DATA | {"client-ca-file": PROXY + USERS, "requestheader-allowed-names": "[]"},
            State.BAD,
            "every user can pose as any other",
            id="the CA is that of users",
        ),
        pytest.param(
            DATA | {"client-ca-file": PROXY}, State.OK, "of its CA", id="the CA is that of users, one name is allowed"
        ),
        pytest.param(DATA | {"requestheader-allowed-names": "[]"}, State.OK, "from any name", id="a CA of its own"),
    ],
)
async def test_what_the_cluster_says_is_judged(answer: Mapping[str, str] | KubeError, state: State, told: str) -> None:
    finding = await examine(Cluster(answer), clock())
    assert finding.state is state
    assert told in finding.detail
    assert bool(finding.todo) == (state is not State.OK)


async def test_a_ca_is_told_of_before_and_after_its_end() -> None:
    ends = x509.load_pem_x509_certificate(PROXY.encode()).not_valid_after_utc
    left = (ends - NOW).total_seconds() / 86400
    assert (await examine(Cluster(DATA), clock(left - 20))).state is State.OK
    assert (await examine(Cluster(DATA), clock(left - 3))).detail.startswith("its CA expires in 3 days")
    assert (await examine(Cluster(DATA), clock(left + 1))).state is State.BAD
