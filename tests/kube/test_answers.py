from __future__ import annotations

import pytest

from autoscaler.errors import GoneError, KubeError, UnreachableError
from autoscaler.kube.answers import Status, error_for, error_of


@pytest.mark.parametrize(
    ("code", "header", "body", "seconds"),
    [
        pytest.param(429, "7", b"", 7.0, id="the header says how long"),
        pytest.param(503, "", b'{"details":{"retryAfterSeconds":3}}', 3.0, id="the Status says how long"),
        pytest.param(500, "soon", b"{}", None, id="a header that is no number"),
        pytest.param(504, "-1", b"null", None, id="a negative number"),
    ],
)
def test_come_back_later_carries_the_time(code: int, header: str, body: bytes, seconds: float | None) -> None:
    error = error_of(code, body, header, "GET /x")
    assert isinstance(error, UnreachableError)
    assert (error.status, error.retry_after) == (code, seconds)


def test_the_text_is_the_servers_own_and_the_reason_is_kept() -> None:
    error = error_of(422, b'{"message":"spec.replicas: must be positive","reason":"Invalid"}', "", "PUT /x")
    assert type(error) is KubeError
    assert (str(error), error.reason) == ("PUT /x: spec.replicas: must be positive", "Invalid")


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[1]", b'{"message":7}', b"[" * 100_000])
def test_a_body_that_is_no_status_still_gives_an_error(body: bytes) -> None:
    assert error_of(410, body, "", "GET /x").status == 410


def test_a_status_inside_a_watch_means_the_same() -> None:
    assert isinstance(error_for(Status(message="too old"), 410, "watch"), GoneError)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        pytest.param(
            'Get "https://prom/api/v1/query?query=up&access_token=s3cr3t": EOF',
            'Get "https://prom/api/v1/query?query=up&access_token=…": EOF',
            id="a token in an address",
        ),
        pytest.param(
            "dial https://me:s3cr3t@prom:9090/: refused", "dial https://…prom:9090/: refused", id="a password"
        ),
        pytest.param("refused 'Authorization: Bearer s3cr3t.a.b'", "refused 'Authorization: Bearer …'", id="a header"),
        pytest.param("?X-Amz-Signature=s3cr3t&n=1", "?X-Amz-Signature=…&n=1", id="a signature"),
        pytest.param("no key for a token at basic level", "no key for a token at basic level", id="plain words"),
    ],
)
def test_credentials_are_left_out_of_what_is_told(said: str, told: str) -> None:
    assert str(error_for(Status(message=said), 500, "GET /x")) == f"GET /x: {told}"
    assert str(error_of(500, said.encode(), "", "GET /x")) == f"GET /x: {told}"
