import pytest
import yaml

from autoscaler.cli import policyfile
from autoscaler.errors import ConfigError
from autoscaler.model.compat import Compat
from tests.cli.recordlines import steady

POLICY = """\
apiVersion: hpa-companion.dev/v1alpha1
kind: HorizontalPodScaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 10
"""
ANY = POLICY.replace(", namespace: shop", "").replace("name: web}\n  max", "name: 'w*'}\n  max")


def read(folder, *texts):
    paths = []
    for number, text in enumerate(texts):
        path = folder / f"{number}" / "new.yaml"
        path.parent.mkdir()
        path.write_text(text)
        paths.append(str(path))
    return policyfile.read(paths, Compat())


def test_a_policy_is_for_the_target_it_names(tmp_path):
    (found,) = read(tmp_path, POLICY)
    assert (found.name, found.text) == ("new", POLICY)
    spec = found.spec("shop/Deployment/web")
    assert spec is not None
    assert spec.max_replicas == 10
    assert found.spec("shop/Deployment/api") is None


def test_a_star_matches_any_and_the_first_of_several_is_taken(tmp_path):
    two = POLICY + "---\n" + ANY.replace("10", "20")
    (found,) = read(tmp_path, two)
    sizes = [
        found.spec(f"{key}").max_replicas for key in ("shop/Deployment/web", "shop/Deployment/www", "x/Deployment/w")
    ]
    assert sizes == [10, 20, 20]


def test_two_for_the_same_target_are_refused(tmp_path):
    two = POLICY + "---\n" + POLICY.replace("10", "20").replace("name: web,", "name: other,")
    with pytest.raises(ConfigError, match=r"new.yaml, document 2: is for shop/Deployment/web, and so is document 1"):
        read(tmp_path, two)


def test_an_hpa_is_a_policy_too_and_files_of_one_name_are_told_apart(tmp_path):
    hpa = POLICY.replace("HorizontalPodScaler", "HorizontalPodAutoscaler").replace(
        "hpa-companion.dev/v1alpha1", "autoscaling/v2"
    )
    assert [each.name for each in read(tmp_path, POLICY, hpa)] == ["new", "new#2"]


NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"


def listed(*objects):
    return yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [yaml.safe_load(each) for each in objects]})


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(NAMESPACE + "---\n" + POLICY, id="a manifest of more than the policy"),
        pytest.param(listed(NAMESPACE, POLICY), id="a list, as kubectl prints it"),
        pytest.param(listed(NAMESPACE) + "---\n" + POLICY, id="both"),
    ],
)
def test_a_list_is_read_through_and_other_objects_are_passed_over(tmp_path, text):
    (found,) = read(tmp_path, text)
    assert [target for target, _ in found.specs] == ["shop/Deployment/web"]
    assert found.passed_over == ("Namespace shop",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(listed(NAMESPACE, POLICY.replace("10", "0")), "yaml, item 2: spec.maxReplicas: is 0", id="item"),
        pytest.param(POLICY + "---\n" + listed(POLICY), "document 2, item 1: is for shop/", id="item of a document"),
        pytest.param(listed(POLICY) + "---\n" + POLICY, "and so is document 1, item 1: live", id="the first one"),
    ],
)
def test_an_item_of_a_list_is_named_by_its_place(tmp_path, text, said):
    with pytest.raises(ConfigError) as told:
        read(tmp_path, text)
    assert said in str(told.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "is empty, write a HorizontalPodScaler into it", id="nothing"),
        pytest.param(
            "kind: Deployment", "kind: 'Deployment' is no policy, use HorizontalPodScaler or", id="another kind"
        ),
        pytest.param("[1]", "kind: None is no policy", id="no object"),
        pytest.param(NAMESPACE, "has no policy, only Namespace shop: write a HorizontalPodScaler", id="no policy"),
        pytest.param(listed(), "is empty, write a HorizontalPodScaler into it", id="a list of nothing"),
        pytest.param(
            POLICY.replace("HorizontalPodScaler", "HorizontalPodScalar"), "kind: 'HorizontalPodScalar' is", id="a typo"
        ),
        pytest.param("a: [", "no YAML", id="no YAML"),
        pytest.param("a: " + "[" * 5000, "nested too deeply", id="a thousand brackets"),
        pytest.param(POLICY + "  metrics: &m [*m]", "an anchor refers to itself", id="itself within itself"),
        pytest.param(
            POLICY + "  maxReplica: 3", "spec.maxReplica is no field; did you mean maxReplicas?", id="a mistyped field"
        ),
        pytest.param(
            POLICY + "  metrics: [{type: Resource, resource: {name: cpu, target: {averageUtilisation: 3}}}]",
            "spec.metrics[0].resource.target.averageUtilisation is no field",
            id="a mistyped field further down",
        ),
        pytest.param(POLICY + "maxReplicas: 3", "maxReplicas is no field", id="a field a step too far left"),
        pytest.param(
            POLICY.replace("HorizontalPodScaler", "HorizontalPodAutoscaler"),
            "of a HorizontalPodAutoscaler is not read, write it as autoscaling/v2",
            id="a version of another kind",
        ),
        pytest.param(POLICY + "  maxReplicas: 3", "line 7: maxReplicas was already set on line 6", id="a key twice"),
        pytest.param(POLICY.replace("10", "0"), "spec.maxReplicas: is 0, set it to at least 1", id="senseless"),
        pytest.param(POLICY.replace("10", "ten"), "maxReplicas", id="of another type"),
        pytest.param(POLICY + "---\nkind: Pod", "document 2: kind: 'Pod' is no policy", id="the second document"),
        pytest.param(POLICY.replace("10", "2026-01-01"), "maxReplicas", id="a date"),
        pytest.param(POLICY.replace("10", "1" + 30 * "0"), "spec.maxReplicas: Expected `int` <= 2147483647", id="huge"),
        pytest.param(
            POLICY.replace("namespace", "namspace"),
            "metadata.namspace is no field; did you mean namespace?",
            id="it would be for all namespaces",
        ),
        pytest.param(POLICY.replace("shop", '"Sh/op"'), "metadata.namespace: 'Sh/op' is no name", id="no namespace"),
        pytest.param(POLICY.replace("shop", "7"), "metadata.namespace: 7 is no name", id="a number"),
        pytest.param(
            POLICY.replace("{name: web, namespace: shop}", "shop"), "metadata: is no object but 'shop'", id="a word"
        ),
    ],
)
def test_what_is_to_be_corrected_is_named(tmp_path, text, said):
    with pytest.raises(ConfigError) as told:
        read(tmp_path, text)
    assert said in str(told.value)
    assert "--policy" in str(told.value)
    assert "new.yaml" in str(told.value)


def test_a_file_that_is_not_there():
    with pytest.raises(ConfigError, match=r"--policy nowhere\.yaml: No such file"):
        policyfile.read(["nowhere.yaml"], Compat())


def test_a_record_is_told_as_one(tmp_path):
    """However long it is, also of a later release."""
    text = steady(tmp_path / "decisions.jsonl").read_text()
    later = text.replace("decision.v1", "decision.v2", 1)
    assert later != text
    for given in (text, text.partition("\n")[0], text + " " * policyfile.LARGEST, later):
        path = tmp_path / "d.jsonl"
        path.write_text(given)
        with pytest.raises(ConfigError, match=r"d.jsonl: is a record, no policy: read it with --from .*d.jsonl$"):
            policyfile.read([str(path)], Compat())


def test_a_flood_is_not_read(tmp_path):
    with pytest.raises(ConfigError, match="is longer than"):
        read(tmp_path, "#" * (policyfile.LARGEST + 1))
