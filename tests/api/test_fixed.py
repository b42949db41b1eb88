import hashlib

import pytest

from autoscaler.api.call import parse_call
from autoscaler.api.fixed import fixed, fixed_answer

FOUND = fixed({"a": 1})


def test_the_hash_is_that_of_the_bytes_sent() -> None:
    assert FOUND.body == b'{"a":1}\n'
    assert FOUND.etag == f'"{hashlib.sha512(FOUND.body).hexdigest().upper()}"'


@pytest.mark.parametrize(
    ("had", "status"),
    [
        pytest.param("", 200, id="nothing"),
        pytest.param('"x"', 200, id="another document"),
        pytest.param(FOUND.etag, 304, id="this one"),
        pytest.param(f"W/{FOUND.etag}", 304, id="this one, weakly"),
        pytest.param(f'"x", {FOUND.etag}', 304, id="this one among others"),
        pytest.param("*", 304, id="any"),
        pytest.param(FOUND.hash, 200, id="a tag without its quotes"),
    ],
)
def test_who_has_it_gets_no_body(had: str, status: int) -> None:
    given = fixed_answer(parse_call("GET", "/version", if_none_match=had), FOUND)
    assert (given.status, bool(given.body)) == (status, status == 200)
    assert given.headers == {"ETag": FOUND.etag, "Vary": "Accept"}


def test_a_person_gets_it_indented_and_headers_can_be_added() -> None:
    given = fixed_answer(parse_call("GET", "/version?pretty"), FOUND, {"Cache-Control": "public"})
    assert given.body == b'{\n  "a": 1\n}'
    assert given.headers["Cache-Control"] == "public"
