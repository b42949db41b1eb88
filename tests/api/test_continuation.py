import base64
import json

import pytest

from autoscaler.api.continuation import INCONSISTENT, Continuation, continuation, lost, token
from autoscaler.api.status import StatusError


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("start", ["default\0web-0", "node-a", "é\0ü"])
def test_a_token_is_read_back(start: str) -> None:
    text = token(1_800_000_000_000_000, start)
    assert "=" not in text
    assert continuation(text) == Continuation("meta.k8s.io/v1", 1_800_000_000_000_000, start)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("junk", id="no base64 of JSON"),
        pytest.param("a", id="a length base64 cannot have"),
        pytest.param("é", id="no ASCII"),
        pytest.param("!!" + token(1, "a"), id="letters that base64 does not have"),
        pytest.param(encoded({"v": "meta.k8s.io/v2", "rv": 1, "start": "a"}), id="another version"),
        pytest.param(encoded({"v": "meta.k8s.io/v1", "rv": -2, "start": "a"}), id="a negative revision"),
        pytest.param(encoded({"v": "meta.k8s.io/v1", "rv": "1", "start": "a"}), id="a revision that is a text"),
        pytest.param(encoded({"v": "meta.k8s.io/v1", "rv": 1, "start": ""}), id="no start"),
        pytest.param(encoded([1]), id="a list"),
    ],
)
def test_what_is_no_token_is_refused_by_name(text: str) -> None:
    with pytest.raises(StatusError, match=r"^continue: ") as caught:
        continuation(text)
    assert caught.value.code == 400


def test_a_lost_snapshot_brings_a_token_that_goes_on_inconsistently() -> None:
    error = lost("default\0web-0")
    status = json.loads(error.body())
    assert (status["code"], status["reason"]) == (410, "Expired")
    assert continuation(status["metadata"]["continue"]) == Continuation(
        "meta.k8s.io/v1", INCONSISTENT, "default\0web-0"
    )
