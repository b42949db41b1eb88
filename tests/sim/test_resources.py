from __future__ import annotations

import pytest

from autoscaler.sim.resources import POD_SCALERS, Surface


def test_a_scale_subresource_is_announced_with_its_own_kind() -> None:
    document = Surface().document(("apis", "apps", "v1"))
    assert document is not None
    entries = {entry["name"]: entry for entry in document["resources"]}
    assert entries["deployments"]["shortNames"] == ["deploy"]
    assert entries["deployments/scale"]["kind"] == "Scale"
    assert entries["deployments/scale"]["group"] == "autoscaling"


def test_reviews_can_only_be_created() -> None:
    document = Surface().document(("apis", "authentication.k8s.io", "v1"))
    assert document is not None
    assert document["resources"][0]["verbs"] == ["create"]


def test_the_core_group_has_a_path_of_its_own() -> None:
    document = Surface().document(("api", "v1"))
    assert document is not None
    assert document["groupVersion"] == "v1"
    assert "pods" in {entry["name"] for entry in document["resources"]}


def test_a_group_disappears_with_its_last_resource() -> None:
    surface = Surface()
    surface.remove(POD_SCALERS)
    groups = surface.document(("apis",))
    assert groups is not None
    assert "hpa-companion.dev" not in {group["name"] for group in groups["groups"]}
    assert surface.document(("apis", "hpa-companion.dev", "v1alpha1")) is None


@pytest.mark.parametrize("path", [("apis", "none"), ("apis", "apps", "v9"), ("nothing",), ()])
def test_there_is_no_document_elsewhere(path: tuple[str, ...]) -> None:
    assert Surface().document(path) is None
