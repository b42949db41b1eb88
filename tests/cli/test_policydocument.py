import json

import pytest
import yaml

from autoscaler.cli import policydocument
from autoscaler.errors import MalformedError
from tests.hps_rules import RULES, spec

GOOD = {"apiVersion": "hpa-companion.dev/v1alpha1", "kind": "HorizontalPodScaler", "metadata": {}, "spec": spec({})}


def test_every_key_once_in_yaml():
    with pytest.raises(yaml.constructor.ConstructorError) as told:
        policydocument.in_yaml("spec:\n  maxReplicas: 1\n  minReplicas: 1\n  maxReplicas: 2\n")
    assert (told.value.problem, told.value.problem_mark.line) == ("maxReplicas was already set on line 2", 3)


def test_every_key_once_within_one_line_of_yaml():
    with pytest.raises(yaml.constructor.ConstructorError, match="already set on line 1"):
        policydocument.in_yaml('{"a": 1, "a": 2}')


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("base: &base {a: 1}\nother: {<<: *base, a: 2}\n", id="what is merged in may be set again"),
        pytest.param("one: {a: 1}\ntwo: {a: 1}\n", id="the same key of two mappings"),
        pytest.param("a: 1\n---\na: 2\n", id="the same key of two documents"),
    ],
)
def test_a_key_that_comes_again_elsewhere_is_none_set_twice(text):
    assert policydocument.in_yaml(text) == list(yaml.safe_load_all(text))


@pytest.mark.parametrize("policy", ['{"a": 1, "b": 2, "a": 3}', '{"spec": [{"a": 1, "a": 1}]}'])
def test_every_key_once_in_a_bundle(policy):
    with pytest.raises(MalformedError, match="policy: a is set twice, remove one"):
        policydocument.in_bundle(policy.encode())


@pytest.mark.parametrize("policy", [b"1", b"null"])
def test_a_policy_that_is_no_object_has_no_field(policy):
    assert policydocument.in_bundle(policy) == {}


def test_a_good_one_is_neither_refused_nor_doubted():
    assert [*policydocument.refusals(GOOD), *policydocument.unknown(GOOD)] == []
    assert policydocument.in_bundle(json.dumps(GOOD).encode()) == GOOD


@pytest.mark.parametrize(
    "rule", [pytest.param(each, id=each.name) for each in RULES if "and only then" in each.message]
)
def test_what_the_definition_says_of_sources_holds_for_files(rule):
    for changes, good in ((rule.good, True), (rule.bad, False)):
        document = GOOD | {"spec": spec(changes)}
        lonely = all(len(metric) < 2 for metric in changes.get("metrics", ()))  # without its source: the rules tell
        assert good or lonely or list(policydocument.refusals(document))
        assert not good or not list(policydocument.refusals(document))


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ({"type": "Pods", "pods": {}, "resource": None}, []),
        (
            {"type": "Pods", "pods": {}, "containerResource": {}},
            ["spec.metrics[0].containerResource: is set in a metric of type Pods, remove it"],
        ),
        ({"resource": {}}, ["spec.metrics[0].resource: is set in a metric of type none, remove it"]),
        ("no object", []),
    ],
)
def test_a_source_beside_the_one_that_is_meant(metric, told):
    assert list(policydocument.refusals(GOOD | {"spec": {"metrics": [metric]}})) == told


@pytest.mark.parametrize("spec", [None, [], {"metrics": {"type": "Pods"}}])
def test_what_has_another_shape_is_left_to_the_decoder(spec):
    assert list(policydocument.refusals(GOOD | {"spec": spec})) == []


HPA = GOOD | {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"}
THIRTEEN = GOOD["spec"] | {"metrics": [{"type": "Pods", "pods": {}}] * 13}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        pytest.param(
            GOOD | {"spec": GOOD["spec"] | {"mode": "Shadwo"}},
            "spec.mode: 'Shadwo' is unknown, use Enforce or Shadow",
            id="it would write nothing",
        ),
        pytest.param(GOOD | {"spec": THIRTEEN}, "spec.metrics: are 13, list 12 at most", id="too many"),
        pytest.param(
            HPA | {"spec": GOOD["spec"] | {"syncPeriod": "30s"}},
            "spec.syncPeriod is a field of a HorizontalPodScaler only",
            id="an HPA has none",
        ),
        pytest.param(
            GOOD | {"metadata": {"lables": {}}}, "metadata.lables is no field; did you mean labels?", id="mistyped"
        ),
    ],
)
def test_what_the_definition_does_not_take_is_said(document, said):
    assert [*policydocument.refusals(document), *policydocument.unknown(document)] == [said]


def test_an_hpa_may_have_as_many_metrics_as_it_likes():
    assert not list(policydocument.refusals(HPA | {"spec": THIRTEEN}))


def test_what_the_api_server_adds_is_known():
    """`kubectl get hps web -o yaml` is a file to begin with."""
    meta = {"name": "web", "uid": "u", "managedFields": [], "creationTimestamp": None, "ownerReferences": []}
    assert not list(policydocument.unknown(GOOD | {"metadata": meta, "status": {"conditions": []}}))
