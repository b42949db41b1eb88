"""Others that write the same number of replicas: nobody of ours writes against a controller, and all are named."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from autoscaler.kube.claims import KEDA_LOOK_SECONDS
from tests.e2e.cluster import Cluster
from tests.e2e.eventually import eventually
from tests.e2e.kubeapi import APPLY
from tests.e2e.release import Release
from tests.e2e.workloads import Namespace, autoscaler_spec, hpa, scaler

SOON = 30.0
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SCALED_OBJECTS = "scaledobjects.keda.sh"


def conflicted(here: Namespace, policy: str, *others: str) -> Callable[[], bool]:
    """Whether the policy says that these scale its target, and does not count itself among them."""

    def told() -> bool:
        found = here.condition(policy, "Conflicted")
        assert found, "not evaluated yet"
        assert (found["status"], found["reason"]) == ("True", "ClaimedTwice")
        assert f"is scaled by {', '.join(others)} too" in found["message"]
        assert here.condition(policy, "Ready")["status"] == "False"
        return True

    return told


def warned(cluster: Cluster, here: Namespace, name: str) -> bool:
    """Whether an Event of the HPA names our policy."""
    events = cluster.admin.get(f"/apis/events.k8s.io/v1/namespaces/{here.name}/events")["items"]
    told = [each for each in events if each["reason"] == "ClaimedTwice" and each["regarding"]["name"] == name]
    return [f"HorizontalPodScaler {here.name}/web" in each["note"] for each in told] == [True]


def evaluated(here: Namespace, policy: str) -> Callable[[], bool]:
    """Whether the newest spec was evaluated."""

    def told() -> bool:
        found = here.scaler(policy)
        return bool(found.get("status", {}).get("observedGeneration") == found["metadata"]["generation"])

    return told


def test_s15_beside_an_hpa_nothing_is_written_until_it_goes(
    cluster: Cluster, release: Release, here: Namespace
) -> None:
    cluster.admin.post(here.hpas, hpa("theirs", autoscaler_spec("web")))
    eventually(SOON, conflicted(here, "web", f"HorizontalPodAutoscaler {here.name}/theirs"))
    here.ask_for("web", 3)
    eventually(SOON, evaluated(here, "web"))
    assert here.replicas("web") == 1
    eventually(SOON, lambda: warned(cluster, here, "theirs"), "its owner sees that on it")
    cluster.admin.delete(f"{here.hpas}/theirs")
    eventually(SOON, lambda: here.replicas("web") == 3, "once alone, it is scaled")
    eventually(SOON, lambda: here.condition("web", "Conflicted")["status"] == "False")


def test_c03_two_policies_on_one_target_name_each_other_and_a_shadow_harms_nobody(
    cluster: Cluster, release: Release, here: Namespace
) -> None:
    cluster.admin.post(here.scalers, scaler("second", autoscaler_spec("web", least=2)))
    eventually(SOON, conflicted(here, "web", f"HorizontalPodScaler {here.name}/second"))
    eventually(SOON, conflicted(here, "second", f"HorizontalPodScaler {here.name}/web"))
    assert here.replicas("web") == 1
    cluster.admin.patch(f"{here.scalers}/web", {"spec": {"mode": "Shadow"}})
    eventually(SOON, lambda: here.replicas("web") == 2, "the one that writes is alone")
    eventually(SOON, lambda: here.condition("web", "Conflicted")["status"] == "False")


@pytest.fixture
def keda(cluster: Cluster) -> Iterator[None]:
    """The definition of KEDA's ScaledObject; no KEDA behind it."""
    names = {"kind": "ScaledObject", "plural": "scaledobjects", "singular": "scaledobject"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": schema}
    spec = {"group": "keda.sh", "scope": "Namespaced", "names": names, "versions": [version]}
    cluster.admin.post(DEFINITIONS, {"metadata": {"name": SCALED_OBJECTS}, "spec": spec})
    eventually(SOON, lambda: cluster.admin.exists("/apis/keda.sh/v1alpha1/scaledobjects"))
    yield
    cluster.admin.delete(f"{DEFINITIONS}/{SCALED_OBJECTS}")


def all_three_are_named_until_one_is_left(cluster: Cluster, here: Namespace, keda_s: str) -> None:
    """An HPA, a ScaledObject and an hps on one target, that of KEDA being there; ours wants 3, the HPA what it has."""
    cluster.admin.post(here.hpas, hpa("theirs", autoscaler_spec("web")))
    eventually(SOON, conflicted(here, "web", f"HorizontalPodAutoscaler {here.name}/theirs", keda_s))
    eventually(SOON, evaluated(here, "web"))
    assert here.replicas("web") == 1
    cluster.admin.delete(f"{here.hpas}/theirs")
    eventually(SOON, conflicted(here, "web", keda_s), "one of the others is left")
    assert here.replicas("web") == 1


def test_s15_a_scaled_object_is_seen_once_the_cluster_has_keda(
    cluster: Cluster, release: Release, here: Namespace, keda: None
) -> None:
    scaled = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "queue"}}
    path = f"/apis/keda.sh/v1alpha1/namespaces/{here.name}/scaledobjects"
    cluster.admin.post(path, {**scaled, "spec": {"scaleTargetRef": {"name": "web"}}})
    keda_s = f"ScaledObject {here.name}/queue"
    eventually(KEDA_LOOK_SECONDS + SOON, conflicted(here, "web", keda_s))
    here.ask_for("web", 3)
    all_three_are_named_until_one_is_left(cluster, here, keda_s)
    cluster.admin.delete(f"{path}/queue")
    eventually(SOON, lambda: here.replicas("web") == 3, "once alone, it is scaled")
    eventually(SOON, lambda: here.condition("web", "Conflicted")["status"] == "False")


