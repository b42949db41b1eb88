from __future__ import annotations

import pytest

from autoscaler.sim.handlers import asked, handled, scale_of
from autoscaler.sim.refusals import RefusedError
from autoscaler.sim.resources import DEPLOYMENTS, Surface
from autoscaler.sim.store import Store


@pytest.mark.parametrize(
    ("method", "path", "query", "title", "place"),
    [
        pytest.param("GET", "/api/v1/nodes", {}, "list nodes", ("", ""), id="a cluster-wide list"),
        pytest.param("GET", "/api/v1/pods", {"watch": "1"}, "watch pods", ("", ""), id="a watch of all namespaces"),
        pytest.param("GET", "/api/v1/namespaces/shop", {}, "get namespaces", ("", "shop"), id="a namespace itself"),
        pytest.param("POST", "/api/v1/namespaces/shop/pods", {}, "create pods", ("shop", ""), id="a creation"),
        pytest.param(
            "PUT",
            "/apis/apps/v1/namespaces/shop/deployments/web/scale",
            {},
            "update deployments/scale",
            ("shop", "web"),
            id="a subresource",
        ),
        pytest.param(
            "POST", "/apis/authentication.k8s.io/v1/tokenreviews", {}, "create tokenreviews", ("", ""), id="a review"
        ),
    ],
)
def test_paths(method: str, path: str, query: dict[str, str], title: str, place: tuple[str, str]) -> None:
    what = asked(Surface(), method, path, query)
    assert what is not None
    assert what.title == title
    assert (what.namespace, what.name) == place
    assert what.attributes.verb == title.split(maxsplit=1)[0]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/elephants",
        "/apis/apps/v2/deployments",
        "/api/v1/namespaces/shop/pods/a/scale",
        "/api/v1/namespaces/shop/nodes/n",
        "/api/v1",
        "/healthz",
        "/api/v1/namespaces/shop/pods/a/status/more",
    ],
)
def test_paths_of_no_resource(path: str) -> None:
    assert asked(Surface(), "GET", path, {}) is None


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/api/v1/pods"), ("POST", "/api/v1/nodes/n"), ("GET", "/apis/authentication.k8s.io/v1/tokenreviews")],
)
def test_methods_that_are_not_offered(method: str, path: str) -> None:
    with pytest.raises(RefusedError) as caught:
        asked(Surface(), method, path, {})
    assert caught.value.code == 405


def test_a_scale_is_a_view_of_the_scaled_object(store: Store) -> None:
    scaled = store.get(DEPLOYMENTS, "shop", "web")
    view = scale_of(scaled)
    assert view["metadata"]["resourceVersion"] == scaled["metadata"]["resourceVersion"]
    assert (view["spec"], view["status"]) == ({"replicas": 2}, {"replicas": 0, "selector": "app=web"})


def test_a_deployment_without_replicas_has_one(store: Store) -> None:
    what = asked(Surface(), "POST", "/apis/apps/v1/namespaces/shop/deployments", {})
    assert what is not None
    made = handled(store, what, {}, "application/json", {"metadata": {"name": "x"}, "spec": {}})
    assert made["spec"]["replicas"] == 1
