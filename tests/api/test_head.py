import pytest

from autoscaler.api import head
from tests.api.cluster import NOW


@pytest.mark.parametrize(("close", "end"), [(False, b"\r\n\r\nbody"), (True, b"\r\nConnection: close\r\n\r\nbody")])
def test_a_response_says_how_long_it_is_and_whether_it_is_the_last(close: bool, end: bytes) -> None:
    assert head.response({"Audit-Id": "a", "ETag": '"1"'}, b"body", NOW + 0.9, close=close) == (
        b'HTTP/1.1 200 OK\r\nAudit-Id: a\r\nETag: "1"\r\nContent-Length: 4\r\nDate: Mon, 23 Nov 2026 09:54:21 GMT' + end
    )
