import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.api.call import Call, parse_call
from autoscaler.api.status import StatusError
from autoscaler.model.identity import PathAttributes, ResourceAttributes

BASE = "/apis/metrics.k8s.io/v1beta1"


@pytest.mark.parametrize(
    ("method", "target", "verb", "resource", "namespace", "name"),
    [
        ("GET", f"{BASE}/nodes", "list", "nodes", "", ""),
        ("HEAD", f"{BASE}/nodes/", "list", "nodes", "", ""),
        ("GET", f"{BASE}/nodes/n1", "get", "nodes", "", "n1"),
        ("GET", f"{BASE}/pods?watch=true", "watch", "pods", "", ""),
        ("GET", f"{BASE}/pods?watch", "watch", "pods", "", ""),
        ("GET", f"{BASE}/pods?watch=0", "list", "pods", "", ""),
        ("GET", f"{BASE}/namespaces/shop/pods?labelSelector=a%3Db", "list", "pods", "shop", ""),
        ("GET", f"{BASE}/namespaces/shop/pods/web-0", "get", "pods", "shop", "web-0"),
        ("GET", "/%61pis/metrics.k8s.io/v1/nodes", "list", "nodes", "", ""),
        ("POST", f"{BASE}/pods", "create", "pods", "", ""),
        ("PUT", f"{BASE}/nodes/n1", "update", "nodes", "", "n1"),
        ("PATCH", f"{BASE}/nodes/n1", "patch", "nodes", "", "n1"),
        ("DELETE", f"{BASE}/nodes/n1", "delete", "nodes", "", "n1"),
        ("DELETE", f"{BASE}/nodes", "deletecollection", "nodes", "", ""),
    ],
)
def test_resources_are_asked_for_in_the_words_of_the_authorizer(
    method: str, target: str, verb: str, resource: str, namespace: str, name: str
) -> None:
    asked = parse_call(method, target).attributes
    assert isinstance(asked, ResourceAttributes)
    assert (asked.verb, asked.group, asked.resource, asked.namespace, asked.name) == (
        verb,
        "metrics.k8s.io",
        resource,
        namespace,
        name,
    )


@pytest.mark.parametrize(
    ("target", "servable"),
    [
        pytest.param("/", True, id="the index"),
        pytest.param("/apis/metrics.k8s.io/v1beta1", True, id="a version"),
        pytest.param(f"{BASE}/pods/web-0", True, id="a pod without a namespace"),
        pytest.param(f"{BASE}/namespaces/shop/pods/web-0/log", True, id="a subresource"),
        pytest.param("/apis/metrics.k8s.io/v9/nodes", True, id="another version"),
        pytest.param("/apis/apps/v1/nodes", True, id="another group"),
        pytest.param("//apis/metrics.k8s.io/v1/nodes", False, id="two slashes at the start"),
        pytest.param("/apis//metrics.k8s.io/v1/nodes", False, id="two slashes within"),
        pytest.param(f"{BASE}/nodes//", False, id="two slashes at the end"),
        pytest.param("//", False, id="nothing but slashes"),
        pytest.param(f"{BASE}/pods/../nodes", False, id="dots"),
        pytest.param(f"{BASE}/pods/%2e%2e/nodes", False, id="encoded dots"),
        pytest.param(f"{BASE}/./nodes", False, id="a dot"),
        pytest.param(f"{BASE}/namespaces/a%2Fpods/pods", False, id="an encoded slash"),
        pytest.param(f"{BASE}/nodes/..%5Cx", False, id="a backslash"),
    ],
)
def test_everything_else_is_a_path(target: str, servable: bool) -> None:
    call = parse_call("GET", target)
    assert isinstance(call.attributes, PathAttributes)
    assert (call.segments is not None) is servable


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("", id="nothing"),
        pytest.param("*", id="an asterisk"),
        pytest.param("http://x/livez", id="an absolute URL"),
        pytest.param("/a\udc80", id="bytes beyond ASCII"),
        pytest.param("/%ff", id="not UTF-8"),
        pytest.param("/a%00b", id="NUL"),
        pytest.param("/a%0d%0ab", id="a line end"),
        pytest.param("/x?" + "a&" * 300, id="too many parameters"),
        pytest.param("/x?a=%ff", id="a parameter that is not UTF-8"),
    ],
)
def test_what_is_no_request_target_is_refused(target: str) -> None:
    with pytest.raises(StatusError) as caught:
        parse_call("GET", target)
    assert (caught.value.code, caught.value.close) == (400, True)


@pytest.mark.parametrize(
    ("target", "agent", "pretty"),
    [
        ("/", "", False),
        ("/?pretty", "", True),
        ("/?pretty=1", "", True),
        ("/?pretty=true", "", True),
        ("/?pretty=false", "curl/8", False),
        ("/", "curl/8", True),
        ("/", "Wget/1", True),
        ("/", "Mozilla/5.0 (X11)", True),
        ("/", "kubectl/v1.37 curl", False),
    ],
)
def test_people_get_indented_answers(target: str, agent: str, pretty: bool) -> None:
    assert parse_call("GET", target, user_agent=agent).pretty is pretty


def test_the_decisions_about_a_target_are_a_resource_of_its_namespace() -> None:
    asked = parse_call("GET", f"{BASE}/namespaces/shop/decisions/web").attributes
    assert isinstance(asked, ResourceAttributes)
    assert (asked.verb, asked.resource, asked.namespace, asked.name) == ("get", "decisions", "shop", "web")


@given(st.text(alphabet="/.%2fFeE\\anodesp", max_size=40))
def test_no_spelling_of_a_path_is_authorized_as_one_thing_and_served_as_another(tail: str) -> None:
    try:
        call: Call = parse_call("GET", f"{BASE}/{tail}")
    except StatusError:
        return
    if isinstance(call.attributes, ResourceAttributes):
        assert call.segments is not None
        assert call.attributes.name in ("", call.segments[-1])
        assert "/" not in call.attributes.name
    assert call.is_probe is (call.path in ("/livez", "/readyz", "/healthz"))


@pytest.mark.parametrize("path", ["/livez/x", "/livez/", "/livezz", "//livez", "/LIVEZ"])
def test_only_the_exact_paths_are_probes(path: str) -> None:
    assert not parse_call("GET", path).is_probe
    assert parse_call("GET", "/livez?verbose").is_probe
