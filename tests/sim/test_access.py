from __future__ import annotations

import pytest

from autoscaler.model.identity import Identity, PathAttributes, ResourceAttributes
from autoscaler.sim.access import AUTHENTICATED, MASTERS, Access, Grant, access_review, token_review

ME = Identity("me", groups=("team", AUTHENTICATED))


def resource(verb: str, name: str, namespace: str = "", group: str = "", subresource: str = "") -> ResourceAttributes:
    return ResourceAttributes(
        verb=verb, group=group, version="v1", resource=name, namespace=namespace, subresource=subresource
    )


GRANTS = [
    Grant(subject="team", verbs=("get",), resources=("pods", "deployments.apps/scale")),
    Grant(subject="me", verbs=("update",), resources=("*",), namespaces=("shop",)),
    Grant(subject="me", verbs=("get",), paths=("/metrics",)),
]


@pytest.mark.parametrize(
    ("attributes", "allowed"),
    [
        pytest.param(resource("get", "pods"), True, id="by a group"),
        pytest.param(resource("list", "pods"), False, id="another verb"),
        pytest.param(resource("get", "nodes"), False, id="another resource"),
        pytest.param(resource("get", "deployments", group="apps", subresource="scale"), True, id="a subresource"),
        pytest.param(resource("get", "deployments", group="apps"), False, id="a subresource is not the object"),
        pytest.param(resource("update", "pods", "shop"), True, id="in the granted namespace"),
        pytest.param(resource("update", "pods", "bank"), False, id="in another namespace"),
        pytest.param(resource("get", "pods", "closed"), False, id="in a namespace closed to all"),
        pytest.param(PathAttributes(verb="get", path="/metrics"), True, id="a granted path"),
        pytest.param(PathAttributes(verb="get", path="/debug"), False, id="another path"),
        pytest.param(PathAttributes(verb="get", path="/version"), True, id="discovery is for everybody"),
    ],
)
def test_grants(attributes: ResourceAttributes | PathAttributes, allowed: bool) -> None:
    access = Access(grants=GRANTS)
    access.forbidden.add("closed")
    assert access.verdict(ME, attributes).allowed is allowed


def test_masters_may_do_everything() -> None:
    assert Access().verdict(Identity("root", groups=(MASTERS,)), resource("delete", "nodes")).allowed


@pytest.mark.parametrize(
    ("header", "user"),
    [
        pytest.param("Bearer secret", "me", id="a known token"),
        pytest.param("bearer secret", "me", id="the scheme has no case"),
        pytest.param("Bearer wrong", None, id="an unknown token"),
        pytest.param("Basic secret", None, id="another scheme"),
        pytest.param("", None, id="no header"),
    ],
)
def test_bearer(header: str, user: str | None) -> None:
    found = Access({"secret": Identity("me")}).bearer(header)
    assert (found.user if found else None) == user
    assert found is None or AUTHENTICATED in found.groups


def test_token_review_of_a_known_token() -> None:
    access = Access({"secret": Identity("me", "u-1", ("team",), {"k": ("v",)})})
    status = token_review(access, {"kind": "TokenReview", "spec": {"token": "secret"}})["status"]
    assert status["authenticated"] is True
    assert status["user"] == {
        "username": "me",
        "uid": "u-1",
        "groups": ["team", AUTHENTICATED],
        "extra": {"k": ["v"]},
    }


def test_token_review_of_an_unknown_token() -> None:
    status = token_review(Access(), {"spec": {"token": "x"}})["status"]
    assert "authenticated" not in status
    assert status["error"]


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [
        pytest.param(
            {"user": "x", "groups": ["team"], "resourceAttributes": {"verb": "get", "resource": "pods"}},
            True,
            id="a resource",
        ),
        pytest.param({"user": "me", "nonResourceAttributes": {"verb": "get", "path": "/metrics"}}, True, id="a path"),
        pytest.param({"user": "x", "resourceAttributes": {"verb": "get", "resource": "pods"}}, False, id="a stranger"),
        pytest.param({}, False, id="nothing asked"),
    ],
)
def test_access_review(spec: dict, allowed: bool) -> None:
    assert access_review(Access(grants=GRANTS), {"spec": spec})["status"]["allowed"] is allowed
