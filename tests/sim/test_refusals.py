from __future__ import annotations

import pytest

from autoscaler.model.identity import ResourceAttributes
from autoscaler.sim import refusals
from autoscaler.sim.resources import DEPLOYMENTS, NODES

ASKED = ResourceAttributes(verb="update", group="apps", version="v1", resource="deployments", namespace="shop",
                           name="web", subresource="scale")  # fmt: skip


@pytest.mark.parametrize(
    ("refusal", "code", "reason", "message"),
    [
        pytest.param(
            refusals.not_found(NODES, "n"), 404, "NotFound", 'nodes "n" not found', id="the core group has no suffix"
        ),
        pytest.param(
            refusals.invalid(DEPLOYMENTS, "web", "spec.replicas", "Invalid value: -1: must be positive"),
            422,
            "Invalid",
            'Deployment.apps "web" is invalid: spec.replicas: Invalid value: -1: must be positive',
            id="an invalid field is named",
        ),
        pytest.param(
            refusals.forbidden("bob", DEPLOYMENTS, ASKED),
            403,
            "Forbidden",
            'deployments.apps "web" is forbidden: User "bob" cannot update resource "deployments/scale" in API group'
            ' "apps" in the namespace "shop"',
            id="forbidden says which rule is missing",
        ),
        pytest.param(refusals.too_old(5, 9), 410, "Expired", "too old resource version: 5 (9)", id="too old"),
        pytest.param(
            refusals.unavailable(429), 429, "TooManyRequests", "Too many requests, please try again later.", id="429"
        ),
    ],
)
def test_a_refusal_is_a_status_object(refusal: refusals.RefusedError, code: int, reason: str, message: str) -> None:
    body = refusal.body()
    assert (body["kind"], body["status"], body["code"]) == ("Status", "Failure", code)
    assert (body["reason"], body["message"]) == (reason, message)


def test_details_name_the_object() -> None:
    assert refusals.not_found(DEPLOYMENTS, "web").body()["details"] == {
        "name": "web",
        "kind": "deployments",
        "group": "apps",
    }
