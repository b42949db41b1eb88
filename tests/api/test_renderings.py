import json

import pytest

from autoscaler.api.call import parse_call
from autoscaler.api.renderings import chosen
from autoscaler.api.status import StatusError
from autoscaler.api.textual import Textual
from autoscaler.model.identity import ResourceAttributes
from tests.api.goldens import web
from tests.api.world import NOW


def rendering(accept: str = "", target: str = "/pods", user_agent: str = "") -> Textual:
    call = parse_call("GET", f"/apis/metrics.k8s.io/v1{target}", accept=accept, user_agent=user_agent)
    assert isinstance(call.attributes, ResourceAttributes)
    return chosen(call, call.attributes)


def test_json_when_nothing_is_asked_for() -> None:
    assert (rendering().content_type, rendering().stream_type) == ("application/json", "application/json")
    assert json.loads(rendering().single(web(), NOW))["apiVersion"] == "metrics.k8s.io/v1"


@pytest.mark.parametrize(("target", "agent"), [("/pods?pretty=1", ""), ("/pods", "curl/8")])
def test_people_get_it_indented(target: str, agent: str) -> None:
    assert rendering(target=target, user_agent=agent).single(web(), NOW).startswith(b'{\n  "kind": "PodMetrics"')


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(StatusError) as caught:
        rendering("text/html")
    assert caught.value.code == 406
