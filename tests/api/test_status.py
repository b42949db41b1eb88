import json

import pytest

from autoscaler.api import status
from autoscaler.model.absence import Absence, Lack
from autoscaler.model.identity import Identity, PathAttributes, ResourceAttributes

NODES = ResourceAttributes(verb="list", group="metrics.k8s.io", version="v1", resource="nodes")
POD = ResourceAttributes(
    verb="get", group="metrics.k8s.io", version="v1", resource="pods", namespace="shop", name="web-0"
)
CAUSES = [
    Absence(Lack.FAILING, "scraping fails", 1_795_427_661.0),
    Absence(Lack.NO_SERIES, "no series", container="app"),
]
ANN = Identity('ann "<x>"')

GOLDEN = [
    pytest.param(
        status.metrics_not_found("podmetrics", "default/nometrics", []),
        r'"message":"podmetrics.metrics.k8s.io \"default/nometrics\" not found","reason":"NotFound",'
        r'"details":{"name":"default/nometrics","group":"metrics.k8s.io","kind":"podmetrics"},"code":404}',
        id="known pod without numbers",
    ),
    pytest.param(
        status.object_not_found("pods", "nope"),
        r'"message":"pods \"nope\" not found","reason":"NotFound","details":{"name":"nope","kind":"pods"},"code":404}',
        id="unknown pod",
    ),
    pytest.param(
        status.not_supported(
            ResourceAttributes(verb="watch", group="metrics.k8s.io", version="v1beta1", resource="nodes")
        ),
        r'"message":"watch is not supported on resources of kind \"nodes.metrics.k8s.io\"",'
        r'"reason":"MethodNotAllowed","details":{"group":"metrics.k8s.io","kind":"nodes"},"code":405}',
        id="watch",
    ),
    pytest.param(
        status.forbidden(Identity("system:anonymous"), NODES, "no RBAC policy matched"),
        r'"message":"nodes.metrics.k8s.io is forbidden: User \"system:anonymous\" cannot list resource '
        r'\"nodes\" in API group \"metrics.k8s.io\" at the cluster scope: no RBAC policy matched",'
        r'"reason":"Forbidden","details":{"group":"metrics.k8s.io","kind":"nodes"},"code":403}',
        id="forbidden at the cluster scope",
    ),
    pytest.param(
        status.unauthorized(), r'"message":"Unauthorized","reason":"Unauthorized","code":401}', id="no identity"
    ),
]


@pytest.mark.parametrize(("error", "rest"), GOLDEN)
def test_golden_answers(error: status.StatusError, rest: str) -> None:
    assert error.body().decode() == '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",' + rest + "\n"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        pytest.param(
            status.forbidden(ANN, POD, ""),
            'pods.metrics.k8s.io "web-0" is forbidden: User "ann \\"&lt;x&gt;\\"" cannot get resource "pods" in API '
            'group "metrics.k8s.io" in the namespace "shop"',
            id="a named object in a namespace; the user's name is escaped",
        ),
        pytest.param(
            status.forbidden(Identity("ann\x1b"), PathAttributes(verb="get", path="/metrics"), "why"),
            'forbidden: User "ann\\x1b" cannot get path "/metrics": why',
            id="a path",
        ),
        pytest.param(
            status.metrics_not_found("nodemetrics", "n1", CAUSES),
            'nodemetrics.metrics.k8s.io "n1" not found: scraping fails (since 2026-11-23T09:54:21Z)',
            id="numbers are missing for a reason",
        ),
    ],
)
def test_messages(error: status.StatusError, message: str) -> None:
    assert json.loads(error.body())["message"] == message


def test_every_reason_is_a_cause_and_names_its_container() -> None:
    body = json.loads(status.metrics_not_found("nodemetrics", "n1", CAUSES).body())
    assert body["details"]["causes"] == [
        {"reason": "ScrapeFailing", "message": "scraping fails (since 2026-11-23T09:54:21Z)"},
        {"reason": "NoSeries", "message": "no series", "field": "containers[app]"},
    ]


def test_there_is_an_end_to_causes() -> None:
    body = json.loads(status.metrics_not_found("podmetrics", "a/b", CAUSES * 100).body())
    assert len(body["details"]["causes"]) == status.MAX_CAUSES


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (status.bad_request("x"), 400, "BadRequest"),
        (status.unknown_path(), 404, "NotFound"),
        (status.method_not_allowed(), 405, "MethodNotAllowed"),
        (status.not_acceptable(["application/json"]), 406, "NotAcceptable"),
        (status.too_large(413, "x"), 413, "RequestEntityTooLarge"),
        (status.too_large(414, "x"), 414, "RequestURITooLong"),
        (status.too_large(431, "x"), 431, "RequestHeaderFieldsTooLarge"),
        (status.too_many_requests(), 429, "TooManyRequests"),
        (status.internal_error(), 500, "InternalError"),
        (status.review_unavailable(), 503, "ServiceUnavailable"),
        (status.timed_out(), 504, "Timeout"),
    ],
)
def test_codes_and_reasons(error: status.StatusError, code: int, reason: str) -> None:
    body = json.loads(error.body())
    assert (body["code"], body["reason"], body["kind"]) == (code, reason, "Status")