def test_s14_a_manual_change_is_the_new_base_and_no_conflict(
    cluster: Cluster, release: Release, here: Namespace
) -> None:
    cluster.admin.patch(f"{here.scalers}/web", {"spec": {"behavior": {"scaleDown": {"selectPolicy": "Disabled"}}}})
    eventually(SOON, evaluated(here, "web"))
    cluster.kubectl("-n", here.name, "scale", "deployment", "web", "--replicas=4")
    eventually(SOON, lambda: here.scaler("web")["status"]["currentReplicas"] == 4, "it is decided from")
    assert here.replicas("web") == 4
    assert here.condition("web", "Conflicted")["status"] == "False"


def test_s14_a_paused_rollout_is_scaled_as_the_hpa_would(cluster: Cluster, release: Release, here: Namespace) -> None:
    cluster.kubectl("-n", here.name, "rollout", "pause", "deployment", "web")
    here.ask_for("web", 2)
    eventually(SOON, lambda: here.replicas("web") == 2)
    eventually(SOON, lambda: len(here.running("web")) == 2)


def test_s14_a_target_scaled_to_0_by_hand_is_left_alone(cluster: Cluster, release: Release, here: Namespace) -> None:
    cluster.kubectl("-n", here.name, "scale", "deployment", "web", "--replicas=0")
    eventually(SOON, lambda: here.condition("web", "ScalingActive")["reason"] == "ScalingDisabled")
    here.ask_for("web", 2)
    eventually(SOON, evaluated(here, "web"))
    assert here.replicas("web") == 0


def test_who_keeps_setting_our_number_back_is_named_from_the_managed_fields(
    cluster: Cluster, release: Release, here: Namespace
) -> None:
    """A GitOps controller that applies spec.replicas: 1 whenever it finds another number."""
    here.ask_for("web", 2)
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": 1},
    }

    def fought() -> bool:
        if here.replicas("web") != 1:
            path = f"{here.deployments}/web?fieldManager=argocd-controller&force=true"
            cluster.admin.call("PATCH", path, manifest, APPLY)
        found = here.condition("web", "Conflicted")
        assert found.get("reason") == "Reverted", found
        assert "argocd-controller (Apply) keeps setting spec.replicas of Deployment web to 1" in found["message"]
        assert "remove spec.replicas from the manifest" in found["message"]
        return True

    eventually(2 * SOON, fought)
    eventually(SOON, lambda: here.replicas("web") == 2, "it is written all the same")
    cluster.kubectl("-n", here.name, "scale", "deployment", "web", "--replicas=3")
    eventually(SOON, lambda: here.condition("web", "Conflicted")["status"] == "False", "a manual change is a new base")
    assert here.replicas("web") in (2, 3), "decided from, at once"
